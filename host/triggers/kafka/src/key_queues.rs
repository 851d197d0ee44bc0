use std::collections::{HashMap, VecDeque};

use crate::record::Record;

/// The records of a partition, a queue for each key: one record of a queue runs, the others wait in order. Records
/// without a key share a queue, because only the partition's order says how they belong together.
#[derive(Debug, Default)]
pub(super) struct KeyQueues {
    waiting: HashMap<Option<Vec<u8>>, VecDeque<Record>>,
}

impl KeyQueues {
    /// Enters a record; returns it when it may run now, else it waits.
    pub fn enter(&mut self, record: Record) -> Option<Record> {
        match self.waiting.get_mut(&record.key) {
            Some(queue) => {
                queue.push_back(record);
                None
            }
            None => {
                self.waiting.insert(record.key.clone(), VecDeque::new());
                Some(record)
            }
        }
    }

    /// The next record of a queue whose record has ended.
    pub fn next(&mut self, key: &Option<Vec<u8>>) -> Option<Record> {
        let next = self.waiting.get_mut(key)?.pop_front();
        if next.is_none() {
            self.waiting.remove(key);
        }
        next
    }

    /// Removes and returns the waiting records; running ones go on.
    pub fn clear(&mut self) -> Vec<Record> {
        self.waiting.values_mut().flat_map(|queue| queue.drain(..)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(offset: i64, key: Option<u8>) -> Record {
        Record { key: key.map(|key| vec![key]), ..Record::at("t", 0, offset) }
    }

    #[test]
    fn an_idle_key_takes_no_memory() {
        let mut key_queues = KeyQueues::default();
        assert!(key_queues.enter(record(1, Some(1))).is_some());
        assert!(key_queues.next(&Some(vec![1])).is_none());
        assert!(key_queues.waiting.is_empty());
    }

    proptest! {
        #[test]
        fn records_with_the_same_key_run_one_at_a_time_and_in_order(
            keys in proptest::collection::vec(proptest::option::of(0..4_u8), 1..60),
            picks in proptest::collection::vec(any::<prop::sample::Index>(), 120),
        ) {
            let mut key_queues = KeyQueues::default();
            let (mut running, mut ended): (Vec<Record>, Vec<Record>) = (Vec::new(), Vec::new());
            let mut coming = keys.iter().enumerate().map(|(offset, key)| record(offset as i64, *key));
            for pick in picks {
                running.extend(coming.next().and_then(|record| key_queues.enter(record)));
                let mut busy: Vec<_> = running.iter().map(|record| record.key.clone()).collect();
                busy.sort();
                prop_assert!(busy.windows(2).all(|pair| pair[0] != pair[1]), "two of a key run at once");
                if !running.is_empty() {
                    let record = running.swap_remove(pick.index(running.len()));
                    running.extend(key_queues.next(&record.key));
                    ended.push(record);
                }
            }
            prop_assert_eq!(ended.len(), keys.len());
            for key in 0..5_u8 {
                let key = (key < 4).then(|| vec![key]);
                let offsets: Vec<_> = ended.iter().filter(|own| own.key == key).map(|own| own.offset).collect();
                prop_assert!(offsets.is_sorted(), "{:?} ended in the order {:?}", key, offsets);
            }
        }
    }
}
