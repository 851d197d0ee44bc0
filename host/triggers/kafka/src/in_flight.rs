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
    state: Mutex<FlowState>,
    /// Notified whenever a record has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct FlowState {
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
    lanes: KeyQueues,
    running: usize,
    /// The offset of the first record that was read.
    first: Option<i64>,
    /// Another host may have worked on at most this many records, counted from the first.
    most_records: i64,
    /// How many records wait for another try; while there are any, the partition is not read on.
    held: usize,
    paused: bool,
    /// Cancelled when the partition is revoked: a task that waits for another try stops.
    gone: CancellationToken,
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
    pub gone: CancellationToken,
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
    flow: &'a InFlightRecords,
    place: TopicPartition,
    assignment: u64,
}

impl InFlightRecords {
    pub fn new(most_records: usize, most_bytes: u64) -> Self {
        Self { most_records: most_records.max(1), most_bytes, state: Mutex::default(), ended: Condvar::new() }
    }

    /// These partitions are assigned to this host from now on.
    pub fn assign(&self, places: impl IntoIterator<Item = TopicPartition>) {
        let mut state = self.lock();
        for place in places {
            state.assignments += 1;
            let assigned = AssignedPartition {
                assignment: state.assignments,
                progress: PartitionProgress::default(),
                lanes: KeyQueues::default(),
                running: 0,
                first: None,
                most_records: i64::try_from(self.most_records).unwrap_or(i64::MAX),
                held: 0,
                paused: false,
                gone: CancellationToken::new(),
            };
            state.partitions.insert(place, assigned);
        }
        ::metrics::gauge!(KAFKA_ASSIGNED).set(state.partitions.len() as f64);
    }

    /// A partition begins at this offset, and the brokers have stored that.
    pub fn begin_at(&self, place: &TopicPartition, offset: i64) {
        if let Some(assigned) = self.lock().partitions.get_mut(place) {
            assigned.progress.begin_at(offset);
        }
    }

    /// Enters a record that was read; returns it when it may run now. A record of a partition that was revoked
    /// meanwhile is left to the partition's new host.
    pub fn begin(&self, record: Record) -> Option<RunningRecord> {
        let mut state = self.lock();
        let assigned = state.partitions.get_mut(&record.place()).filter(|assigned| !assigned.gone.is_cancelled())?;
        if !assigned.progress.begin(record.offset) {
            return None;
        }
        assigned.first.get_or_insert(record.offset);
        let size = record.size();
        let running = assigned.lanes.enter(record).map(|record| assigned.run(record));
        state.records += 1;
        state.bytes += size;
        state.measure();
        running
    }

    /// Ends a record. With `finished` it is done for good, else the partition's next reader gets it again. Returns the
    /// next record of its lane.
    pub fn end(&self, ended: &RunningRecord, finished: bool) -> Option<RunningRecord> {
        let mut state = self.lock();
        state.records = state.records.saturating_sub(1);
        state.bytes = state.bytes.saturating_sub(ended.record.size());
        state.measure();
        let place = ended.record.place();
        let assigned = state.partitions.get_mut(&place);
        let next = assigned.filter(|assigned| assigned.assignment == ended.ticket.assignment).and_then(|assigned| {
            assigned.running = assigned.running.saturating_sub(1);
            if finished {
                assigned.progress.finish(ended.record.offset);
            }
            assigned.lanes.next(&ended.record.key).map(|record| assigned.run(record))
        });
        self.ended.notify_all();
        next
    }

    /// Pauses the record's partition, because the record has to be tried again.
    pub fn hold(&self, running: &RunningRecord) -> PartitionPause<'_> {
        let (place, assignment) = (running.record.place(), running.ticket.assignment);
        self.lock().with(&place, assignment, |assigned| assigned.held += 1);
        PartitionPause { flow: self, place, assignment }
    }

    /// Which partitions to pause and which to resume, since the last call.
    pub fn turn(&self) -> PauseChanges {
        let mut state = self.lock();
        let state = &mut *state;
        let (most_records, most_bytes) = (self.most_records, self.most_bytes);
        state.full = if state.full {
            // Only well below the limit, so that reading does not stop and start again for each record.
            state.records > most_records / 2 || state.bytes > most_bytes / 2
        } else {
            state.records >= most_records || state.bytes >= most_bytes
        };
        let mut turn = PauseChanges::default();
        let mut paused = 0_u32;
        for (place, assigned) in &mut state.partitions {
            let pause = state.full || assigned.held > 0;
            paused += u32::from(pause);
            if pause != assigned.paused {
                assigned.paused = pause;
                if pause { turn.pause.push(place.clone()) } else { turn.resume.push(place.clone()) }
            }
        }
        ::metrics::gauge!(KAFKA_PAUSED).set(f64::from(paused));
        turn
    }

    /// A pause or resume failed: the next [`Self::turn`] asks for it again.
    pub fn not_turned(&self, places: &[TopicPartition]) {
        let mut state = self.lock();
        for place in places {
            if let Some(assigned) = state.partitions.get_mut(place) {
                assigned.paused = !assigned.paused;
            }
        }
    }

    /// Low-water marks that are not committed yet; from now on they count as committed.
    pub fn commits(&self) -> Vec<CommitOffset> {
        let mut state = self.lock();
        let partitions = state.partitions.iter_mut();
        partitions.filter_map(|(place, assigned)| Some((place.clone(), assigned.progress.commit()?))).collect()
    }

    /// A commit of these partitions did not reach the brokers.
    pub fn not_committed<'a>(&self, places: impl IntoIterator<Item = &'a TopicPartition>) {
        let mut state = self.lock();
        for place in places {
            if let Some(assigned) = state.partitions.get_mut(place) {
                assigned.progress.not_committed();
            }
        }
    }

    /// Every assigned partition with the offset of its first unfinished record, where that is known.
    pub fn low_waters(&self) -> Vec<(TopicPartition, Option<i64>)> {
        let state = self.lock();
        state.partitions.iter().map(|(place, assigned)| (place.clone(), assigned.progress.low_water())).collect()
    }

    /// Every assigned partition.
    pub fn places(&self) -> Vec<TopicPartition> {
        self.lock().partitions.keys().cloned().collect()
    }

    /// Gives partitions away: none of their records is started any more, and running ones may end within `wait`.
    /// Returns the offsets to commit, and how many records still run.
    pub fn release(&self, places: &[TopicPartition], wait: Duration) -> (Vec<CommitOffset>, usize) {
        let until = Instant::now() + wait;
        let mut state = self.lock();
        for place in places {
            let Some(assigned) = state.partitions.get_mut(place) else { continue };
            assigned.gone.cancel();
            let waiting = assigned.lanes.clear();
            state.records = state.records.saturating_sub(waiting.len());
            state.bytes = state.bytes.saturating_sub(waiting.iter().map(Record::size).sum());
        }
        while state.running(places) > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let running = state.running(places);
        let mut commits = Vec::new();
        for place in places {
            let Some(mut assigned) = state.partitions.remove(place) else { continue };
            commits.extend(assigned.progress.commit().map(|offset| (place.clone(), offset)));
            // Another host reports this partition's lag now.
            ::metrics::gauge!(KAFKA_LAG, "topic" => place.0.to_string(), "partition" => place.1.to_string()).set(0.0);
        }
        state.measure();
        ::metrics::gauge!(KAFKA_ASSIGNED).set(state.partitions.len() as f64);
        (commits, running)
    }

    fn lock(&self) -> MutexGuard<'_, FlowState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FlowState {
    fn with(&mut self, place: &TopicPartition, assignment: u64, change: impl FnOnce(&mut AssignedPartition)) {
        let assigned = self.partitions.get_mut(place);
        if let Some(assigned) = assigned.filter(|assigned| assigned.assignment == assignment) {
            change(assigned);
        }
    }

    fn running(&self, places: &[TopicPartition]) -> usize {
        places.iter().filter_map(|place| self.partitions.get(place)).map(|assigned| assigned.running).sum()
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
        let ticket = RunningKey { assignment: self.assignment, gone: self.gone.clone(), may_be_redelivered };
        RunningRecord { record, ticket }
    }
}

impl Drop for PartitionPause<'_> {
    fn drop(&mut self) {
        let Self { flow, place, assignment } = self;
        flow.lock().with(place, *assignment, |assigned| assigned.held = assigned.held.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, key: &str) -> Record {
        Record { key: Some(key.as_bytes().to_vec()), value: Some(vec![0; 9]), ..Record::at("t", 0, offset) }
    }

    fn place() -> TopicPartition {
        ("t".into(), 0)
    }

    fn flow(most_records: usize) -> InFlightRecords {
        let flow = InFlightRecords::new(most_records, 1_000);
        flow.assign([place()]);
        flow
    }

    #[test]
    fn what_is_committed_waits_for_the_slowest_and_a_failed_commit_is_made_again() {
        let flow = flow(10);
        let slow = flow.begin(record(1, "a")).unwrap();
        let quick = flow.begin(record(2, "b")).unwrap();
        flow.end(&quick, true);
        assert_eq!(flow.commits(), [(place(), 1)]);
        flow.end(&slow, true);
        assert_eq!(flow.commits(), [(place(), 3)]);
        assert_eq!(flow.commits(), []);
        flow.not_committed(&[place()]);
        assert_eq!(flow.commits(), [(place(), 3)]);
    }

    #[test]
    fn reading_pauses_at_the_limit_and_goes_on_well_below_it() {
        let flow = flow(4);
        let mut running: Vec<_> =
            (0..4).map(|offset| flow.begin(record(offset, &offset.to_string())).unwrap()).collect();
        assert_eq!(flow.turn(), PauseChanges { pause: vec![place()], resume: vec![] });
        flow.end(&running.pop().unwrap(), true);
        assert_eq!(flow.turn(), PauseChanges::default());
        flow.end(&running.pop().unwrap(), true);
        assert_eq!(flow.turn(), PauseChanges { pause: vec![], resume: vec![place()] });
        let bytes = InFlightRecords::new(10, 10);
        bytes.assign([place()]);
        bytes.begin(record(1, "a")).unwrap();
        assert_eq!(bytes.turn().pause, [place()], "its bytes count too");
    }

    #[test]
    fn a_record_that_is_tried_again_holds_its_partition_and_no_other() {
        let flow = flow(10);
        let other: TopicPartition = ("t".into(), 1);
        flow.assign([other]);
        let running = flow.begin(record(1, "a")).unwrap();
        let hold = flow.hold(&running);
        assert_eq!(flow.turn(), PauseChanges { pause: vec![place()], resume: vec![] });
        drop(hold);
        assert_eq!(flow.turn(), PauseChanges { pause: vec![], resume: vec![place()] });
    }

    #[test]
    fn a_partition_that_goes_starts_nothing_more_and_keeps_what_is_unfinished() {
        let flow = flow(10);
        let first = flow.begin(record(1, "a")).unwrap();
        assert!(flow.begin(record(2, "a")).is_none(), "it waits behind the first");
        let second = flow.begin(record(3, "b")).unwrap();
        let next = flow.end(&first, true).unwrap();
        assert!(flow.begin(record(4, "a")).is_none(), "it waits behind the second");
        let (commits, running) = std::thread::scope(|scope| {
            let released = scope.spawn(|| flow.release(&[place()], Duration::from_secs(30)));
            while !next.ticket.gone.is_cancelled() {
                std::thread::yield_now();
            }
            flow.end(&second, true);
            assert!(flow.end(&next, false).is_none(), "nothing more is started");
            released.join().unwrap()
        });
        assert_eq!((commits, running), (vec![(place(), 2)], 0));
        assert!(flow.begin(record(4, "a")).is_none(), "it is somebody else's");
    }

    #[test]
    fn a_record_of_an_earlier_assignment_changes_nothing_of_the_next() {
        let flow = flow(10);
        let old = flow.begin(record(1, "a")).unwrap();
        flow.release(&[place()], Duration::ZERO);
        flow.assign([place()]);
        let new = flow.begin(record(1, "a")).unwrap();
        assert!(flow.end(&old, true).is_none());
        assert_eq!(flow.commits(), [(place(), 1)], "the new one is not finished");
        flow.end(&new, true);
        assert_eq!(flow.commits(), [(place(), 2)]);
    }
}
