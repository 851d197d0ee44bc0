use std::time::Duration;

use signalbox_executor::{AccessError, DecideError, not_stored};
use signalbox_model::{ErrorCode, ErrorType};
use signalbox_store::{Remedy, StoreError};
use thiserror::Error;

/// How long a sender is told to wait when an operator has to mend something first, for example a bundle that could not
/// be loaded.
pub const OPERATOR_RETRY_AFTER: Duration = Duration::from_secs(30);
/// How long a sender is told to wait for a condition that passes by itself.
const SHORT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Whether and when a sender may send the same thing again. Everything that senders are told about this follows from
/// this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// No, because the host would refuse it again.
    Never,
    /// Yes, at once, on another connection.
    OnAnotherConnection,
    /// Yes, after this time at the earliest.
    After(Duration),
}

impl RetryAdvice {
    /// Whether it may be sent again at all.
    pub fn retryable(self) -> bool {
        self != Self::Never
    }

    /// After which time.
    pub fn after(self) -> Option<Duration> {
        match self {
            Self::After(pause) => Some(pause),
            Self::Never | Self::OnAnotherConnection => None,
        }
    }
}

impl From<Remedy> for RetryAdvice {
    fn from(remedy: Remedy) -> Self {
        match remedy {
            Remedy::Time => Self::After(SHORT_RETRY_AFTER),
            Remedy::Operator => Self::After(OPERATOR_RETRY_AFTER),
            Remedy::Nothing => Self::Never,
        }
    }
}

/// What a client is told when something cannot be read from the store.
pub fn read_failure_message(what: &str, error: &StoreError) -> String {
    match error.remedy() {
        Remedy::Time => format!("{what} cannot be read right now; ask again in a moment"),
        Remedy::Operator => {
            format!("{what} cannot be read, because the operator has to mend the host's store first; ask again later")
        }
        Remedy::Nothing => format!("{what} cannot be read as asked for"),
    }
}

/// Which rate was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateScope {
    /// One user's, over all businesses.
    User,
    /// One business's, over all users.
    Business,
}

/// Why a message is not decided.
#[derive(Clone, Debug, Error)]
pub enum IntakeError {
    /// The client's id is not a valid message id.
    #[error("`id` has to be 1 to 128 visible ASCII characters")]
    MessageId,
    /// The content is empty.
    #[error("`content` needs `text` or `data`")]
    Empty,
    /// The text is too long.
    #[error("`content.text` has {found} bytes; at most {limit} are accepted")]
    TextTooLong {
        /// Its bytes.
        found: usize,
        /// How many are accepted.
        limit: u64,
    },
    /// JSON that is nested too deep.
    #[error("`content.{field}` is nested deeper than {limit} levels")]
    TooDeep {
        /// The field, `data` or `metadata`.
        field: &'static str,
        /// The most levels that are accepted.
        limit: u32,
    },
    /// The business or location does not exist for this user, or the user may not send messages there.
    #[error("{}", access_message(.0))]
    Access(#[from] AccessError),
    /// Another message was sent with this id earlier.
    #[error("this message id was used before with other content; a new message needs a new id")]
    IdReused,
    /// Too many decisions are in flight or waiting.
    #[error("too many messages are being decided right now; come back in {} ms", .retry_after.as_millis())]
    Busy {
        /// When the sender may send again.
        retry_after: Duration,
    },
    /// More inputs arrived in a short time than the rate allows.
    #[error("{} too fast; come back in {} ms", .scope.too_fast(), .retry_after.as_millis())]
    RateLimited {
        /// Whose rate was exceeded.
        scope: RateScope,
        /// When the sender may send again.
        retry_after: Duration,
    },
    /// The host is shutting down.
    #[error("the host is going away; connect again and send the message again")]
    Draining,
    /// The input was not decided.
    #[error("{}", decide_message(.0))]
    Decide(#[from] DecideError),
    /// The input is not decided yet, but it is stored and will be decided.
    #[error("the message could not be decided yet; it is stored and will be decided as soon as possible")]
    Delayed(#[source] DecideError),
}

impl RateScope {
    /// The name in metrics.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::User => "user_rate",
            Self::Business => "business_rate",
        }
    }

    fn too_fast(self) -> &'static str {
        match self {
            Self::User => "you send",
            Self::Business => "this business is sent",
        }
    }
}

impl IntakeError {
    /// The error type in a client's error frame.
    pub fn error_type(&self) -> ErrorType {
        match self {
            Self::MessageId | Self::Empty | Self::TextTooLong { .. } | Self::TooDeep { .. } | Self::IdReused => {
                ErrorType::ValidationError
            }
            Self::Access(AccessError::NotLoaded(_)) => ErrorType::ProcessingError,
            Self::Access(_) => ErrorType::AuthFailed,
            Self::Busy { .. } | Self::RateLimited { .. } | Self::Decide(DecideError::Busy { .. }) => {
                ErrorType::RateLimitExceeded
            }
            Self::Draining
            | Self::Delayed(_)
            | Self::Decide(
                DecideError::NoBundle { .. } | DecideError::NotLoaded { .. } | DecideError::BusinessNotLoaded(_),
            ) => ErrorType::ProcessingError,
            Self::Decide(DecideError::UnknownBusiness(_)) => ErrorType::AuthFailed,
            Self::Decide(DecideError::Store(StoreError::TooLarge { .. })) => ErrorType::ValidationError,
            Self::Decide(DecideError::Store(_) | DecideError::Internal(_)) => ErrorType::InternalError,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::MessageId => ErrorCode::InvalidMessageId,
            Self::Empty => ErrorCode::ContentEmpty,
            Self::TextTooLong { .. } => ErrorCode::TextTooLong,
            Self::TooDeep { .. } => ErrorCode::ContentTooDeep,
            Self::Access(AccessError::MissingPermission { .. }) => ErrorCode::PermissionMissing,
            Self::Access(AccessError::NotLoaded(_)) | Self::Decide(DecideError::BusinessNotLoaded(_)) => {
                ErrorCode::BusinessNotLoaded
            }
            Self::Access(_) | Self::Decide(DecideError::UnknownBusiness(_)) => ErrorCode::BusinessNotFound,
            Self::IdReused => ErrorCode::MessageIdReused,
            Self::Busy { .. } | Self::Decide(DecideError::Busy { .. }) => ErrorCode::Busy,
            Self::RateLimited { scope: RateScope::User, .. } => ErrorCode::UserRateLimited,
            Self::RateLimited { scope: RateScope::Business, .. } => ErrorCode::BusinessRateLimited,
            Self::Draining => ErrorCode::Draining,
            Self::Decide(DecideError::NoBundle { .. }) => ErrorCode::NoBundle,
            Self::Decide(DecideError::NotLoaded { .. }) => ErrorCode::BundleNotLoaded,
            Self::Decide(DecideError::Store(StoreError::TooLarge { .. })) => ErrorCode::ContentTooLarge,
            Self::Decide(DecideError::Store(_)) => ErrorCode::StoreUnavailable,
            Self::Decide(DecideError::Internal(_)) => ErrorCode::Internal,
            Self::Delayed(_) => ErrorCode::Delayed,
        }
    }

    /// Whether and when the same message may be sent again with a chance to be decided.
    pub fn retry_advice(&self) -> RetryAdvice {
        match self {
            Self::Busy { retry_after }
            | Self::RateLimited { retry_after, .. }
            | Self::Decide(DecideError::Busy { retry_after }) => RetryAdvice::After(*retry_after),
            Self::Draining => RetryAdvice::OnAnotherConnection,
            Self::Decide(error) => error.remedy().into(),
            Self::Access(AccessError::NotLoaded(_)) => Remedy::Operator.into(),
            Self::MessageId
            | Self::Empty
            | Self::TextTooLong { .. }
            | Self::TooDeep { .. }
            | Self::Access(_)
            | Self::IdReused
            | Self::Delayed(_) => RetryAdvice::Never,
        }
    }
}

/// What a sender is told when the operator has to mend something before inputs of its business are decided.
const NOT_SERVED_MESSAGE: &str =
    "this business cannot be served right now, because of an error on the operator's side; send it again later";

/// The same words for every case but a missing permission, so that a client cannot find out which businesses exist.
fn access_message(error: &AccessError) -> String {
    match error {
        AccessError::MissingPermission { .. } => error.to_string(),
        AccessError::NotLoaded(_) => NOT_SERVED_MESSAGE.to_owned(),
        AccessError::UnknownBusiness(_) | AccessError::NoAccess(_) | AccessError::NoLocation { .. } => {
            "there is no such business or location for you; check `businessId` and `locationId` against your token"
                .to_owned()
        }
    }
}

/// Without details of the host: these are in the log, under the correlation id.
fn decide_message(error: &DecideError) -> String {
    match error {
        DecideError::UnknownBusiness(_) => {
            "there is no such business or location for you; check `businessId` and `locationId` against your token"
                .to_owned()
        }
        DecideError::NoBundle { business_type } => {
            format!(
                "nothing is deployed for businesses of type {business_type}; ask the operator, and send it again later"
            )
        }
        DecideError::NotLoaded { .. } | DecideError::BusinessNotLoaded(_) => NOT_SERVED_MESSAGE.to_owned(),
        DecideError::Busy { .. } => error.to_string(),
        DecideError::Store(error) => not_stored("message", "id", error),
        DecideError::Internal(_) => "the message could not be decided because of an error in the host".to_owned(),
    }
}
