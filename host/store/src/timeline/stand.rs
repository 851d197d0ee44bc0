//! The stored state of the timeline, and what it means for a cursor.

use std::time::Duration;

use signalbox_model::Timestamp;

use super::{APART, STALE};
use crate::item::{AttributeMap, text};
use crate::key::instant;

/// How many leaps are remembered. A start after a pause is one, so these cover many months.
const LEAPS: usize = 200;

pub(super) const HIGH: &str = "high";
pub(super) const LEAPT: &str = "leaps";
pub(super) const FORGOTTEN: &str = "forgotten";

/// The stored state of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    /// The latest moment that a host has stored.
    pub(crate) high: Timestamp,
    leaps: Vec<Leap>,
    /// Leaps before this moment have been forgotten.
    pub(super) forgotten: Option<Timestamp>,
}

/// A time in which one host was ahead of all others, because its clock had gone forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leap {
    from: Timestamp,
    to: Timestamp,
}

impl Stand {
    /// The moment from which decisions may exist that the holder of a cursor at `at` has not seen, and whether that is
    /// certain.
    pub(crate) fn unseen_from(&self, at: Timestamp, overlap: Duration) -> (Timestamp, bool) {
        let back = overlap.max(Duration::from_secs(5)).saturating_add(APART);
        // A cursor ahead of every host was given by a clock that no host follows any more.
        let known = at <= add(self.high, STALE.saturating_add(APART));
        let remembered = self.forgotten.is_none_or(|forgotten| sub(at, back) > forgotten);
        let mut from = sub(at.min(self.high), back);
        for leap in self.leaps.iter().rev() {
            // Until the other hosts have read of the leap, the host that leapt was ahead of them.
            if from <= add(leap.to, STALE) && from > sub(leap.from, back) {
                from = sub(leap.from, back);
            }
        }
        (from, known && remembered)
    }

    pub(super) fn of(item: &AttributeMap) -> Option<Self> {
        let high = text(item, HIGH)?.parse().ok()?;
        let leaps = text(item, LEAPT).unwrap_or_default().split_whitespace();
        let leap = |leap: &str| {
            let (from, to) = leap.split_once('/')?;
            Some(Leap { from: from.parse().ok()?, to: to.parse().ok()? })
        };
        let forgotten = text(item, FORGOTTEN).and_then(|at| at.parse().ok());
        Some(Self { high, leaps: leaps.filter_map(leap).collect(), forgotten })
    }

    pub(super) fn leap(&mut self, from: Timestamp, to: Timestamp) {
        self.leaps.push(Leap { from, to });
        while self.leaps.len() > LEAPS {
            self.forgotten = self.forgotten.max(Some(self.leaps.remove(0).to));
        }
    }

    pub(super) fn leaps_text(&self) -> String {
        let leaps = self.leaps.iter().map(|leap| format!("{}/{}", instant(leap.from), instant(leap.to)));
        leaps.collect::<Vec<_>>().join(" ")
    }
}

pub(crate) fn add(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

pub(crate) fn sub(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::ItemBuilder;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn stand(high: i64, leaps: &[(i64, i64)]) -> Stand {
        let leaps = leaps.iter().map(|(from, to)| Leap { from: at(*from), to: at(*to) }).collect();
        Stand { high: at(high), leaps, forgotten: None }
    }

    #[test]
    fn whoever_was_ahead_of_the_others_reads_on_from_before_the_leap() {
        let stand = stand(10_000, &[(1_000, 5_000)]);
        let from = |cursor| stand.unseen_from(at(cursor), Duration::from_secs(5));
        assert_eq!(from(900), (at(875), true), "before the leap nothing is different");
        for cursor in [1_001, 3_000, 5_000, 5_014] {
            assert_eq!(from(cursor), (at(975), true), "{cursor}");
        }
        assert_eq!(from(6_000), (at(5_975), true), "long after it everybody knows");
    }

    #[test]
    fn leaps_that_follow_each_other_are_read_on_from_before_the_first() {
        let stand = stand(10_000, &[(100, 1_000), (1_005, 2_000)]);
        assert_eq!(stand.unseen_from(at(1_990), Duration::from_secs(5)), (at(75), true));
    }

    #[test]
    fn what_nobody_can_vouch_for_is_not_said_to_be_complete() {
        let mut stand = stand(10_000, &[]);
        assert!(stand.unseen_from(at(10_010), Duration::ZERO).1);
        assert_eq!(stand.unseen_from(at(20_000), Duration::from_secs(5)), (at(9_975), false));
        stand.forgotten = Some(at(5_000));
        assert!(!stand.unseen_from(at(4_000), Duration::ZERO).1);
        assert!(stand.unseen_from(at(6_000), Duration::ZERO).1);
    }

    #[test]
    fn a_stand_is_read_as_it_was_written_and_remembers_so_many_leaps() {
        let mut stand = stand(0, &[]);
        for leap in 0..250 {
            stand.leap(at(leap * 100), at(leap * 100 + 50));
        }
        assert_eq!((stand.leaps.len(), stand.forgotten), (LEAPS, Some(at(4_950))));
        let item = ItemBuilder::default()
            .text(HIGH, instant(stand.high))
            .text(LEAPT, stand.leaps_text())
            .text(FORGOTTEN, instant(at(4_950)))
            .build();
        assert_eq!(Stand::of(&item), Some(stand));
    }
}
