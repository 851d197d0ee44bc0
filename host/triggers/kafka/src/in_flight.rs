//! The records of the assigned partitions that are being worked on. The reader's thread and the tasks that decide share
//! it.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::key_queues::KeyQueues;
use crate::metrics::{KAFKA_ASSIGNED, KAFKA_IN_FLIGHT, KAFKA_LAG, KAFKA_PAUSED};
use crate::partition_progress::PartitionProgress;
use crate::record::{Record, TopicPartition};

/// An offset to commit: that of the first record that a restarted group reads again.
pub(super) type CommitOffset = (TopicPartition, i64);

/// The partitions that are assigned to this host, and their records.
#[derive(Debug)]
pub(super) struct InFlightRecords {
    most_records: usize,
    most_bytes: u64,
    state: Mutex<InFlightState>,
    /// Notified whenever a record has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct InFlightState {
    partitions: HashMap<TopicPartition, AssignedPartition>,
    /// A counter that tells an assignment from an earlier one of the same partition.
    assignments: u64,
    records: usize,
    bytes: u64,
    full: bool,
}

#[derive(Debug)]
struct AssignedPartition {
    assignment: u64,
    progress: PartitionProgress,
    key_queues: KeyQueues,
    running: usize,
    /// The offset of the first record that was read.
    first: Option<i64>,
    /// Another host may have worked on at most this many records, counted from the first.
    most_records: i64,
    /// How many records wait for another try; while there are any, the partition is not read on.
    retrying: usize,
    paused: bool,
    /// Cancelled when the partition is revoked: a task that waits for another try stops.
    revoked: CancellationToken,
}

/// A record that is being worked on.
#[derive(Debug)]
pub(super) struct RunningRecord {
    pub record: Record,
    pub ticket: RunningKey,
}

/// Identifies a running record.
#[derive(Clone, Debug)]
pub(super) struct RunningKey {
    assignment: u64,
    /// Cancelled when the record's partition goes to another host.
    pub revoked: CancellationToken,
    /// The host that had the partition before may have worked on the record when it ended.
    pub may_be_redelivered: bool,
}

/// Which partitions to pause and which to resume.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PauseChanges {
    pub pause: Vec<TopicPartition>,
    pub resume: Vec<TopicPartition>,
}

/// Keeps a partition paused for as long as it lives.
pub(super) struct PartitionPause<'a> {
    in_flight_records: &'a InFlightRecords,
    partition: TopicPartition,
    assignment: u64,
}

impl InFlightRecords {
    pub fn new(most_records: usize, most_bytes: u64) -> Self {
        Self { most_records: most_records.max(1), most_bytes, state: Mutex::default(), ended: Condvar::new() }
    }

    /// These partitions are assigned to this host from now on.
    pub fn assign(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        let mut state = self.lock();
        for partition in partitions {
            state.assignments += 1;
            let assigned = AssignedPartition {
                assignment: state.assignments,
                progress: PartitionProgress::default(),
                key_queues: KeyQueues::default(),
                running: 0,
                first: None,
                most_records: i64::try_from(self.most_records).unwrap_or(i64::MAX),
                retrying: 0,
                paused: false,
                revoked: CancellationToken::new(),
            };
            state.partitions.insert(partition, assigned);
        }
        ::metrics::gauge!(KAFKA_ASSIGNED).set(state.partitions.len() as f64);
    }

    /// A partition begins at this offset, and the brokers have stored that.
    pub fn begin_at(&self, partition: &TopicPartition, offset: i64) {
        if let Some(assigned) = self.lock().partitions.get_mut(partition) {
            assigned.progress.begin_at(offset);
        }
    }

    /// Enters a record that was read; returns it when it may run now. A record of a partition that was revoked
    /// meanwhile is left to the partition's new host.
    pub fn begin(&self, record: Record) -> Option<RunningRecord> {
        let mut state = self.lock();
        let assigned =
            state.partitions.get_mut(&record.topic_partition()).filter(|assigned| !assigned.revoked.is_cancelled())?;
        if !assigned.progress.begin(record.offset) {
            return None;
        }
        assigned.first.get_or_insert(record.offset);
        let size = record.size();
        let running = assigned.key_queues.enter(record).map(|record| assigned.run(record));
        state.records += 1;
        state.bytes += size;
        state.measure();
        running
    }

    /// Ends a record. With `finished` it is done for good, else the partition's next reader gets it again. Returns the
    /// next record of its key queue.
    pub fn end(&self, ended: &RunningRecord, finished: bool) -> Option<RunningRecord> {
        let mut state = self.lock();
        state.records = state.records.saturating_sub(1);
        state.bytes = state.bytes.saturating_sub(ended.record.size());
        state.measure();
        let partition = ended.record.topic_partition();
        let assigned = state.partitions.get_mut(&partition);
        let next = assigned.filter(|assigned| assigned.assignment == ended.ticket.assignment).and_then(|assigned| {
            assigned.running = assigned.running.saturating_sub(1);
            if finished {
                assigned.progress.finish(ended.record.offset);
            }
            assigned.key_queues.next(&ended.record.key).map(|record| assigned.run(record))
        });
        self.ended.notify_all();
        next
    }

    /// Pauses the record's partition, because the record has to be tried again.
    pub fn pause_partition(&self, running: &RunningRecord) -> PartitionPause<'_> {
        let (partition, assignment) = (running.record.topic_partition(), running.ticket.assignment);
        self.lock().with(&partition, assignment, |assigned| assigned.retrying += 1);
        PartitionPause { in_flight_records: self, partition, assignment }
    }

    /// Which partitions to pause and which to resume, since the last call.
    pub fn take_pause_changes(&self) -> PauseChanges {
        let mut state = self.lock();
        let state = &mut *state;
        let (most_records, most_bytes) = (self.most_records, self.most_bytes);
        state.full = if state.full {
            // Only well below the limit, so that reading does not stop and start again for each record.
            state.records > most_records / 2 || state.bytes > most_bytes / 2
        } else {
            state.records >= most_records || state.bytes >= most_bytes
        };
        let mut changes = PauseChanges::default();
        let mut paused = 0_u32;
        for (partition, assigned) in &mut state.partitions {
            let pause = state.full || assigned.retrying > 0;
            paused += u32::from(pause);
            if pause != assigned.paused {
                assigned.paused = pause;
                if pause { changes.pause.push(partition.clone()) } else { changes.resume.push(partition.clone()) }
            }
        }
        ::metrics::gauge!(KAFKA_PAUSED).set(f64::from(paused));
        changes
    }

    /// A pause or resume failed: the next [`Self::take_pause_changes`] asks for it again.
    pub fn revert_pause_changes(&self, partitions: &[TopicPartition]) {
        let mut state = self.lock();
        for partition in partitions {
            if let Some(assigned) = state.partitions.get_mut(partition) {
                assigned.paused = !assigned.paused;
            }
        }
    }

    /// Low-water marks that are not committed yet; from now on they count as committed.
    pub fn commits(&self) -> Vec<CommitOffset> {
        let mut state = self.lock();
        let partitions = state.partitions.iter_mut();
        partitions.filter_map(|(partition, assigned)| Some((partition.clone(), assigned.progress.commit()?))).collect()
    }

    /// A commit of these partitions did not reach the brokers.
    pub fn not_committed<'a>(&self, partitions: impl IntoIterator<Item = &'a TopicPartition>) {
        let mut state = self.lock();
        for partition in partitions {
            if let Some(assigned) = state.partitions.get_mut(partition) {
                assigned.progress.not_committed();
            }
        }
    }

    /// Every assigned partition with the offset of its first unfinished record, where that is known.
    pub fn low_waters(&self) -> Vec<(TopicPartition, Option<i64>)> {
        let state = self.lock();
        state
            .partitions
            .iter()
            .map(|(partition, assigned)| (partition.clone(), assigned.progress.low_water()))
            .collect()
    }

    /// Every assigned partition.
    pub fn topic_partitions(&self) -> Vec<TopicPartition> {
        self.lock().partitions.keys().cloned().collect()
    }

    /// Gives partitions away: none of their records is started any more, and running ones may end within `wait`.
    /// Returns the offsets to commit, and how many records still run.
    pub fn release(&self, partitions: &[TopicPartition], wait: Duration) -> (Vec<CommitOffset>, usize) {
        let until = Instant::now() + wait;
        let mut state = self.lock();
        for partition in partitions {
            let Some(assigned) = state.partitions.get_mut(partition) else { continue };
            assigned.revoked.cancel();
            let waiting = assigned.key_queues.clear();
            state.records = state.records.saturating_sub(waiting.len());
            state.bytes = state.bytes.saturating_sub(waiting.iter().map(Record::size).sum());
        }
        while state.running(partitions) > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let running = state.running(partitions);
        let mut commits = Vec::new();
        for partition in partitions {
            let Some(mut assigned) = state.partitions.remove(partition) else { continue };
            commits.extend(assigned.progress.commit().map(|offset| (partition.clone(), offset)));
            // Another host reports this partition's lag now.
            ::metrics::gauge!(KAFKA_LAG, "topic" => partition.0.to_string(), "partition" => partition.1.to_string())
                .set(0.0);
        }
        state.measure();
        ::metrics::gauge!(KAFKA_ASSIGNED).set(state.partitions.len() as f64);
        (commits, running)
    }

    fn lock(&self) -> MutexGuard<'_, InFlightState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlightState {
    fn with(&mut self, partition: &TopicPartition, assignment: u64, change: impl FnOnce(&mut AssignedPartition)) {
        let assigned = self.partitions.get_mut(partition);
        if let Some(assigned) = assigned.filter(|assigned| assigned.assignment == assignment) {
            change(assigned);
        }
    }

    fn running(&self, partitions: &[TopicPartition]) -> usize {
        partitions.iter().filter_map(|partition| self.partitions.get(partition)).map(|assigned| assigned.running).sum()
    }

    fn measure(&self) {
        ::metrics::gauge!(KAFKA_IN_FLIGHT).set(self.records as f64);
    }
}

impl AssignedPartition {
    fn run(&mut self, record: Record) -> RunningRecord {
        self.running += 1;
        let first = self.first.unwrap_or(record.offset);
        let may_be_redelivered = record.offset.saturating_sub(first) < self.most_records;
        let ticket = RunningKey { assignment: self.assignment, revoked: self.revoked.clone(), may_be_redelivered };
        RunningRecord { record, ticket }
    }
}

impl Drop for PartitionPause<'_> {
    fn drop(&mut self) {
        let Self { in_flight_records, partition, assignment } = self;
        in_flight_records
            .lock()
            .with(partition, *assignment, |assigned| assigned.retrying = assigned.retrying.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, key: &str) -> Record {
        Record { key: Some(key.as_bytes().to_vec()), value: Some(vec![0; 9]), ..Record::at("t", 0, offset) }
    }

    fn partition() -> TopicPartition {
        ("t".into(), 0)
    }

    fn in_flight(most_records: usize) -> InFlightRecords {
        let in_flight = InFlightRecords::new(most_records, 1_000);
        in_flight.assign([partition()]);
        in_flight
    }

    #[test]
    fn the_committed_offset_follows_the_slowest_record_and_a_failed_commit_is_repeated() {
        let in_flight = in_flight(10);
        let slow = in_flight.begin(record(1, "a")).unwrap();
        let quick = in_flight.begin(record(2, "b")).unwrap();
        in_flight.end(&quick, true);
        assert_eq!(in_flight.commits(), [(partition(), 1)]);
        in_flight.end(&slow, true);
        assert_eq!(in_flight.commits(), [(partition(), 3)]);
        assert_eq!(in_flight.commits(), []);
        in_flight.not_committed(&[partition()]);
        assert_eq!(in_flight.commits(), [(partition(), 3)]);
    }

    #[test]
    fn reading_pauses_at_the_limit_and_goes_on_well_below_it() {
        let in_flight = in_flight(4);
        let mut running: Vec<_> =
            (0..4).map(|offset| in_flight.begin(record(offset, &offset.to_string())).unwrap()).collect();
        assert_eq!(in_flight.take_pause_changes(), PauseChanges { pause: vec![partition()], resume: vec![] });
        in_flight.end(&running.pop().unwrap(), true);
        assert_eq!(in_flight.take_pause_changes(), PauseChanges::default());
        in_flight.end(&running.pop().unwrap(), true);
        assert_eq!(in_flight.take_pause_changes(), PauseChanges { pause: vec![], resume: vec![partition()] });
        let bytes = InFlightRecords::new(10, 10);
        bytes.assign([partition()]);
        bytes.begin(record(1, "a")).unwrap();
        assert_eq!(bytes.take_pause_changes().pause, [partition()], "its bytes count too");
    }

    #[test]
    fn a_record_that_is_tried_again_pauses_its_partition_and_no_other() {
        let in_flight = in_flight(10);
        let other: TopicPartition = ("t".into(), 1);
        in_flight.assign([other]);
        let running = in_flight.begin(record(1, "a")).unwrap();
        let hold = in_flight.pause_partition(&running);
        assert_eq!(in_flight.take_pause_changes(), PauseChanges { pause: vec![partition()], resume: vec![] });
        drop(hold);
        assert_eq!(in_flight.take_pause_changes(), PauseChanges { pause: vec![], resume: vec![partition()] });
    }

    #[test]
    fn a_revoked_partition_starts_no_more_records_and_keeps_the_unfinished_ones() {
        let in_flight = in_flight(10);
        let first = in_flight.begin(record(1, "a")).unwrap();
        assert!(in_flight.begin(record(2, "a")).is_none(), "it waits behind the first");
        let second = in_flight.begin(record(3, "b")).unwrap();
        let next = in_flight.end(&first, true).unwrap();
        assert!(in_flight.begin(record(4, "a")).is_none(), "it waits behind the second");
        let (commits, running) = std::thread::scope(|scope| {
            let released = scope.spawn(|| in_flight.release(&[partition()], Duration::from_secs(30)));
            while !next.ticket.revoked.is_cancelled() {
                std::thread::yield_now();
            }
            in_flight.end(&second, true);
            assert!(in_flight.end(&next, false).is_none(), "nothing more is started");
            released.join().unwrap()
        });
        assert_eq!((commits, running), (vec![(partition(), 2)], 0));
        assert!(in_flight.begin(record(4, "a")).is_none(), "it is somebody else's");
    }

    #[test]
    fn a_record_of_an_earlier_assignment_changes_nothing_of_the_next() {
        let in_flight = in_flight(10);
        let old = in_flight.begin(record(1, "a")).unwrap();
        in_flight.release(&[partition()], Duration::ZERO);
        in_flight.assign([partition()]);
        let new = in_flight.begin(record(1, "a")).unwrap();
        assert!(in_flight.end(&old, true).is_none());
        assert_eq!(in_flight.commits(), [(partition(), 1)], "the new one is not finished");
        in_flight.end(&new, true);
        assert_eq!(in_flight.commits(), [(partition(), 2)]);
    }
}
