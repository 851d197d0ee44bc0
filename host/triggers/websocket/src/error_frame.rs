use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use signalbox_http::AuthError;
use signalbox_intake::{IntakeError, MAX_MESSAGE_ID_BYTES, RetryAdvice};
use signalbox_model::{ErrorCode, ErrorType, JsonObject, LONGEST_PLACE, WebSocketErrorResponse, excerpt};
use signalbox_sessions::{CloseCode, FrameError, ServerFrame};

/// Builds an error frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ErrorFrame {
    error_type: ErrorType,
    code: ErrorCode,
    message: String,
    details: JsonObject,
    correlation_id: Option<String>,
}

impl ErrorFrame {
    /// The client broke a rule of the WebSocket protocol, which ends the connection; a message has at most `limit`
    /// bytes.
    pub fn protocol_violation(code: CloseCode, limit: u64) -> Self {
        let (name, message) = match code {
            CloseCode::Binary => {
                (ErrorCode::BinaryFrame, "binary frames are not part of the protocol; send JSON as text".to_owned())
            }
            CloseCode::InvalidText => (ErrorCode::InvalidUtf8, "the text is not UTF-8".to_owned()),
            CloseCode::TooLarge => (ErrorCode::MessageTooLarge, format!("the message is larger than {limit} bytes")),
            _ => (ErrorCode::WebsocketViolation, "the frames on the wire break the WebSocket protocol".to_owned()),
        };
        Self::new(ErrorType::ValidationError, name, message)
    }

    pub fn new(error_type: ErrorType, code: ErrorCode, message: impl Into<String>) -> Self {
        let mut details = JsonObject::new();
        details.insert("code".to_owned(), code.as_str().into());
        details.insert("retryable".to_owned(), false.into());
        Self { error_type, code, message: message.into(), details, correlation_id: None }
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a name that the client sent, cut to a readable length.
    pub fn with_excerpt(self, name: &str, named: &str) -> Self {
        self.with(name, excerpt(named, LONGEST_PLACE).into_owned())
    }

    /// Adds the id of the message that the error is about, if it is a valid id.
    pub fn for_message(self, message_id: Option<&str>) -> Self {
        match message_id {
            Some(id) if id.len() <= MAX_MESSAGE_ID_BYTES => self.with("messageId", id),
            _ => self,
        }
    }

    pub fn retry_after(self, after: Duration) -> Self {
        self.with_retry_advice(RetryAdvice::After(after))
    }

    /// Adds whether and when the same frame may be sent again.
    pub fn with_retry_advice(self, advice: RetryAdvice) -> Self {
        let frame = self.with("retryable", advice.retryable());
        let Some(after) = advice.after() else { return frame };
        // Rounded up: a client that comes back a fraction too early would be refused again.
        let millis = after.as_nanos().div_ceil(1_000_000) as u64;
        frame.with("retryAfterMs", millis.max(1))
    }

    pub fn correlated(mut self, correlation_id: &str) -> Self {
        self.correlation_id = Some(correlation_id.to_owned());
        self
    }

    /// Whether the client caused the error; errors of the host do not count as abuse.
    pub fn is_client_error(&self) -> bool {
        match self.error_type {
            ErrorType::ValidationError | ErrorType::AuthFailed => true,
            // Other users may have used up the limit.
            ErrorType::RateLimitExceeded => !matches!(self.code, ErrorCode::Busy | ErrorCode::BusinessRateLimited),
            ErrorType::ProcessingError | ErrorType::InternalError => false,
        }
    }

    pub fn into_response(self, now: Timestamp) -> WebSocketErrorResponse {
        WebSocketErrorResponse {
            error_type: self.error_type,
            message: self.message,
            details: Some(self.details),
            timestamp: now,
            correlation_id: self.correlation_id,
        }
    }

    pub fn into_frame(self, now: Timestamp) -> ServerFrame {
        ServerFrame::Error(self.into_response(now))
    }
}

impl From<&AuthError> for ErrorFrame {
    fn from(error: &AuthError) -> Self {
        let error_type = if error.retryable() { ErrorType::InternalError } else { ErrorType::AuthFailed };
        Self::new(error_type, error.code(), error.to_string()).with("retryable", error.retryable())
    }
}

impl From<&FrameError> for ErrorFrame {
    fn from(error: &FrameError) -> Self {
        let frame = Self::new(ErrorType::ValidationError, error.code(), error.to_string());
        match error {
            FrameError::Field { field, message_id, .. } => {
                frame.with("field", field.as_str()).for_message(message_id.as_deref())
            }
            _ => frame,
        }
    }
}

impl From<&IntakeError> for ErrorFrame {
    fn from(error: &IntakeError) -> Self {
        Self::new(error.error_type(), error.code(), error.to_string()).with_retry_advice(error.retry_advice())
    }
}

/// The code that closes the connection of a client whose token is not accepted.
pub(super) fn close_code(error: &AuthError) -> CloseCode {
    match error {
        AuthError::Expired { .. } => CloseCode::TokenExpired,
        AuthError::KeysUnavailable => CloseCode::Internal,
        _ => CloseCode::AuthFailed,
    }
}

#[cfg(test)]
mod tests {
    use signalbox_executor::ReviewError;

    use super::*;
    use signalbox_intake::{ReviewFailure, read_failure_message, samples};

    fn assert_text_matches_retryable(frame: ErrorFrame) {
        let WebSocketErrorResponse { message, details, .. } = frame.into_response(Timestamp::UNIX_EPOCH);
        let details = details.unwrap();
        let retryable = details["retryable"] == true;
        assert_eq!(samples::asks_to_retry(&message), retryable, "{message}: {details:?}");
        assert!(retryable || !details.contains_key("retryAfterMs"), "{message}: {details:?}");
    }

    #[test]
    fn an_error_asks_in_words_to_send_something_again_exactly_when_it_is_retryable() {
        samples::of_intake().iter().for_each(|error| assert_text_matches_retryable(error.into()));
        for error in samples::of_store() {
            let advice = RetryAdvice::from(error.remedy());
            assert_text_matches_retryable(
                ErrorFrame::new(
                    ErrorType::InternalError,
                    ErrorCode::StoreUnavailable,
                    read_failure_message("what you missed", &error),
                )
                .with_retry_advice(advice),
            );
            assert_text_matches_retryable(ErrorFrame::from(&ReviewFailure::Review(ReviewError::Store(error))));
        }
    }

    #[test]
    fn a_store_that_the_operator_has_to_repair_gives_a_retryable_error() {
        let gone = signalbox_store::StoreError::MissingTables(vec!["inputs".to_owned()]);
        let error = IntakeError::Decide(gone.into());
        let response = ErrorFrame::from(&error).into_response(Timestamp::UNIX_EPOCH);
        let details = response.details.unwrap();
        assert_eq!((&details["retryable"], &details["retryAfterMs"]), (&true.into(), &30_000.into()));
        assert!(response.message.contains("was not accepted") && response.message.contains("operator"));
        assert_eq!(error.code(), "store_unavailable");
    }
}
