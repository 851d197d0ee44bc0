use std::time::Duration;

use crate::graph::Retry;

/// The pause before attempt `attempt`, which is at least 2. Jitter shortens it by up to a half. The jitter is always
/// the same for the same node and attempt, so that a repeated run does not differ.
pub(super) fn delay(retry: &Retry, node: &str, attempt: u32) -> Duration {
    let power = i32::try_from(attempt.saturating_sub(2)).unwrap_or(i32::MAX);
    let longest = retry.max_interval.as_secs_f64();
    let whole = (retry.initial_interval.as_secs_f64() * retry.backoff_factor.powi(power)).min(longest);
    let part = if retry.jitter { 0.5 + 0.5 * fraction(node, attempt) } else { 1.0 };
    Duration::try_from_secs_f64(whole * part).unwrap_or(retry.max_interval)
}

/// A number from 0 to 1 by FNV-1a, which is the same in all builds and on all machines, unlike the hasher of the
/// standard library.
fn fraction(node: &str, attempt: u32) -> f64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in node.bytes().chain(attempt.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(jitter: bool) -> Retry {
        Retry { jitter, max_attempts: 10, ..Retry::NONE }
    }

    #[test]
    fn pauses_grow_up_to_the_cap() {
        let pauses: Vec<u128> = (2..=9).map(|attempt| delay(&retry(false), "a", attempt).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
        assert_eq!(delay(&retry(false), "a", u32::MAX), Duration::from_secs(5));
    }

    #[test]
    fn jitter_stays_within_the_upper_half_and_is_the_same_every_time() {
        let mut seen = std::collections::HashSet::new();
        for node in 0..100 {
            let pause = delay(&retry(true), &format!("node[{node}]"), 3);
            assert!((Duration::from_millis(200)..=Duration::from_millis(400)).contains(&pause), "{pause:?}");
            assert_eq!(pause, delay(&retry(true), &format!("node[{node}]"), 3));
            seen.insert(pause);
        }
        assert!(seen.len() > 50, "spread over {} pauses only", seen.len());
    }
}
