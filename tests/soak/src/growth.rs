//! Checks that the host's resources end where they began.

use crate::sample::Sample;

/// After the second round every kind of traffic has run twice: buffers and caches have their final size.
const WARM: usize = 1;

const MIB: u64 = 1 << 20;

/// How much more memory the last rounds may use: in the first rounds the slots for guest calls fill with memory that
/// hostile guests touch, and the memory that the allocator keeps varies by some MiB. In 144 rounds the memory rose from
/// 23.5 to 30 MiB in the first thirteen, and no further in the others. Over an hour this limit is about 50 bytes for
/// each answer.
const SLACK: u64 = 8 * MIB;

/// The same limit, in percent.
const SLACK_PERCENT: u64 = 5;

/// The first sample of the warm host.
pub fn baseline(samples: &[Sample]) -> Option<&Sample> {
    samples.get(WARM)
}

/// The resources that have grown, in words; empty when none has.
pub fn grown(samples: &[Sample]) -> Vec<String> {
    let (Some(first), Some(last)) = (baseline(samples), samples.last()) else { return Vec::new() };
    let mut grown = Vec::new();
    if last.handles > first.handles {
        grown.push(format!("file handles went from {} to {}", first.handles, last.handles));
    }
    if last.tasks > first.tasks {
        grown.push(format!("tasks of the runtime went from {} to {}", first.tasks, last.tasks));
    }
    if last.free < first.free {
        grown.push(format!("free places for guest calls went from {} to {}", first.free, last.free));
    }
    let (before, after) = memory(samples);
    if after > bound(before) {
        grown.push(format!("memory went from {} KiB to {} KiB", before >> 10, after >> 10));
    }
    grown
}

/// The figures for a person.
pub fn told(samples: &[Sample]) -> String {
    let (before, after) = memory(samples);
    format!("memory at first {} KiB, at last {} KiB, allowed {} KiB", before >> 10, after >> 10, bound(before) >> 10)
}

/// Medians of the first and the last third of the rounds after the warm-up: single rounds differ, for example by a
/// checkpoint of the store.
fn memory(samples: &[Sample]) -> (u64, u64) {
    let warm = samples.get(WARM..).unwrap_or_default();
    let third = warm.len().div_ceil(3);
    let (first, last) = (warm.get(..third), warm.get(warm.len().saturating_sub(third)..));
    (median(first.unwrap_or_default()), median(last.unwrap_or_default()))
}

fn median(samples: &[Sample]) -> u64 {
    let mut memory: Vec<_> = samples.iter().map(|sample| sample.memory).collect();
    memory.sort_unstable();
    memory.get(memory.len() / 2).copied().unwrap_or_default()
}

fn bound(before: u64) -> u64 {
    before + before * SLACK_PERCENT / 100 + SLACK
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(memory: impl IntoIterator<Item = u64>) -> Vec<Sample> {
        let sample = |mib| Sample { memory: mib * MIB, handles: 30, threads: 9, tasks: 12, free: 32 };
        memory.into_iter().map(sample).collect()
    }

    #[test]
    fn a_host_that_warms_up_and_then_varies_has_not_grown() {
        assert_eq!(grown(&rounds([40, 60, 62, 59, 61, 80, 60, 62, 61])), Vec::<String>::new());
    }

    #[test]
    fn memory_that_rises_a_little_with_every_round_is_named() {
        let grown = grown(&rounds(60..100));
        assert!(matches!(grown.as_slice(), [told] if told.starts_with("memory went from ")), "{grown:?}");
    }

    #[test]
    fn each_of_the_others_may_not_rise_at_all() {
        let before = rounds([60])[0];
        for (last, told) in [
            (Sample { handles: 31, ..before }, "file handles went from 30 to 31"),
            (Sample { tasks: 13, ..before }, "tasks of the runtime went from 12 to 13"),
            (Sample { free: 31, ..before }, "free places for guest calls went from 32 to 31"),
        ] {
            let mut samples = rounds([60; 6]);
            samples.push(last);
            assert_eq!(grown(&samples), [told]);
        }
    }
}
