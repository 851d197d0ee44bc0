//! From a record to decisions.

use signalbox_executor::{Decided, HandlerEvent};
use signalbox_intake::{Arrival, InputEntry, InputOrigin, Intake, IntakeError, Received};
use signalbox_model::{Clock, Outcome, ReplySlot, Source};
use signalbox_store::AcceptedInput;

use crate::record::Record;
use crate::record_error::{FailedDecision, RecordError};
use crate::{business, read};

/// Takes records in.
pub(super) struct RecordIntake {
    pub intake: Intake,
    pub clock: Clock,
    pub inputs_topic: Option<String>,
    /// The largest record.
    pub limit: u64,
}

/// The inputs of a record. They are made once and kept while the record is tried again: a handler that is asked twice
/// may say two things.
#[derive(Debug)]
pub(super) struct PreparedRecord {
    inputs: Vec<AcceptedInput>,
    /// Whether the ids are the record's own, so that no other record can have them.
    ids_are_ours: bool,
    /// How many are decided.
    done: usize,
    fresh: bool,
    /// The first decision that is recorded as failed.
    failed: Option<FailedDecision>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordResult {
    /// At least one of its inputs was decided now.
    Decided,
    /// All of them had been decided before.
    Duplicate,
    /// Its handler asks for no decision.
    Nothing,
}

impl RecordIntake {
    /// The inputs that the record is, or that are made of it.
    pub async fn make(&self, record: &Record, correlation_id: &str) -> Result<PreparedRecord, RecordError> {
        let size = record.size();
        if size > self.limit {
            return Err(RecordError::TooLarge { size, limit: self.limit });
        }
        if record.has_unreadable_headers {
            return Err(RecordError::Headers);
        }
        if self.inputs_topic.as_deref() == Some(&*record.topic) {
            return self.input(record, correlation_id);
        }
        let business_id = business::of(record, &self.intake)?;
        let arrival = Arrival {
            origin: InputOrigin {
                source: Source::Kafka,
                scope: format!("kafka/{business_id}/{}", record.topic),
                event_id: record.id(),
                business_id,
                user_id: None,
                permissions: Vec::new(),
                correlation_id: correlation_id.to_owned(),
                fingerprint: None,
                reply: ReplySlot::None,
            },
            entry: InputEntry::Kafka(record.topic.to_string()),
            mapped_input_id: None,
            handler_event_id: record.id(),
            event: record.event(),
        };
        let mapping = |_: HandlerEvent| read::default_mapping(record, &self.intake);
        let Received { inputs, .. } = self.intake.receive(arrival, mapping).await?;
        Ok(PreparedRecord { inputs, ids_are_ours: true, done: 0, fresh: false, failed: None })
    }

    fn input(&self, record: &Record, correlation_id: &str) -> Result<PreparedRecord, RecordError> {
        if record.value.as_ref().is_none_or(Vec::is_empty) {
            return Err(RecordError::Empty);
        }
        let mut input = read::input(record, &self.intake)?;
        let (business, _) = business::served(&input.business_id, &self.intake)?;
        // Nobody may see a place that is not there, so nobody could see or review what is decided about it either.
        if let Some(place) = input.location_id.as_deref().filter(|place| business.location(place).is_none()) {
            return Err(RecordError::UnknownLocation {
                business: input.business_id.clone(),
                location: place.chars().take(128).collect(),
            });
        }
        input.correlation_id.get_or_insert_with(|| correlation_id.to_owned());
        let accepted = AcceptedInput {
            input,
            permissions: Vec::new(),
            reply: ReplySlot::None,
            accepted_at: self.clock.now(),
            fingerprint: None,
        };
        Ok(PreparedRecord { inputs: vec![accepted], ids_are_ours: false, done: 0, fresh: false, failed: None })
    }

    /// Has the inputs decided, one after the other, those that a host may have ended with stored and counted first, and
    /// returns once the decisions are stored. Called again after an
    /// error it goes on where it was.
    pub async fn decide(
        &self,
        made: &mut PreparedRecord,
        may_be_redelivered: bool,
    ) -> Result<RecordResult, RecordError> {
        while let Some(accepted) = made.inputs.get(made.done) {
            let decided = match may_be_redelivered {
                true => self.intake.decide_redelivered(accepted.clone()).await,
                false => self.intake.decide_now(accepted.clone()).await,
            };
            match decided {
                Ok(Decided { duplicate, record }) => {
                    made.fresh |= !duplicate;
                    // Also one that was recorded before: the host may have died before the record was put aside.
                    if record.decision.outcome == Outcome::Failed {
                        made.failed.get_or_insert_with(|| FailedDecision::of(&record));
                    }
                }
                // The handler once said something else of the same record; what was decided then stands.
                Err(IntakeError::IdReused) if made.ids_are_ours => {}
                Err(IntakeError::IdReused) => return Err(RecordError::IdReused(accepted.input.id.clone())),
                Err(IntakeError::Delayed(error)) if !error.retryable() => {
                    tracing::warn!(%error, input_id = accepted.input.id, "an input is stored and waits to be decided");
                }
                Err(error) => return Err(error.into()),
            }
            made.done += 1;
        }
        if let Some(failed) = &made.failed {
            return Err(RecordError::Failed(failed.clone()));
        }
        Ok(match made {
            PreparedRecord { inputs, .. } if inputs.is_empty() => RecordResult::Nothing,
            PreparedRecord { fresh: true, .. } => RecordResult::Decided,
            _ => RecordResult::Duplicate,
        })
    }
}

impl PreparedRecord {
    /// Under which its sender looks for it, when the input itself says so.
    pub fn correlation_id(&self) -> Option<&str> {
        self.inputs.first()?.input.correlation_id.as_deref()
    }
}
