//! Has the inputs of a record decided.

use signalbox_executor::{Decided, HandlerEvent};
use signalbox_intake::{Arrival, InputEntry, InputOrigin, Intake, IntakeError, Received};
use signalbox_model::{Clock, Outcome, ReplySlot, Source};
use signalbox_store::AcceptedInput;

use crate::record::Record;
use crate::record_error::{FailedDecision, RecordError};
use crate::{business, read};

/// Turns records into inputs and has them decided.
pub(super) struct RecordIntake {
    pub intake: Intake,
    pub clock: Clock,
    pub inputs_topic: Option<String>,
    /// The largest record.
    pub limit: u64,
}

/// The inputs of a record. They are made once and kept for further tries, because a handler that is called twice may
/// return different inputs.
#[derive(Debug)]
pub(super) struct PreparedRecord {
    inputs: Vec<AcceptedInput>,
    /// Whether the ids are made from the record's own, so that no other record can have them.
    ids_are_ours: bool,
    /// How many of the inputs are decided.
    done: usize,
    fresh: bool,
    /// The first decision that is recorded as failed.
    failed: Option<FailedDecision>,
}

/// The result of a record.
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
    /// The inputs of the record: the record's own, or those that its handler makes.
    pub async fn prepare(&self, record: &Record, correlation_id: &str) -> Result<PreparedRecord, RecordError> {
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
        let (business, _) = business::business_inputs(&input.business_id, &self.intake)?;
        // A place that does not exist is visible to no user, so no user could see or review a decision about it.
        if let Some(location_id) =
            input.location_id.as_deref().filter(|location_id| business.location(location_id).is_none())
        {
            return Err(RecordError::UnknownLocation {
                business: input.business_id.clone(),
                location: location_id.chars().take(128).collect(),
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

    /// Has the inputs decided one after the other, and returns once the decisions are stored. With `may_be_redelivered`
    /// each is first stored and counted, because a host may have crashed while it decided it. A call after an error
    /// goes on with the first undecided input.
    pub async fn decide(
        &self,
        prepared: &mut PreparedRecord,
        may_be_redelivered: bool,
    ) -> Result<RecordResult, RecordError> {
        while let Some(accepted) = prepared.inputs.get(prepared.done) {
            let decided = match may_be_redelivered {
                true => self.intake.decide_redelivered(accepted.clone()).await,
                false => self.intake.decide_now(accepted.clone()).await,
            };
            match decided {
                Ok(Decided { duplicate, record }) => {
                    prepared.fresh |= !duplicate;
                    // Also a decision that was recorded before: the host may have crashed before it wrote the dead
                    // letter.
                    if record.decision.outcome == Outcome::Failed {
                        prepared.failed.get_or_insert_with(|| FailedDecision::of(&record));
                    }
                }
                // At an earlier try the handler returned another input for the same record; the decision on that one
                // stands.
                Err(IntakeError::IdReused) if prepared.ids_are_ours => {}
                Err(IntakeError::IdReused) => return Err(RecordError::IdReused(accepted.input.id.clone())),
                Err(IntakeError::Delayed(error)) if !error.retryable() => {
                    tracing::warn!(%error, input_id = accepted.input.id, "an input is stored and waits to be decided");
                }
                Err(error) => return Err(error.into()),
            }
            prepared.done += 1;
        }
        if let Some(failed) = &prepared.failed {
            return Err(RecordError::Failed(failed.clone()));
        }
        Ok(match prepared {
            PreparedRecord { inputs, .. } if inputs.is_empty() => RecordResult::Nothing,
            PreparedRecord { fresh: true, .. } => RecordResult::Decided,
            _ => RecordResult::Duplicate,
        })
    }
}

impl PreparedRecord {
    /// The sender's correlation id, when the input itself carries one.
    pub fn correlation_id(&self) -> Option<&str> {
        self.inputs.first()?.input.correlation_id.as_deref()
    }
}
