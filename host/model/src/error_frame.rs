use serde::{Deserialize, Serialize};

use crate::{JsonObject, Timestamp};

/// What kind of error a client is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorType {
    /// Who are you, or may you do this?
    AuthFailed,
    /// What was sent is not right; sending it again will not help.
    ValidationError,
    /// It was right, but no decision came out.
    ProcessingError,
    /// Too much, too fast; `details.retryAfterMs` says when to come back.
    RateLimitExceeded,
    /// Our fault.
    InternalError,
}

impl ErrorType {
    /// The name on the wire, for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthFailed => "auth_failed",
            Self::ValidationError => "validation_error",
            Self::ProcessingError => "processing_error",
            Self::RateLimitExceeded => "rate_limit_exceeded",
            Self::InternalError => "internal_error",
        }
    }
}

/// The error frame of the WebSocket protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "WebSocketErrorResponse", transform = with_type))]
#[serde(rename_all = "camelCase", tag = "type", rename = "error")]
pub struct WebSocketErrorResponse {
    /// What kind of error it is.
    pub error_type: ErrorType,
    /// What happened and what to do, for a person.
    pub message: String,
    /// `code` (stable, for programs), `retryable`, and what else helps: `messageId`, `field`, `retryAfterMs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<JsonObject>,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Under which the host's logs tell more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// Adds the tag of the struct to its schema: serde writes the tag, and schemars leaves it out.
#[cfg(feature = "schema")]
fn with_type(schema: &mut schemars::Schema) {
    if let Some(properties) = schema.get_mut("properties").and_then(|properties| properties.as_object_mut()) {
        properties.insert("type".to_owned(), serde_json::json!({ "type": "string", "const": "error" }));
    }
    if let Some(required) = schema.get_mut("required").and_then(|required| required.as_array_mut()) {
        required.insert(0, "type".into());
    }
}
