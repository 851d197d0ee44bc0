//! A record's way from being read to being done with: decided, or a dead letter that the brokers have.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tracing::Instrument as _;

use crate::dead_letters::DeadLetters;
use crate::flow::{Flow, Hold, Running};
use crate::metrics::{KAFKA_DEAD_LETTERS, KAFKA_RECORDS, KAFKA_RETRIES};
use crate::record::Record;
use crate::refusal::{Fate, Refusal};
use crate::take_in::{Made, TakeIn, Taken};

/// Works on records.
pub(super) struct Worker {
    pub take_in: TakeIn,
    pub dead_letters: DeadLetters,
    pub flow: Arc<Flow>,
    pub patience: Patience,
}

/// How often, and after which pauses, something is tried again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub attempts: u32,
    pub first: Duration,
    pub longest: Duration,
}

/// The pauses of one record. From the first one on its partition is not read on.
struct Pauses<'a> {
    next: Duration,
    longest: Duration,
    hold: Option<Hold<'a>>,
}

impl Worker {
    /// Works on a record, and then on those behind it in its lane.
    pub async fn run(self: Arc<Self>, mut running: Running) {
        loop {
            let finished = self.record(&running).await;
            match self.flow.end(&running, finished) {
                Some(next) => running = next,
                None => return,
            }
        }
    }

    /// True when the record is done with; false when its partition has gone and another host reads it again.
    async fn record(&self, running: &Running) -> bool {
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

    async fn work(&self, running: &Running, mut correlation_id: String) -> bool {
        let record = &running.record;
        let mut pauses = Pauses { next: self.patience.first, longest: self.patience.longest, hold: None };
        let (mut made, mut attempts) = (None, 0);
        let refusal = loop {
            if running.ticket.gone.is_cancelled() {
                return false;
            }
            let refusal = match self.attempt(running, &correlation_id, &mut made).await {
                Ok(taken) => {
                    count(record, taken);
                    return true;
                }
                Err(refusal) => refusal,
            };
            if let Some(id) = made.as_ref().and_then(Made::correlation_id) {
                id.clone_into(&mut correlation_id);
            }
            attempts += 1;
            let wait = match refusal.fate() {
                Fate::Never => break refusal,
                Fate::Doubtful if attempts >= self.patience.attempts => break refusal,
                Fate::Doubtful => None,
                Fate::Later(wait) => wait,
            };
            tracing::warn!(code = refusal.code(), attempts, "cannot decide a record yet: {}", refusal.in_log());
            if !self.pause(running, &mut pauses, refusal.code(), wait).await {
                return false;
            }
        };
        self.put_aside(running, &refusal, &correlation_id, pauses).await
    }

    /// One try. A panic on the way is one record's affair.
    async fn attempt(
        &self,
        running: &Running,
        correlation_id: &str,
        made: &mut Option<Made>,
    ) -> Result<Taken, Refusal> {
        let Running { record, ticket } = running;
        let trying = async {
            let made = match made {
                Some(made) => made,
                None => made.insert(self.take_in.make(record, correlation_id).await?),
            };
            self.take_in.decide(made, ticket.may_be_redelivered).await
        };
        AssertUnwindSafe(trying).catch_unwind().await.unwrap_or(Err(Refusal::Lost))
    }

    /// Until the brokers have the dead letter: a record that is nowhere else must not be lost.
    async fn put_aside<'a>(
        &'a self,
        running: &Running,
        refusal: &Refusal,
        correlation_id: &str,
        mut pauses: Pauses<'a>,
    ) -> bool {
        let (record, code) = (&running.record, refusal.code());
        pauses.next = self.patience.first;
        while let Err(error) = self.dead_letters.put(record, refusal, correlation_id).await {
            tracing::error!(code, %error, "cannot put a record aside; it is kept and tried again");
            if !self.pause(running, &mut pauses, "dead_letters_unavailable", None).await {
                return false;
            }
        }
        let result = if matches!(refusal, Refusal::Failed(_)) { "failed" } else { "dead_letter" };
        ::metrics::counter!(KAFKA_RECORDS, "topic" => record.topic.to_string(), "result" => result).increment(1);
        ::metrics::counter!(KAFKA_DEAD_LETTERS, "reason" => code).increment(1);
        tracing::warn!(code, dead_letters = self.dead_letters.topic, "put a record aside: {}", refusal.in_log());
        true
    }

    /// Waits before the next try; false when the partition goes meanwhile.
    async fn pause<'a>(
        &'a self,
        running: &Running,
        pauses: &mut Pauses<'a>,
        reason: &'static str,
        wait: Option<Duration>,
    ) -> bool {
        ::metrics::counter!(KAFKA_RETRIES, "reason" => reason).increment(1);
        pauses.hold.get_or_insert_with(|| self.flow.hold(running));
        let pause = wait.unwrap_or(pauses.next).min(pauses.longest);
        // Whoever says when to come back knows better than a guess that grows.
        if wait.is_none() {
            pauses.next = pauses.next.saturating_mul(2).min(pauses.longest);
        }
        tokio::select! {
            () = running.ticket.gone.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

fn count(record: &Record, taken: Taken) {
    let result = match taken {
        Taken::Decided => "decided",
        Taken::Duplicate => "duplicate",
        Taken::Nothing => "nothing",
    };
    ::metrics::counter!(KAFKA_RECORDS, "topic" => record.topic.to_string(), "result" => result).increment(1);
    tracing::info!(result, "took in a record");
}
