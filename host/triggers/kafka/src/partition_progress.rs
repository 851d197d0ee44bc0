use std::collections::BTreeSet;

/// How far a partition has come: which records were read, and which of them are unfinished.
#[derive(Debug, Default)]
pub(super) struct PartitionProgress {
    unfinished: BTreeSet<i64>,
    /// The offset after the last one that was read; none before the first.
    next: Option<i64>,
    /// The offset that was last handed over for a commit.
    committed: Option<i64>,
}

impl PartitionProgress {
    /// Sets the first offset, which the brokers have stored.
    pub fn begin_at(&mut self, offset: i64) {
        self.next = Some(offset);
        self.committed = Some(offset);
    }

    /// Notes a record that was read. False when it is being worked on already.
    pub fn begin(&mut self, offset: i64) -> bool {
        // Not the largest offset ever: a topic that was deleted and created again begins with small offsets.
        self.next = Some(offset.saturating_add(1));
        self.unfinished.insert(offset)
    }

    /// Notes that a record is done for good.
    pub fn finish(&mut self, offset: i64) {
        self.unfinished.remove(&offset);
    }

    /// The low-water mark: every record below it is finished, in whatever order they ended. A group that starts again
    /// from here misses none.
    pub fn low_water(&self) -> Option<i64> {
        self.unfinished.first().copied().min(self.next).or(self.next)
    }

    /// The low-water mark, if it is not committed yet; from now on it counts as committed.
    pub fn commit(&mut self) -> Option<i64> {
        let low_water = self.low_water().filter(|low_water| Some(*low_water) != self.committed)?;
        self.committed = Some(low_water);
        Some(low_water)
    }

    /// The last commit did not reach the brokers.
    pub fn not_committed(&mut self) {
        self.committed = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_offset_is_committed_only_after_a_read_and_only_once() {
        let mut progress = PartitionProgress::default();
        assert_eq!(progress.commit(), None);
        progress.begin(7);
        assert_eq!(progress.commit(), Some(7), "where the group stands, said for the first time");
        progress.finish(7);
        assert_eq!(progress.commit(), Some(8));
        assert_eq!(progress.commit(), None);
        progress.not_committed();
        assert_eq!(progress.commit(), Some(8));
    }

    #[test]
    fn a_record_that_is_being_worked_on_is_not_begun_again() {
        let mut progress = PartitionProgress::default();
        assert!(progress.begin(7));
        assert!(!progress.begin(7));
        progress.finish(7);
        assert!(progress.begin(7), "read again after it was finished, for example because the topic was made anew");
        assert_eq!(progress.low_water(), Some(7));
    }

    /// Offsets with gaps, as compaction leaves them, and the order in which their records finish.
    fn records() -> impl Strategy<Value = (Vec<i64>, Vec<i64>)> {
        proptest::collection::btree_set(0..200_i64, 1..60).prop_flat_map(|offsets| {
            let offsets: Vec<i64> = offsets.into_iter().collect();
            (Just(offsets.clone()), Just(offsets).prop_shuffle())
        })
    }

    proptest! {
        #[test]
        fn a_commit_never_passes_an_unfinished_record(
            (offsets, finishes) in records(),
            turns in proptest::collection::vec(any::<bool>(), 120),
            failures in proptest::collection::vec(any::<bool>(), 120),
        ) {
            let mut progress = PartitionProgress::default();
            let (mut read, mut done): (Vec<i64>, Vec<i64>) = (Vec::new(), Vec::new());
            let mut to_read = offsets.iter().copied();
            for (read_on, fails) in turns.iter().zip(&failures) {
                let next = if *read_on { to_read.next() } else { None };
                if let Some(offset) = next {
                    prop_assert!(progress.begin(offset));
                    read.push(offset);
                } else if let Some(offset) = finishes.iter().find(|own| read.contains(own) && !done.contains(own)) {
                    progress.finish(*offset);
                    done.push(*offset);
                }
                if let Some(committed) = progress.commit() {
                    let lost: Vec<_> =
                        offsets.iter().filter(|own| **own < committed && !done.contains(own)).collect();
                    prop_assert!(lost.is_empty(), "a restart at {} would miss {:?}", committed, lost);
                    if *fails {
                        progress.not_committed();
                    }
                }
            }
            for offset in to_read {
                progress.begin(offset);
            }
            finishes.iter().for_each(|offset| progress.finish(*offset));
            progress.not_committed();
            prop_assert_eq!(progress.commit(), offsets.last().map(|last| last + 1), "in the end all is committed");
        }
    }
}
