use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use signalbox_model::Timestamp;

/// The most changes that are remembered. A change that is forgotten is read once more, and sent to no one again.
const MOST: usize = 20_000;

/// The changes of the feed that this host has made itself or has read, so that it reads none of them again.
#[derive(Debug, Default)]
pub(crate) struct HandledChanges(Mutex<BTreeSet<(Timestamp, String)>>);

impl HandledChanges {
    /// Notes a change; false when it was noted before.
    pub fn note(&self, at: Timestamp, decision_id: &str) -> bool {
        let mut handled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = handled.insert((at, decision_id.to_owned()));
        if handled.len() > MOST {
            handled.pop_first();
        }
        is_new
    }

    /// Whether a change was noted.
    pub fn contains(&self, at: Timestamp, decision_id: &str) -> bool {
        let handled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        handled.contains(&(at, decision_id.to_owned()))
    }

    /// Forgets the changes before a moment, which the feed is no longer read for.
    pub fn forget_before(&self, at: Timestamp) {
        let mut handled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *handled = handled.split_off(&(at, String::new()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_noted_once_until_it_is_forgotten() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let handled = HandledChanges::default();
        assert!(handled.note(at(1), "a") && handled.note(at(2), "a") && handled.note(at(2), "b"));
        assert!(!handled.note(at(2), "a"));
        handled.forget_before(at(2));
        assert!(!handled.contains(at(1), "a"));
        assert!(handled.contains(at(2), "a") && handled.contains(at(2), "b"));
    }

    #[test]
    fn the_earliest_changes_are_forgotten_first_when_there_are_too_many() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let handled = HandledChanges::default();
        for second in 0..=i64::try_from(MOST).unwrap() {
            handled.note(at(second), "a");
        }
        assert!(!handled.contains(at(0), "a") && handled.contains(at(1), "a"));
    }
}
