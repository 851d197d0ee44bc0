use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{KeyedCounts, LimitReached};

/// How many of something a key may have at a time, and all keys together. Nothing waits: a request that finds no room
/// is refused.
///
/// Clones share the same counts.
///
/// # Examples
///
/// ```
/// use signalbox_limits::{ConcurrencyLimit, LimitReached};
///
/// let requests = ConcurrencyLimit::new(3, 2);
/// let first = requests.try_acquire("one").unwrap();
/// let _second = requests.try_acquire("one").unwrap();
/// assert_eq!(requests.try_acquire("one").unwrap_err(), LimitReached::Key);
/// drop(first);
/// assert!(requests.try_acquire("one").is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit<K> {
    counts: Arc<Mutex<KeyedCounts<K>>>,
}

/// A permit of a [`ConcurrencyLimit`], counted until it is dropped.
#[derive(Debug)]
pub struct ConcurrencyPermit<K: Clone + Eq + Hash> {
    limit: ConcurrencyLimit<K>,
    key: K,
}

impl<K: Clone + Eq + Hash> ConcurrencyLimit<K> {
    /// At most `max_total` in all, and `max_per_key` for one key.
    pub fn new(max_total: usize, max_per_key: usize) -> Self {
        Self { counts: Arc::new(Mutex::new(KeyedCounts::new(max_total, max_per_key))) }
    }

    /// At most `max_per_key` for one key, and no limit for all of them together.
    pub fn per_key(max_per_key: usize) -> Self {
        Self::new(usize::MAX, max_per_key)
    }

    /// Takes a permit for a key. The error says which limit is reached; when both are, it names the limit of the key.
    pub fn try_acquire(&self, key: K) -> Result<ConcurrencyPermit<K>, LimitReached> {
        self.lock().try_add(&key)?;
        Ok(ConcurrencyPermit { limit: self.clone(), key })
    }

    /// How many permits are held.
    pub fn in_use(&self) -> usize {
        self.lock().total()
    }

    /// How many keys hold a permit, and so take memory.
    pub fn keys(&self) -> usize {
        self.lock().keys()
    }

    fn lock(&self) -> MutexGuard<'_, KeyedCounts<K>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> ConcurrencyPermit<K> {
    /// Hands the permit to another key, so that no other request can take it meanwhile. When that key has as many as it
    /// may, the permit is released.
    pub fn transfer(mut self, key: K) -> Result<Self, LimitReached> {
        let transferred = self.limit.lock().transfer(&self.key, &key);
        transferred?;
        self.key = key;
        Ok(self)
    }
}

impl<K: Clone + Eq + Hash> Drop for ConcurrencyPermit<K> {
    fn drop(&mut self) {
        self.limit.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_that_holds_its_permits_is_refused_and_another_is_not() {
        let limit = ConcurrencyLimit::new(3, 2);
        let held = [limit.try_acquire("one").unwrap(), limit.try_acquire("one").unwrap()];
        assert_eq!(limit.try_acquire("one").unwrap_err(), LimitReached::Key);
        let other = limit.try_acquire("other").unwrap();
        assert_eq!(limit.try_acquire("third").unwrap_err(), LimitReached::Total);
        drop((held, other));
        limit.try_acquire("one").unwrap();
        assert_eq!(limit.keys(), 0, "nothing is kept of a key that holds none");
    }

    #[test]
    fn a_permit_that_is_handed_to_another_key_is_never_free_in_between() {
        let limit = ConcurrencyLimit::new(2, 1);
        let (one, _other) = (limit.try_acquire("one").unwrap(), limit.try_acquire("other").unwrap());
        let third = one.transfer("third").unwrap();
        assert_eq!((limit.in_use(), limit.try_acquire("one").unwrap_err()), (2, LimitReached::Total));
        assert_eq!(third.transfer("other").unwrap_err(), LimitReached::Key);
        assert_eq!(limit.in_use(), 1, "what cannot be handed over is released");
    }

    /// Acquire for a key, hand the permit at a position to a key, or drop the permit at a position.
    #[derive(Clone, Debug)]
    enum Step {
        Acquire(u8),
        Transfer(prop::sample::Index, u8),
        Drop(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        let position = any::<prop::sample::Index>;
        prop_oneof![
            3 => (0..3_u8).prop_map(Step::Acquire),
            1 => (position(), 0..3_u8).prop_map(|(position, key)| Step::Transfer(position, key)),
            2 => position().prop_map(Step::Drop),
        ]
    }

    proptest! {
        #[test]
        fn a_limit_counts_exactly_the_permits_that_are_held(
            max_total in 0..5_usize, max_per_key in 0..4_usize, steps in prop::collection::vec(step(), 0..60),
        ) {
            let limit = ConcurrencyLimit::new(max_total, max_per_key);
            let mut held = Vec::new();
            for step in steps {
                match step {
                    Step::Acquire(key) => held.extend(limit.try_acquire(key).ok()),
                    Step::Transfer(position, key) if !held.is_empty() => {
                        let permit = held.swap_remove(position.index(held.len()));
                        held.extend(permit.transfer(key).ok());
                    }
                    Step::Drop(position) if !held.is_empty() => drop(held.swap_remove(position.index(held.len()))),
                    Step::Transfer(..) | Step::Drop(_) => {}
                }
                prop_assert!(held.len() <= max_total);
                prop_assert_eq!(limit.in_use(), held.len());
                for key in 0..3_u8 {
                    let of_key = held.iter().filter(|permit| permit.key == key).count();
                    prop_assert!(of_key <= max_per_key);
                    prop_assert_eq!(limit.lock().count(&key), of_key);
                }
            }
            held.clear();
            prop_assert_eq!((limit.in_use(), limit.keys()), (0, 0));
        }
    }
}
