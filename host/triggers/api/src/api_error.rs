//! Every error of the API, as problem details.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use signalbox_executor::{AccessError, DecideError, HandleError, Rejection, ReviewError, not_stored};
use signalbox_http::{AuthError, ProblemResponse};
use signalbox_intake::{IntakeError, OPERATOR_RETRY_AFTER, ReceiveError, RetryAdvice, ReviewFailure};
use signalbox_model::{ErrorCode, ErrorType};
use signalbox_store::{Remedy, StoreError};

/// After how long a sender that met a fault of the host is told to try again.
const FAULT_RETRY_AFTER: Duration = Duration::from_secs(2);

/// A problem on its way out; the middleware writes the correlation id into it.
#[derive(Clone, Debug)]
pub struct ApiError(pub ProblemResponse);

impl ApiError {
    /// A problem with the title that its status has anyway.
    pub fn new(status: StatusCode, code: ErrorCode, detail: impl Into<String>) -> Self {
        Self(ProblemResponse::new(status, code, detail))
    }

    /// A thing that does not exist and one that the caller may not see give the same answer.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, format!("there is no such {what} for you"))
    }

    /// A list that cannot be read; what the caller asked for wrongly is a wrong query.
    pub fn of_query(error: StoreError) -> Self {
        match error {
            StoreError::Invalid(reason) => Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidQuery, reason),
            other => other.into(),
        }
    }

    /// The key was used for another request before.
    pub fn key_reused() -> Self {
        let detail = "this idempotency key was used before with another body; a new request needs a new key";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::IdempotencyKeyReused, detail)
    }

    /// Adds when the request may be sent again, if it may.
    fn with_retry_advice(problem: ProblemResponse, advice: RetryAdvice) -> Self {
        Self(match advice {
            RetryAdvice::Never => problem,
            RetryAdvice::OnAnotherConnection => problem.retry_after(FAULT_RETRY_AFTER),
            RetryAdvice::After(pause) => problem.retry_after(pause),
        })
    }

    /// The caller's rate is used up; `wait` says for how long.
    pub fn limited(detail: &str, wait: Duration) -> Self {
        Self(ProblemResponse::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests, detail).retry_after(wait))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.0.status(), Body::empty()).into_response();
        if self.0.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"signalbox\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        if error.retryable() {
            let problem = ProblemResponse::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.to_string());
            return Self(problem.retry_after(FAULT_RETRY_AFTER));
        }
        let detail = match error {
            // The error's own text is for clients of the WebSocket.
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

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::MissingPermission { .. } => {
                Self::new(StatusCode::FORBIDDEN, ErrorCode::PermissionMissing, error.to_string())
            }
            error @ AccessError::NotLoaded(_) => {
                let error = IntakeError::Access(error);
                let problem = ProblemResponse::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.to_string());
                Self(problem.retry_after(error.retry_advice().after().unwrap_or(OPERATOR_RETRY_AFTER)))
            }
            AccessError::UnknownBusiness(_) | AccessError::NoAccess(_) | AccessError::NoLocation { .. } => {
                Self::not_found("business or location")
            }
        }
    }
}

impl From<IntakeError> for ApiError {
    fn from(error: IntakeError) -> Self {
        if let IntakeError::Access(error) = error {
            return error.into();
        }
        let status = match (error.error_type(), error.code()) {
            (ErrorType::ValidationError, _) => StatusCode::UNPROCESSABLE_ENTITY,
            (ErrorType::AuthFailed, _) => return Self::not_found("business or location"),
            (ErrorType::RateLimitExceeded, ErrorCode::Busy) | (ErrorType::ProcessingError, _) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            (ErrorType::RateLimitExceeded, _) => StatusCode::TOO_MANY_REQUESTS,
            (ErrorType::InternalError, _) if error.retry_advice().retryable() => StatusCode::SERVICE_UNAVAILABLE,
            (ErrorType::InternalError, _) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let detail = match &error {
            // The error's own text is about a connection and a message.
            IntakeError::Draining => "the host is going away; send the request again in a moment".to_owned(),
            IntakeError::Decide(DecideError::Store(error)) => not_stored("input", "idempotency key", error),
            error => error.to_string(),
        };
        Self::with_retry_advice(ProblemResponse::new(status, error.code(), detail), error.retry_advice())
    }
}

impl From<ReviewFailure> for ApiError {
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
                Self(ProblemResponse::new(StatusCode::CONFLICT, code, detail).with("resolution", first))
            }
            ReviewError::IdReused(_) => Self::key_reused(),
            ReviewError::Invalid(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail),
            ReviewError::Store(error) => error.into(),
        }
    }
}

impl From<HandleError> for ApiError {
    fn from(error: HandleError) -> Self {
        let code = error.code();
        let (status, detail) = match error {
            HandleError::Decide(error) => return IntakeError::Decide(error).into(),
            HandleError::Rejected(Rejection::Invalid(reason)) => (StatusCode::UNPROCESSABLE_ENTITY, reason),
            HandleError::Rejected(Rejection::Forbidden(reason)) => (StatusCode::FORBIDDEN, reason),
            HandleError::Rejected(Rejection::Unavailable(reason)) => {
                return Self(
                    ProblemResponse::new(StatusCode::SERVICE_UNAVAILABLE, code, reason).retry_after(FAULT_RETRY_AFTER),
                );
            }
            HandleError::Rejected(Rejection::Broken(failure)) => {
                tracing::error!(reason = failure.message, "the handler of the API is broken");
                let detail = "the business's handler failed; the operator can see why in the log";
                // A broken plugin may be repaired, and the request then be served.
                return Self(
                    ProblemResponse::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(FAULT_RETRY_AFTER),
                );
            }
        };
        Self::new(status, code, detail)
    }
}

impl From<ReceiveError> for ApiError {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::NotOffered(_) => {
                let detail = "this business takes no inputs over the API: its bundle has no [inputs.api]";
                Self::new(StatusCode::FORBIDDEN, ErrorCode::ApiNotOffered, detail)
            }
            ReceiveError::Handle(error) => error.into(),
            ReceiveError::Intake(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Invalid(reason) => {
                return Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, reason);
            }
            StoreError::TooLarge { .. } => {
                let detail = not_stored("request", "idempotency key", &error);
                return Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::ContentTooLarge, detail);
            }
            _ => {}
        }
        tracing::error!(%error, "the store did not do what the API needs");
        let (status, detail) = match error.remedy() {
            Remedy::Time => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer; send the request again in a moment, with the same idempotency key if it has one",
            ),
            Remedy::Operator => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the operator has to mend the host's store first; send the request again later, with the same idempotency \
                 key if it has one",
            ),
            Remedy::Nothing => (StatusCode::INTERNAL_SERVER_ERROR, "the store cannot do what the request asks for"),
        };
        Self::with_retry_advice(
            ProblemResponse::new(status, ErrorCode::StoreUnavailable, detail),
            error.remedy().into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signalbox_intake::samples;

    #[test]
    fn a_refusal_asks_to_send_a_request_again_exactly_when_it_has_retry_after() {
        let mut refusals: Vec<ApiError> = samples::of_intake().into_iter().map(ApiError::from).collect();
        refusals.extend(samples::of_store().into_iter().map(ApiError::from));
        let of_reviews = samples::of_store().into_iter().map(|error| ReviewFailure::Review(ReviewError::Store(error)));
        refusals.extend(of_reviews.map(ApiError::from));
        let of_handlers = samples::of_store().into_iter().map(|error| HandleError::Decide(error.into()));
        refusals.extend(of_handlers.map(ApiError::from));
        for ApiError(problem) in refusals {
            let has_retry_after = problem.has_retry_after();
            assert_eq!(samples::asks_to_retry(problem.detail()), has_retry_after, "{problem:?}");
            let may_pass = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
            // An input that is stored already is decided without being sent again.
            assert!(
                may_pass.contains(&problem.status()) == has_retry_after || problem.code() == "delayed",
                "{problem:?}"
            );
        }
    }
}
