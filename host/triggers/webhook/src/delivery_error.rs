use std::time::Duration;

use http::StatusCode;
use signalbox_executor::{DecideError, HandleError, Rejection, not_stored};
use signalbox_http::{BodyReadError, ProblemResponse};
use signalbox_intake::{IntakeError, OPERATOR_RETRY_AFTER, ReceiveError};
use signalbox_model::{ErrorCode, ErrorType};
use signalbox_store::{Remedy, StoreError};
use thiserror::Error;

use crate::verify::SignatureError;

/// The longest reason of a handler that the sender is told, in characters.
const MAX_REASON_CHARS: usize = 500;

/// Why a delivery is not taken in.
#[derive(Clone, Debug, Error)]
pub(super) enum DeliveryError {
    /// No such business, or no such hook: the sender does not learn which.
    #[error("there is no such webhook; its address is /webhooks/BUSINESS/HOOK, with a hook of the business's bundle")]
    Unknown,
    /// The method is not POST.
    #[error("deliveries are sent with POST")]
    Method,
    /// Too many deliveries are being read or accepted.
    #[error("too many deliveries are being taken in; send it again a little later")]
    Full,
    /// The body cannot be read.
    #[error(transparent)]
    Body(#[from] BodyReadError),
    /// The signature is not valid. The sender is told this and no more.
    #[error("the delivery's signature could not be verified")]
    InvalidSignature(#[source] SignatureError),
    /// The hook's secret is not configured.
    #[error("the hook is not set up completely; the operator finds the reason in the log")]
    NoSecret {
        /// Its name.
        secret: String,
    },
    /// The business's bundle or file could not be loaded.
    #[error("this webhook cannot be served right now; send the delivery again later")]
    NotLoaded(DecideError),
    /// Too many deliveries of one hook.
    #[error("too many deliveries to this hook; come back later")]
    Rate {
        /// When the next one is accepted.
        wait: Duration,
    },
    /// The id was used with another body.
    #[error("this delivery id was used before with another body; a new event needs a new id")]
    IdReused,
    /// The delivery was signed for another business or hook, which has the same secret.
    #[error("this delivery came to another webhook before, which has the same secret; a new event needs a new id")]
    UsedAtAnotherHook,
    /// There is no handler, and the body is not a JSON object.
    #[error("the body has to be a JSON object: {0}")]
    NoObject(String),
    /// The handler refused the delivery, or could not be called.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// An input could not be stored or admitted.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The delivery's result could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of the host.
    #[error("the delivery could not be taken in because of an error in the host; send it again")]
    Internal,
}

impl From<ReceiveError> for DeliveryError {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::NotOffered(_) => Self::Unknown,
            ReceiveError::Handle(HandleError::Decide(error)) if error.waits_for_the_operator() => {
                Self::NotLoaded(error)
            }
            ReceiveError::Handle(error) => error.into(),
            ReceiveError::Intake(error) => error.into(),
        }
    }
}

impl DeliveryError {
    /// A stable name for programs, logs and metrics.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unknown => ErrorCode::WebhookNotFound,
            Self::Method => ErrorCode::MethodNotAllowed,
            Self::Full => ErrorCode::Busy,
            Self::Body(BodyReadError::Encoded) => ErrorCode::ContentEncoding,
            Self::Body(BodyReadError::TooLarge { .. }) => ErrorCode::BodyTooLarge,
            Self::Body(BodyReadError::TooSlow { .. }) => ErrorCode::BodyTimeout,
            Self::Body(BodyReadError::Incomplete) => ErrorCode::BodyIncomplete,
            Self::InvalidSignature(_) => ErrorCode::SignatureInvalid,
            Self::NoSecret { .. } => ErrorCode::SecretMissing,
            Self::NotLoaded(error) => error.code(),
            Self::Rate { .. } => ErrorCode::RateLimited,
            Self::IdReused | Self::Intake(IntakeError::IdReused) => ErrorCode::DeliveryIdReused,
            Self::UsedAtAnotherHook => ErrorCode::DeliveryUsedElsewhere,
            Self::NoObject(_) => ErrorCode::BodyNoJsonObject,
            Self::Handle(error) => error.code(),
            Self::Intake(error) => error.code(),
            Self::Store(StoreError::TooLarge { .. }) => ErrorCode::ContentTooLarge,
            Self::Store(_) => ErrorCode::StoreUnavailable,
            Self::Internal => ErrorCode::Internal,
        }
    }

    /// 4xx when the delivery as it is will never be accepted, 429 and 503 when it may be later.
    fn status(&self) -> StatusCode {
        match self {
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(BodyReadError::Encoded) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(BodyReadError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyReadError::TooSlow { .. }) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyReadError::Incomplete) | Self::NoObject(_) => StatusCode::BAD_REQUEST,
            Self::InvalidSignature(_) => StatusCode::UNAUTHORIZED,
            Self::Rate { .. } | Self::Intake(IntakeError::RateLimited { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::IdReused | Self::UsedAtAnotherHook | Self::Intake(IntakeError::IdReused) => StatusCode::CONFLICT,
            Self::Handle(HandleError::Rejected(Rejection::Invalid(_))) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Handle(HandleError::Rejected(Rejection::Forbidden(_))) => StatusCode::FORBIDDEN,
            Self::Handle(HandleError::Decide(DecideError::UnknownBusiness(_))) => StatusCode::NOT_FOUND,
            Self::Store(StoreError::TooLarge { .. })
            | Self::Intake(IntakeError::Decide(DecideError::Store(StoreError::TooLarge { .. }))) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Intake(error) if error.error_type() == ErrorType::ValidationError => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Intake(error) if error.error_type() == ErrorType::AuthFailed => StatusCode::NOT_FOUND,
            _ if self.store_error().is_some_and(|error| error.remedy() == Remedy::Nothing) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            // A broken handler may be repaired, a store may come back: the sender keeps the delivery until then.
            Self::Full
            | Self::NoSecret { .. }
            | Self::NotLoaded(_)
            | Self::Handle(_)
            | Self::Intake(_)
            | Self::Store(_)
            | Self::Internal => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The text for the sender: the reason when the cause is the sender's, and nothing about the host's inside.
    fn detail(&self) -> String {
        match self {
            Self::Handle(HandleError::Rejected(Rejection::Invalid(reason) | Rejection::Forbidden(reason))) => {
                reason.chars().take(MAX_REASON_CHARS).collect()
            }
            Self::Handle(HandleError::Decide(DecideError::UnknownBusiness(_)))
            | Self::Intake(IntakeError::Decide(DecideError::UnknownBusiness(_))) => Self::Unknown.to_string(),
            Self::Handle(_) => "the delivery cannot be handled right now; send it again later".to_owned(),
            Self::Intake(IntakeError::Decide(_)) if self.store_error().is_none() => {
                "the delivery could not be stored; send it again later with the same id".to_owned()
            }
            other => match other.store_error() {
                Some(error) => not_stored("delivery", "id", error),
                None => other.to_string(),
            },
        }
    }

    /// The store's error, if the store refused the delivery.
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) | Self::Intake(IntakeError::Decide(DecideError::Store(error))) => Some(error),
            _ => None,
        }
    }

    /// Whether the connection can no longer be used, because the rest of the body was not read.
    pub fn closes(&self) -> bool {
        matches!(self, Self::Body(error) if *error != BodyReadError::Encoded)
    }

    /// Whether the operator has to look after the error.
    pub fn is_host_error(&self) -> bool {
        // A bundle or business that is not loaded was reported once, when loading failed.
        let crowded = matches!(
            self,
            Self::Full | Self::NotLoaded(_) | Self::Intake(IntakeError::Busy { .. } | IntakeError::Draining)
        );
        self.status() == StatusCode::SERVICE_UNAVAILABLE && !crowded
    }

    /// The problem for the sender; `later` is when to try again if the error itself does not say.
    pub fn problem(&self, later: Duration) -> ProblemResponse {
        let problem = ProblemResponse::new(self.status(), self.code(), self.detail());
        match self {
            Self::Rate { wait } => problem.retry_after(*wait),
            Self::Intake(IntakeError::Busy { retry_after } | IntakeError::RateLimited { retry_after, .. }) => {
                problem.retry_after(*retry_after)
            }
            _ if self.store_error().is_some_and(|error| error.remedy() == Remedy::Operator) => {
                problem.retry_after(OPERATOR_RETRY_AFTER.max(later))
            }
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => problem.retry_after(later),
            _ => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signalbox_intake::samples;

    #[test]
    fn a_refusal_asks_to_send_a_delivery_again_exactly_when_it_has_retry_after() {
        let mut refusals: Vec<DeliveryError> = samples::of_store().into_iter().map(DeliveryError::from).collect();
        // An input that is accepted before it is decided is never delayed.
        let of_intake = samples::of_intake().into_iter().filter(|error| !matches!(error, IntakeError::Delayed(_)));
        refusals.extend(of_intake.map(DeliveryError::from));
        refusals.extend(samples::of_store().into_iter().map(|error| HandleError::Decide(error.into()).into()));
        refusals.extend([
            DeliveryError::Full,
            DeliveryError::NotLoaded(DecideError::BusinessNotLoaded(String::new())),
            DeliveryError::Internal,
            DeliveryError::Rate { wait: Duration::from_secs(1) },
        ]);
        for refusal in refusals {
            let problem = refusal.problem(Duration::from_secs(5));
            let has_retry_after = problem.has_retry_after();
            assert_eq!(samples::asks_to_retry(problem.detail()), has_retry_after, "{refusal:?}: {problem:?}");
            let may_pass = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
            assert_eq!(may_pass.contains(&problem.status()), has_retry_after, "{problem:?}");
        }
    }
}
