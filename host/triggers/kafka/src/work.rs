//! Works on a record until it is done: decided, or confirmed by the brokers as a dead letter.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tracing::Instrument as _;

use crate::dead_letters::DeadLetters;
use crate::in_flight::{InFlightRecords, PartitionPause, RunningRecord};
use crate::metrics::{KAFKA_DEAD_LETTERS, KAFKA_RECORDS, KAFKA_RETRIES};
use crate::record::Record;
use crate::record_error::{Disposition, RecordError};
use crate::record_intake::{PreparedRecord, RecordIntake, RecordResult};

/// Works on records.
pub(super) struct Worker {
    pub record_intake: RecordIntake,
    pub dead_letters: DeadLetters,
    pub in_flight_records: Arc<InFlightRecords>,
    pub retry_limits: RetryLimits,
}

/// How often, and after which pauses, a record is tried again.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryLimits {
    pub attempts: u32,
    pub first: Duration,
    pub max_delay: Duration,
}

/// The pauses of one record. From the first pause on its partition is not read on.
struct Backoff<'a> {
    next: Duration,
    max_delay: Duration,
    partition_pause: Option<PartitionPause<'a>>,
}

impl Worker {
    /// Works on a record, and then on the following records of its key queue.
    pub async fn run(self: Arc<Self>, mut running: RunningRecord) {
        loop {
            let finished = self.record(&running).await;
            match self.in_flight_records.end(&running, finished) {
                Some(next) => running = next,
                None => return,
            }
        }
    }

    /// True when the record is done; false when its partition was revoked and another host reads it again.
    async fn record(&self, running: &RunningRecord) -> bool {
        let record = &running.record;
        let correlation_id = record.correlation_id().unwrap_or_else(signalbox_model::correlation_id);
        let span = tracing::info_span!(
            "record",
            correlation_id,
            topic = &*record.topic,
            partition = record.partition,
            offset = record.offset
        );
        self.work(running, correlation_id).instrument(span).await
    }

    async fn work(&self, running: &RunningRecord, mut correlation_id: String) -> bool {
        let record = &running.record;
        let mut backoff =
            Backoff { next: self.retry_limits.first, max_delay: self.retry_limits.max_delay, partition_pause: None };
        let (mut prepared, mut attempts) = (None, 0);
        let refusal = loop {
            if running.ticket.revoked.is_cancelled() {
                return false;
            }
            let refusal = match self.attempt(running, &correlation_id, &mut prepared).await {
                Ok(taken) => {
                    count(record, taken);
                    return true;
                }
                Err(refusal) => refusal,
            };
            if let Some(id) = prepared.as_ref().and_then(PreparedRecord::correlation_id) {
                id.clone_into(&mut correlation_id);
            }
            attempts += 1;
            let wait = match refusal.disposition() {
                Disposition::DeadLetter => break refusal,
                Disposition::RetryLimited if attempts >= self.retry_limits.attempts => break refusal,
                Disposition::RetryLimited => None,
                Disposition::Retry(wait) => wait,
            };
            tracing::warn!(
                code = refusal.code().as_str(),
                attempts,
                "cannot decide a record yet: {}",
                refusal.in_log()
            );
            if !self.pause(running, &mut backoff, refusal.code().as_str(), wait).await {
                return false;
            }
        };
        self.send_to_dead_letters(running, &refusal, &correlation_id, backoff).await
    }

    /// One try. A panic counts as a failed try of this record.
    async fn attempt(
        &self,
        running: &RunningRecord,
        correlation_id: &str,
        prepared: &mut Option<PreparedRecord>,
    ) -> Result<RecordResult, RecordError> {
        let RunningRecord { record, ticket } = running;
        let trying = async {
            let prepared = match prepared {
                Some(prepared) => prepared,
                None => prepared.insert(self.record_intake.prepare(record, correlation_id).await?),
            };
            self.record_intake.decide(prepared, ticket.may_be_redelivered).await
        };
        AssertUnwindSafe(trying).catch_unwind().await.unwrap_or(Err(RecordError::Internal))
    }

    /// Tries until the brokers have the dead letter: a record that is stored nowhere else must not be lost.
    async fn send_to_dead_letters<'a>(
        &'a self,
        running: &RunningRecord,
        refusal: &RecordError,
        correlation_id: &str,
        mut backoff: Backoff<'a>,
    ) -> bool {
        let (record, code) = (&running.record, refusal.code().as_str());
        backoff.next = self.retry_limits.first;
        while let Err(error) = self.dead_letters.produce(record, refusal, correlation_id).await {
            tracing::error!(code, %error, "cannot put a record aside; it is kept and tried again");
            if !self.pause(running, &mut backoff, "dead_letters_unavailable", None).await {
                return false;
            }
        }
        let result = if matches!(refusal, RecordError::Failed(_)) { "failed" } else { "dead_letter" };
        ::metrics::counter!(KAFKA_RECORDS, "topic" => record.topic.to_string(), "result" => result).increment(1);
        ::metrics::counter!(KAFKA_DEAD_LETTERS, "reason" => code).increment(1);
        tracing::warn!(code, dead_letters = self.dead_letters.topic, "put a record aside: {}", refusal.in_log());
        true
    }

    /// Waits before the next try; false when the partition is revoked meanwhile.
    async fn pause<'a>(
        &'a self,
        running: &RunningRecord,
        backoff: &mut Backoff<'a>,
        reason: &'static str,
        wait: Option<Duration>,
    ) -> bool {
        ::metrics::counter!(KAFKA_RETRIES, "reason" => reason).increment(1);
        backoff.partition_pause.get_or_insert_with(|| self.in_flight_records.pause_partition(running));
        let pause = wait.unwrap_or(backoff.next).min(backoff.max_delay);
        // A wait that the error itself names is better than the growing backoff.
        if wait.is_none() {
            backoff.next = backoff.next.saturating_mul(2).min(backoff.max_delay);
        }
        tokio::select! {
            () = running.ticket.revoked.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

fn count(record: &Record, taken: RecordResult) {
    let result = match taken {
        RecordResult::Decided => "decided",
        RecordResult::Duplicate => "duplicate",
        RecordResult::Nothing => "nothing",
    };
    ::metrics::counter!(KAFKA_RECORDS, "topic" => record.topic.to_string(), "result" => result).increment(1);
    tracing::info!(result, "took in a record");
}
