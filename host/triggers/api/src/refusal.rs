//! Every reason for which the API says no, as problem details.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use signalbox_executor::{AccessError, HandleError, Rejection, ReviewError};
use signalbox_http::{AuthError, Problem};
use signalbox_intake::{IntakeError, ReceiveError, ReviewFailure};
use signalbox_model::ErrorType;
use signalbox_store::StoreError;

/// When a sender that met a fault of the host is told to come back.
const FAULT_PAUSE: Duration = Duration::from_secs(2);

/// A problem on its way out; whoever sends the response writes the correlation id into it.
#[derive(Clone, Debug)]
pub struct Refusal(pub Problem);

impl Refusal {
    /// A problem with the title that its status has anyway.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Problem::new(status, code, detail))
    }

    /// What is not there and what is none of the caller's business look alike.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what} for you"))
    }

    /// A key that named something else before.
    pub fn key_reused() -> Self {
        let detail = "this idempotency key was used before with another body; a new request needs a new key";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
    }

    /// A rate that is used up for so long.
    pub fn limited(detail: &str, wait: Duration) -> Self {
        Self(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).retry_after(wait))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.0.status(), Body::empty()).into_response();
        if self.0.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"signalbox\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        if error.retryable() {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.to_string());
            return Self(problem.retry_after(FAULT_PAUSE));
        }
        let detail = match error {
            // The error's own advice is for clients of the WebSocket.
            AuthError::Missing => "no token was presented; send it as `Authorization: Bearer …`".to_owned(),
            AuthError::InUrl => {
                "tokens do not belong into the URL, where logs and browser histories keep them; send it \
                                 as `Authorization: Bearer …`, and treat this one as leaked"
                    .to_owned()
            }
            ref other => other.to_string(),
        };
        Self::new(StatusCode::UNAUTHORIZED, error.code(), detail)
    }
}

impl From<AccessError> for Refusal {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::MissingPermission { .. } => {
                Self::new(StatusCode::FORBIDDEN, "permission_missing", error.to_string())
            }
            AccessError::UnknownBusiness(_) | AccessError::NoAccess(_) | AccessError::NoLocation { .. } => {
                Self::not_found("business or location")
            }
        }
    }
}

impl From<IntakeError> for Refusal {
    fn from(error: IntakeError) -> Self {
        if let IntakeError::Access(error) = error {
            return error.into();
        }
        let status = match (error.error_type(), error.code()) {
            (ErrorType::ValidationError, _) => StatusCode::UNPROCESSABLE_ENTITY,
            (ErrorType::AuthFailed, _) => return Self::not_found("business or location"),
            (ErrorType::RateLimitExceeded, "busy") | (ErrorType::ProcessingError, _) => StatusCode::SERVICE_UNAVAILABLE,
            (ErrorType::RateLimitExceeded, _) => StatusCode::TOO_MANY_REQUESTS,
            (ErrorType::InternalError, _) if error.retryable() => StatusCode::SERVICE_UNAVAILABLE,
            (ErrorType::InternalError, _) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let detail = match error.code() {
            // The error's own words are about a connection and a message.
            "draining" => "the host is going away; send the request again in a moment".to_owned(),
            "store_unavailable" => "the input could not be stored; send the request again in a moment".to_owned(),
            _ => error.to_string(),
        };
        let problem = Problem::new(status, error.code(), detail);
        let pause = error.retry_after().or_else(|| error.retryable().then_some(FAULT_PAUSE));
        Self(match pause {
            Some(pause) => problem.retry_after(pause),
            None => problem,
        })
    }
}

impl From<ReviewFailure> for Refusal {
    fn from(failure: ReviewFailure) -> Self {
        let error = match failure {
            ReviewFailure::Intake(error) => return error.into(),
            ReviewFailure::Review(error) => error,
        };
        let (code, detail) = (error.code(), error.to_string());
        match error {
            ReviewError::DecisionId | ReviewError::NotFound(_) => Self::not_found("decision"),
            ReviewError::NotUnderReview(_) => Self::new(StatusCode::CONFLICT, code, detail),
            ReviewError::AlreadyResolved { first, .. } | ReviewError::Expired { first, .. } => {
                let first = serde_json::to_value(first).unwrap_or_default();
                Self(Problem::new(StatusCode::CONFLICT, code, detail).with("resolution", first))
            }
            ReviewError::IdReused(_) => Self::key_reused(),
            ReviewError::Invalid(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail),
            ReviewError::Store(error) => error.into(),
        }
    }
}

impl From<HandleError> for Refusal {
    fn from(error: HandleError) -> Self {
        let code = error.code();
        let (status, detail) = match error {
            HandleError::Decide(error) => return IntakeError::Decide(error).into(),
            HandleError::Rejected(Rejection::Invalid(reason)) => (StatusCode::UNPROCESSABLE_ENTITY, reason),
            HandleError::Rejected(Rejection::Forbidden(reason)) => (StatusCode::FORBIDDEN, reason),
            HandleError::Rejected(Rejection::Unavailable(reason)) => {
                return Self(Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, reason).retry_after(FAULT_PAUSE));
            }
            HandleError::Rejected(Rejection::Broken(failure)) => {
                tracing::error!(reason = failure.message, "the handler of the API is broken");
                let detail = "the business's handler failed; the operator can see why in the log";
                // A broken plugin may be mended, and the sender then be served.
                return Self(Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(FAULT_PAUSE));
            }
        };
        Self::new(status, code, detail)
    }
}

impl From<ReceiveError> for Refusal {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::NotOffered(_) => {
                let detail = "this business takes no inputs over the API: its bundle has no [inputs.api]";
                Self::new(StatusCode::FORBIDDEN, "api_not_offered", detail)
            }
            ReceiveError::Handle(error) => error.into(),
            ReceiveError::Intake(error) => error.into(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        if let StoreError::Invalid(reason) = error {
            return Self::new(StatusCode::BAD_REQUEST, "invalid_request", reason);
        }
        tracing::error!(%error, "the API cannot reach the store");
        let detail = "the store does not answer; send the request again in a moment";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", detail);
        Self(problem.retry_after(FAULT_PAUSE))
    }
}
