use std::time::Duration;

use signalbox_executor::{DecideError, HandleError, Rejection};
use signalbox_intake::{IntakeError, ReceiveError};
use signalbox_model::ErrorCode;
use signalbox_store::{DecisionRecord, StoreError};
use thiserror::Error;

/// The longest message of a dead letter, in characters.
const MAX_MESSAGE_BYTES: usize = 500;

/// Why a record is not decided.
#[derive(Clone, Debug, Error)]
pub(super) enum RecordError {
    /// The record is a tombstone or empty, where a JSON object is needed.
    #[error("the record has no value; only a handler can read a record without one")]
    Empty,
    /// The record is too large.
    #[error("the record has {size} bytes; at most {limit} are taken (kafka.record-size): send a reference to the data")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The largest size that is accepted.
        limit: u64,
    },
    /// A header's name is not text.
    #[error("a header of the record has a name that is no UTF-8")]
    Headers,
    /// The value is not JSON.
    #[error("the value is no JSON object that can be read: {0}")]
    NotJson(String),
    /// A record on the topic of inputs is not an input.
    #[error("the value is no input: {0}")]
    NoInput(String),
    /// The input's content is refused.
    #[error("the input is not accepted: {0}")]
    Content(IntakeError),
    /// Nothing says which business the record is for.
    #[error(
        "nothing says which business the record is for: give it the header `business-id`, or the business's id as its \
         key; {readers} businesses read topic {topic}"
    )]
    NoBusiness {
        /// Where it was read.
        topic: String,
        /// How many businesses read the topic.
        readers: usize,
    },
    /// The header `business-id` cannot be a business's id.
    #[error("the header `business-id` has to be there once at most, and text")]
    BusinessHeader,
    /// There is no such business.
    #[error("there is no business {0}; add it to the business directory, or correct the record")]
    UnknownBusiness(String),
    /// The business has no such place.
    #[error("business {business} has no location {location}; correct the record")]
    UnknownLocation {
        /// The business.
        business: String,
        /// The place.
        location: String,
    },
    /// The business's bundle does not read this topic.
    #[error("the bundle of business {business} reads no topic {topic}: list it under [inputs.kafka] of the bundle")]
    OtherBusiness {
        /// The business that the record names.
        business: String,
        /// Where it was read.
        topic: String,
    },
    /// Nothing is deployed for the business's type.
    #[error("no bundle is loaded for businesses of type {0}; deploy one and send the record again")]
    NoBundle(String),
    /// The bundle for the business's type could not be loaded.
    #[error("the bundle for businesses of type {0} could not be loaded; the record waits until it is")]
    NotLoaded(String),
    /// The record is, or may be, for a business whose file or bundle could not be loaded.
    #[error("the record may be for a business whose file or bundle could not be loaded; it waits until it is")]
    BusinessNotLoaded,
    /// Another input with the same id was decided.
    #[error("input {0} was decided before with other content; a new input needs a new id")]
    IdReused(String),
    /// The handler refused the record, or could not be called.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// The input could not be admitted or decided.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The input was decided, and the recorded decision is a failed one.
    #[error("decision {} failed: {}; mend the cause, `signalbox decisions show {}` shows it", .0.id, .0.reason, .0.id)]
    Failed(FailedDecision),
    /// A fault of the host.
    #[error("the record could not be decided because of an error in the host")]
    Internal,
}

/// A decision that is recorded as failed. Its nodes were tried again as their graph says before it was recorded, and a
/// recorded decision is final: the same input is never decided a second time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FailedDecision {
    /// Its id.
    pub id: String,
    /// Why it failed.
    pub reason: String,
}

impl From<ReceiveError> for RecordError {
    fn from(error: ReceiveError) -> Self {
        match error {
            // The bundle was found together with the business, so a bundle without this topic was published since.
            ReceiveError::NotOffered(_) => Self::Internal,
            ReceiveError::Handle(error) => error.into(),
            ReceiveError::Intake(error) => Self::Content(error),
        }
    }
}

impl FailedDecision {
    /// The failure that a record of the store holds.
    pub fn of(record: &DecisionRecord) -> Self {
        let decision = &record.decision;
        Self { id: decision.id.clone(), reason: decision.reasoning.chars().take(MAX_MESSAGE_BYTES / 2).collect() }
    }
}

/// What happens to a record that is not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    /// Every further try would fail as well: the record becomes a dead letter.
    DeadLetter,
    /// The cause may be the record, or a fault that passes soon: after a few more tries the record becomes a dead
    /// letter.
    RetryLimited,
    /// The cause is not the record: it is tried until it works, at the earliest after this time.
    Retry(Option<Duration>),
}

impl RecordError {
    /// A stable name for programs, logs and metrics.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Empty => ErrorCode::ValueEmpty,
            Self::TooLarge { .. } => ErrorCode::RecordTooLarge,
            Self::Headers => ErrorCode::HeaderInvalid,
            Self::NotJson(_) => ErrorCode::ValueNoJsonObject,
            Self::NoInput(_) => ErrorCode::InputInvalid,
            Self::Content(error) => error.code(),
            Self::NoBusiness { .. } | Self::BusinessHeader => ErrorCode::BusinessMissing,
            Self::UnknownBusiness(_) => ErrorCode::BusinessNotFound,
            Self::UnknownLocation { .. } => ErrorCode::LocationNotFound,
            Self::OtherBusiness { .. } => ErrorCode::TopicNotRead,
            Self::NoBundle(_) => ErrorCode::NoBundle,
            Self::NotLoaded(_) => ErrorCode::BundleNotLoaded,
            Self::BusinessNotLoaded => ErrorCode::BusinessNotLoaded,
            Self::IdReused(_) | Self::Intake(IntakeError::IdReused) => ErrorCode::InputIdReused,
            Self::Handle(HandleError::Decide(error)) | Self::Intake(IntakeError::Decide(error)) => decide_code(error),
            Self::Handle(error) => error.code(),
            Self::Intake(error) => error.code(),
            Self::Failed(_) => ErrorCode::DecisionFailed,
            Self::Internal => ErrorCode::Internal,
        }
    }

    /// What happens to the record.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Handle(HandleError::Rejected(rejection)) => match rejection {
                Rejection::Invalid(_) | Rejection::Forbidden(_) => Disposition::DeadLetter,
                Rejection::Unavailable(_) => Disposition::Retry(None),
                Rejection::Broken(_) => Disposition::RetryLimited,
            },
            Self::Handle(HandleError::Decide(error)) => disposition_of(error),
            Self::Intake(IntakeError::Decide(error) | IntakeError::Delayed(error)) => disposition_of(error),
            Self::Intake(error) if error.retry_advice().retryable() => Disposition::Retry(error.retry_advice().after()),
            Self::NotLoaded(_) | Self::BusinessNotLoaded => Disposition::Retry(None),
            Self::Internal => Disposition::RetryLimited,
            _ => Disposition::DeadLetter,
        }
    }

    /// For operators, in the log: without words of the record, which are in its dead letter.
    pub fn in_log(&self) -> String {
        match self {
            Self::NotJson(_)
            | Self::NoInput(_)
            | Self::Content(_)
            | Self::UnknownBusiness(_)
            | Self::UnknownLocation { .. }
            | Self::Handle(HandleError::Rejected(Rejection::Invalid(_) | Rejection::Forbidden(_))) => {
                "the reason repeats words of the record, and stands in its dead letter".to_owned()
            }
            other => other.reason(),
        }
    }

    /// The full reason.
    fn reason(&self) -> String {
        match self {
            // The errors' own texts for untrusted senders say less.
            Self::Intake(IntakeError::Decide(error) | IntakeError::Delayed(error)) => error.to_string(),
            other => other.to_string(),
        }
    }

    /// For readers of dead letters, who are not trusted: short enough for a header, and without the text of an internal
    /// error of a plugin or the host.
    pub fn message(&self) -> String {
        let text = match self {
            Self::Handle(HandleError::Rejected(Rejection::Broken(_))) => {
                "the business's handler failed; the log tells why under the correlation id".to_owned()
            }
            Self::Handle(HandleError::Decide(DecideError::Internal(_)))
            | Self::Intake(
                IntakeError::Decide(DecideError::Internal(_)) | IntakeError::Delayed(DecideError::Internal(_)),
            ) => Self::Internal.to_string(),
            // The reason is for users who may read decisions.
            Self::Failed(FailedDecision { id, .. }) => {
                format!("decision {id} failed; `signalbox decisions show {id}` tells why: mend the cause")
            }
            other => other.reason(),
        };
        text.chars().take(MAX_MESSAGE_BYTES).collect()
    }
}

fn decide_code(error: &DecideError) -> ErrorCode {
    match error {
        DecideError::UnknownBusiness(_) => ErrorCode::BusinessNotFound,
        DecideError::Store(StoreError::TooLarge { .. }) => ErrorCode::RecordTooLarge,
        DecideError::Store(_) => ErrorCode::StoreUnavailable,
        other => other.code(),
    }
}

fn disposition_of(error: &DecideError) -> Disposition {
    match error {
        DecideError::UnknownBusiness(_) | DecideError::NoBundle { .. } => Disposition::DeadLetter,
        DecideError::Busy { retry_after } => Disposition::Retry(Some(*retry_after)),
        // The operator corrects the bundle or the business's file; until then the record is not the cause.
        DecideError::NotLoaded { .. } | DecideError::BusinessNotLoaded(_) => Disposition::Retry(None),
        DecideError::Store(StoreError::TooLarge { .. } | StoreError::Invalid(_)) => Disposition::DeadLetter,
        // The operator corrects credentials and tables; until then the record is not the cause.
        DecideError::Store(_) => Disposition::Retry(None),
        DecideError::Internal(_) => Disposition::RetryLimited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_that_can_never_pass_end_in_a_dead_letter() {
        let timeout = || StoreError::Timeout { table: "t".to_owned(), operation: "PutItem" };
        let too_large =
            || StoreError::TooLarge { what: "a decision".to_owned(), table: "t".to_owned(), size: 2, limit: 1 };
        let denied =
            || StoreError::Denied { table: "t".to_owned(), operation: "PutItem", reason: "no credentials".to_owned() };
        let busy = Duration::from_millis(7);
        let reason = || "400 guests".to_owned();
        let cases: Vec<(RecordError, Disposition)> = vec![
            (RecordError::Empty, Disposition::DeadLetter),
            (HandleError::from(Rejection::Invalid(reason())).into(), Disposition::DeadLetter),
            (HandleError::from(Rejection::Forbidden(reason())).into(), Disposition::DeadLetter),
            (HandleError::from(Rejection::Unavailable(reason())).into(), Disposition::Retry(None)),
            (HandleError::from(DecideError::Internal(reason())).into(), Disposition::RetryLimited),
            (IntakeError::Busy { retry_after: busy }.into(), Disposition::Retry(Some(busy))),
            (IntakeError::Decide(timeout().into()).into(), Disposition::Retry(None)),
            (IntakeError::Delayed(timeout().into()).into(), Disposition::Retry(None)),
            (IntakeError::Decide(denied().into()).into(), Disposition::Retry(None)),
            (IntakeError::Decide(too_large().into()).into(), Disposition::DeadLetter),
            (IntakeError::Decide(DecideError::NoBundle { business_type: reason() }).into(), Disposition::DeadLetter),
            (IntakeError::Decide(DecideError::NotLoaded { business_type: reason() }).into(), Disposition::Retry(None)),
            (RecordError::NotLoaded(reason()), Disposition::Retry(None)),
            (IntakeError::Decide(DecideError::BusinessNotLoaded(reason())).into(), Disposition::Retry(None)),
            (RecordError::BusinessNotLoaded, Disposition::Retry(None)),
            (IntakeError::Decide(DecideError::Internal(reason())).into(), Disposition::RetryLimited),
            (RecordError::Internal, Disposition::RetryLimited),
        ];
        for (refusal, disposition) in cases {
            assert_eq!(refusal.disposition(), disposition, "{refusal}");
        }
        assert!(matches!(RecordError::from(IntakeError::Draining).disposition(), Disposition::Retry(_)));
    }

    #[test]
    fn a_dead_letter_has_no_internal_errors_of_plugins_or_the_host() {
        let inside = || "panicked at nodes/triage/src/lib.rs:7:5".to_owned();
        let failure = signalbox_executor::NodeFailure { kind: signalbox_graph::FailureKind::Trap, message: inside() };
        let refusals: [RecordError; 4] = [
            HandleError::from(Rejection::Broken(failure)).into(),
            HandleError::from(DecideError::Internal(inside())).into(),
            IntakeError::Decide(DecideError::Internal(inside())).into(),
            IntakeError::Delayed(DecideError::Internal(inside())).into(),
        ];
        for refusal in refusals {
            assert!(!refusal.message().contains("lib.rs"), "{}", refusal.message());
        }
    }

    #[test]
    fn a_message_fits_a_header() {
        let refusal: RecordError = HandleError::from(Rejection::Invalid("ă".repeat(10_000))).into();
        assert_eq!(refusal.message().chars().count(), MAX_MESSAGE_BYTES);
    }
}
