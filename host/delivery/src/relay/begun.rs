//! The leases under which this host has begun to attempt effects.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use signalbox_model::Timestamp;

/// Below so many leases, none is looked at to forget it.
const FEW: usize = 1_024;

/// The leases that were begun, by decision, until they end. A copy of a decision may reach the relay twice, and the
/// second one late: its effects look pending and its lease valid, though all of them were delivered under that lease.
#[derive(Default)]
pub(super) struct BegunLeases(Mutex<Begun>);

#[derive(Default)]
struct Begun {
    ends: HashMap<String, Timestamp>,
    /// How many there may be before those that have ended are forgotten.
    room: usize,
}

impl BegunLeases {
    /// Begins a lease that ends at `until`; false when it was begun before.
    pub fn begin(&self, decision_id: &str, until: Timestamp, now: Timestamp) -> bool {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.ends.len() >= begun.room {
            begun.ends.retain(|_, until| *until > now);
            begun.room = (2 * begun.ends.len()).max(FEW);
        }
        begun.ends.insert(decision_id.to_owned(), until) != Some(until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_lease_is_begun_once_and_the_next_lease_of_the_same_decision_too() {
        let (leases, now) = (BegunLeases::default(), Timestamp::UNIX_EPOCH);
        let until = now + Duration::from_secs(30);
        assert!(leases.begin("d1", until, now));
        assert!(!leases.begin("d1", until, now));
        assert!(leases.begin("d2", until, now));
        assert!(leases.begin("d1", until + Duration::from_secs(30), now));
    }

    #[test]
    fn leases_that_have_ended_are_forgotten() {
        let leases = BegunLeases::default();
        for second in 0..100_000 {
            let now = Timestamp::UNIX_EPOCH + Duration::from_secs(second);
            assert!(leases.begin(&format!("d{second}"), now + Duration::from_secs(30), now));
        }
        assert!(leases.0.lock().unwrap().ends.len() <= FEW);
    }
}
