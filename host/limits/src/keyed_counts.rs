use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use thiserror::Error;

/// Which limit is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LimitReached {
    /// The key has as many as one key may have.
    #[error("the key has as many as one key may have")]
    Key,
    /// All keys together have as many as they may.
    #[error("all keys together have as many as they may have")]
    Total,
}

/// How many of something each key has, within a limit for one key and a limit for all keys together.
///
/// This is the arithmetic of [`ConcurrencyLimit`] and [`FairSemaphore`], for code that keeps several counts under one
/// lock. The caller of `add` calls [`remove`] once for it.
///
/// [`ConcurrencyLimit`]: crate::ConcurrencyLimit
/// [`FairSemaphore`]: crate::FairSemaphore
/// [`remove`]: KeyedCounts::remove
#[derive(Debug)]
pub struct KeyedCounts<K> {
    max_total: usize,
    max_per_key: usize,
    total: usize,
    /// Keys with a count of zero are not in it, so that a key that has nothing takes no memory.
    per_key: HashMap<K, usize>,
}

impl<K: Clone + Eq + Hash> KeyedCounts<K> {
    /// Counts of zero, with these limits.
    pub fn new(max_total: usize, max_per_key: usize) -> Self {
        Self { max_total, max_per_key, total: 0, per_key: HashMap::new() }
    }

    /// Adds one to a key. When the key and the total are both at their limit, the error is [`LimitReached::Key`].
    pub fn try_add(&mut self, key: &K) -> Result<(), LimitReached> {
        if self.total >= self.max_total {
            return Err(if self.key_is_full(key) { LimitReached::Key } else { LimitReached::Total });
        }
        match self.per_key.entry(key.clone()) {
            Entry::Occupied(count) if *count.get() >= self.max_per_key => return Err(LimitReached::Key),
            Entry::Occupied(mut count) => *count.get_mut() += 1,
            Entry::Vacant(_) if self.max_per_key == 0 => return Err(LimitReached::Key),
            Entry::Vacant(count) => {
                count.insert(1);
            }
        }
        self.total += 1;
        Ok(())
    }

    /// Takes one from a key. Does nothing for a key that has none.
    pub fn remove(&mut self, key: &K) {
        match self.per_key.get_mut(key) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => drop(self.per_key.remove(key)),
            None => return,
        }
        self.total -= 1;
    }

    /// Takes one from a key and adds it to another, whatever the total is. When the other key has as many as it may,
    /// nothing changes.
    pub fn transfer(&mut self, from: &K, to: &K) -> Result<(), LimitReached> {
        if from == to {
            return Ok(());
        }
        if self.key_is_full(to) {
            return Err(LimitReached::Key);
        }
        self.remove(from);
        self.try_add(to)
    }

    /// Whether [`try_add`](Self::try_add) would succeed.
    pub fn has_room(&self, key: &K) -> bool {
        !self.is_full() && !self.key_is_full(key)
    }

    /// Whether all keys together have as many as they may.
    pub fn is_full(&self) -> bool {
        self.total >= self.max_total
    }

    /// How many all keys have together.
    pub fn total(&self) -> usize {
        self.total
    }

    /// How many may be added before the total is at its limit.
    pub fn available(&self) -> usize {
        self.max_total - self.total
    }

    /// How many a key has.
    pub fn count(&self, key: &K) -> usize {
        self.per_key.get(key).copied().unwrap_or_default()
    }

    /// How many keys have any, and so take memory.
    pub fn keys(&self) -> usize {
        self.per_key.len()
    }

    fn key_is_full(&self, key: &K) -> bool {
        self.count(key) >= self.max_per_key
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Add(u8),
        Remove(u8),
        Transfer(u8, u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..4_u8).prop_map(Step::Add),
            2 => (0..4_u8).prop_map(Step::Remove),
            1 => (0..4_u8, 0..4_u8).prop_map(|(from, to)| Step::Transfer(from, to)),
        ]
    }

    proptest! {
        #[test]
        fn counts_keep_both_limits_and_say_which_one_is_in_the_way(
            max_total in 0..6_usize, max_per_key in 0..4_usize, steps in prop::collection::vec(step(), 0..60),
        ) {
            let mut counts = KeyedCounts::new(max_total, max_per_key);
            let mut model = [0_usize; 4];
            for step in steps {
                match step {
                    Step::Add(key) => {
                        let (own, total) = (&mut model[usize::from(key)], counts.total());
                        let expected = match (*own < max_per_key, total < max_total) {
                            (false, _) => Err(LimitReached::Key),
                            (true, false) => Err(LimitReached::Total),
                            (true, true) => Ok(()),
                        };
                        prop_assert_eq!(counts.has_room(&key), expected.is_ok());
                        *own += usize::from(expected.is_ok());
                        prop_assert_eq!(counts.try_add(&key), expected);
                    }
                    Step::Remove(key) => {
                        model[usize::from(key)] = model[usize::from(key)].saturating_sub(1);
                        counts.remove(&key);
                    }
                    Step::Transfer(from, to) if model[usize::from(from)] > 0 => {
                        let moved = from == to || model[usize::from(to)] < max_per_key;
                        if moved {
                            model[usize::from(from)] -= 1;
                            model[usize::from(to)] += 1;
                        }
                        prop_assert_eq!(counts.transfer(&from, &to).is_ok(), moved);
                    }
                    Step::Transfer(..) => {}
                }
                for key in 0..4_u8 {
                    prop_assert_eq!(counts.count(&key), model[usize::from(key)]);
                }
                prop_assert_eq!(counts.total(), model.iter().sum::<usize>());
                prop_assert_eq!(counts.available(), max_total - counts.total());
                prop_assert_eq!(counts.keys(), model.iter().filter(|count| **count > 0).count(), "only keys that have some");
            }
        }
    }
}
