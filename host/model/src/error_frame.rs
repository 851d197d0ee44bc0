use serde::{Deserialize, Serialize};

use crate::{JsonObject, Timestamp};

/// The types of errors for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorType {
    /// The user is not known, or may not do this.
    AuthFailed,
    /// The request is not valid; sending it again does not help.
    ValidationError,
    /// The request was valid, but no decision was made.
    ProcessingError,
    /// The client sent too much in a short time; `details.retryAfterMs` says when it may send again.
    RateLimitExceeded,
    /// A fault of the host.
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
    /// The type of the error.
    pub error_type: ErrorType,
    /// What happened and what to do, for people.
    pub message: String,
    /// `code` (stable, for programs), `retryable`, and further details: `messageId`, `field`, `retryAfterMs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<JsonObject>,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The correlation id in the host's logs.
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
