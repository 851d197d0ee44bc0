use std::time::Duration;

use signalbox_executor::{AccessError, DecideError};
use signalbox_model::ErrorType;
use thiserror::Error;

/// When to come back to a business whose bundle could not be loaded: somebody has to mend it first.
const UNTIL_LOADED: Duration = Duration::from_secs(30);

/// Whose rate it is.
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
    /// The client's id cannot be an id.
    #[error("`id` has to be 1 to 128 visible ASCII characters")]
    MessageId,
    /// There is nothing in it.
    #[error("`content` needs `text` or `data`")]
    Empty,
    /// Too much text.
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
        /// `data` or `metadata`.
        field: &'static str,
        /// How deep is accepted.
        limit: u32,
    },
    /// The business or place is not there for this user, or the user may not send messages there.
    #[error("{}", access_message(.0))]
    Access(#[from] AccessError),
    /// The id belongs to another message.
    #[error("this message id was used before with other content; a new message needs a new id")]
    IdReused,
    /// Too much is being decided.
    #[error("too many messages are being decided right now; come back in {} ms", .retry_after.as_millis())]
    Busy {
        /// When to come back.
        retry_after: Duration,
    },
    /// More came lately than may.
    #[error("{} too fast; come back in {} ms", .scope.too_fast(), .retry_after.as_millis())]
    RateLimited {
        /// From whom, or for whom.
        scope: RateScope,
        /// When to come back.
        retry_after: Duration,
    },
    /// The host is going away.
    #[error("the host is going away; connect again and send the message again")]
    Draining,
    /// It was not decided.
    #[error("{}", decide_message(.0))]
    Decide(#[from] DecideError),
    /// It was not decided yet, but it is stored and will be.
    #[error("the message could not be decided yet; it is stored and will be decided as soon as possible")]
    Delayed(#[source] DecideError),
}

impl RateScope {
    /// In metrics.
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
    /// What kind of error a client is told of.
    pub fn error_type(&self) -> ErrorType {
        match self {
            Self::MessageId | Self::Empty | Self::TextTooLong { .. } | Self::TooDeep { .. } | Self::IdReused => {
                ErrorType::ValidationError
            }
            Self::Access(_) => ErrorType::AuthFailed,
            Self::Busy { .. } | Self::RateLimited { .. } | Self::Decide(DecideError::Busy { .. }) => {
                ErrorType::RateLimitExceeded
            }
            Self::Draining
            | Self::Delayed(_)
            | Self::Decide(DecideError::NoBundle { .. } | DecideError::NotLoaded { .. }) => ErrorType::ProcessingError,
            Self::Decide(DecideError::UnknownBusiness(_)) => ErrorType::AuthFailed,
            Self::Decide(DecideError::Store(_) | DecideError::Internal(_)) => ErrorType::InternalError,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MessageId => "invalid_message_id",
            Self::Empty => "content_empty",
            Self::TextTooLong { .. } => "text_too_long",
            Self::TooDeep { .. } => "content_too_deep",
            Self::Access(AccessError::MissingPermission { .. }) => "permission_missing",
            Self::Access(_) | Self::Decide(DecideError::UnknownBusiness(_)) => "business_not_found",
            Self::IdReused => "message_id_reused",
            Self::Busy { .. } | Self::Decide(DecideError::Busy { .. }) => "busy",
            Self::RateLimited { scope: RateScope::User, .. } => "user_rate_limited",
            Self::RateLimited { scope: RateScope::Business, .. } => "business_rate_limited",
            Self::Draining => "draining",
            Self::Decide(DecideError::NoBundle { .. }) => "no_bundle",
            Self::Decide(DecideError::NotLoaded { .. }) => "bundle_not_loaded",
            Self::Decide(DecideError::Store(_)) => "store_unavailable",
            Self::Decide(DecideError::Internal(_)) => "internal",
            Self::Delayed(_) => "delayed",
        }
    }

    /// Whether the same message may be sent again and then be decided.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::RateLimited { .. } | Self::Draining => true,
            Self::Decide(error) => error.retryable(),
            _ => false,
        }
    }

    /// When to send it again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after }
            | Self::RateLimited { retry_after, .. }
            | Self::Decide(DecideError::Busy { retry_after }) => Some(*retry_after),
            Self::Decide(DecideError::NotLoaded { .. }) => Some(UNTIL_LOADED),
            Self::Decide(error) if error.retryable() => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

/// Nobody learns from an error which businesses exist.
fn access_message(error: &AccessError) -> String {
    match error {
        AccessError::MissingPermission { .. } => error.to_string(),
        AccessError::UnknownBusiness(_) | AccessError::NoAccess(_) | AccessError::NoLocation { .. } => {
            "there is no such business or location for you; check `businessId` and `locationId` against your token"
                .to_owned()
        }
    }
}

/// What is inside stays inside: the log has it, under the correlation id.
fn decide_message(error: &DecideError) -> String {
    match error {
        DecideError::UnknownBusiness(_) => {
            "there is no such business or location for you; check `businessId` and `locationId` against your token"
                .to_owned()
        }
        DecideError::NoBundle { business_type } => {
            format!("nothing is deployed for businesses of type {business_type}; ask the operator")
        }
        DecideError::NotLoaded { .. } => {
            "this business cannot be served right now, because of an error on the operator's side; send it again later"
                .to_owned()
        }
        DecideError::Busy { .. } => error.to_string(),
        DecideError::Store(_) => "the message could not be stored; send it again with the same id".to_owned(),
        DecideError::Internal(_) => "the message could not be decided because of an error in the host".to_owned(),
    }
}
