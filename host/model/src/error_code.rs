//! The one list of stable error codes, by which programs distinguish errors in every protocol.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! error_codes {
    ($($variant:ident = $name:literal,)*) => {
        /// Why something was refused or failed, for programs: the same code in frames, problem details, dead letters,
        /// metrics and logs. Each protocol chooses its own text for people.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as text, which is the same everywhere.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

error_codes! {
    AlreadyAuthenticated = "already_authenticated",
    AlreadyReviewed = "already_reviewed",
    ApiNotOffered = "api_not_offered",
    AuthTimeout = "auth_timeout",
    BinaryFrame = "binary_frame",
    BodyIncomplete = "body_incomplete",
    BodyLengthAmbiguous = "body_length_ambiguous",
    BodyNoJsonObject = "body_no_json_object",
    BodyTimeout = "body_timeout",
    BodyTooLarge = "body_too_large",
    BundleNotLoaded = "bundle_not_loaded",
    BusinessMissing = "business_missing",
    BusinessNotFound = "business_not_found",
    BusinessNotLoaded = "business_not_loaded",
    BusinessRateLimited = "business_rate_limited",
    Busy = "busy",
    ContentEmpty = "content_empty",
    ContentEncoding = "content_encoding",
    ContentTooDeep = "content_too_deep",
    ContentTooLarge = "content_too_large",
    ContentType = "content_type",
    DecisionFailed = "decision_failed",
    DecisionNotFound = "decision_not_found",
    Delayed = "delayed",
    DeliveryIdReused = "delivery_id_reused",
    DeliveryUsedElsewhere = "delivery_used_elsewhere",
    Draining = "draining",
    HandlerBroken = "handler_broken",
    HandlerForbidden = "handler_forbidden",
    HandlerInvalid = "handler_invalid",
    HandlerUnavailable = "handler_unavailable",
    HeaderInvalid = "header_invalid",
    HeaderRepeated = "header_repeated",
    HostMalformed = "host_malformed",
    HostMissing = "host_missing",
    IdempotencyKeyReused = "idempotency_key_reused",
    InputIdReused = "input_id_reused",
    InputInvalid = "input_invalid",
    Internal = "internal",
    InvalidCursor = "invalid_cursor",
    InvalidDecisionId = "invalid_decision_id",
    InvalidField = "invalid_field",
    InvalidIdempotencyKey = "invalid_idempotency_key",
    InvalidMessageId = "invalid_message_id",
    InvalidQuery = "invalid_query",
    InvalidRequest = "invalid_request",
    InvalidReview = "invalid_review",
    InvalidUtf8 = "invalid_utf8",
    KeysUnavailable = "keys_unavailable",
    LocationNotFound = "location_not_found",
    MessageIdReused = "message_id_reused",
    MessageTooLarge = "message_too_large",
    MethodNotAllowed = "method_not_allowed",
    NoBundle = "no_bundle",
    NoFrameType = "no_frame_type",
    NoWebsocket = "no_websocket",
    NotAuthenticated = "not_authenticated",
    NotFound = "not_found",
    NotJson = "not_json",
    NotUnderReview = "not_under_review",
    OriginNotAllowed = "origin_not_allowed",
    PermissionMissing = "permission_missing",
    RateLimited = "rate_limited",
    RecordTooLarge = "record_too_large",
    ResumeRunning = "resume_running",
    ReviewExpired = "review_expired",
    SecretMissing = "secret_missing",
    SignatureInvalid = "signature_invalid",
    StoreUnavailable = "store_unavailable",
    SubprotocolRequired = "subprotocol_required",
    TextTooLong = "text_too_long",
    TokenAlgorithm = "token_algorithm",
    TokenAudience = "token_audience",
    TokenClaims = "token_claims",
    TokenExpired = "token_expired",
    TokenInUrl = "token_in_url",
    TokenIssuer = "token_issuer",
    TokenKeyUnknown = "token_key_unknown",
    TokenMalformed = "token_malformed",
    TokenMissing = "token_missing",
    TokenNotYetValid = "token_not_yet_valid",
    TokenOtherUser = "token_other_user",
    TokenSignature = "token_signature",
    TokenWithoutExpiry = "token_without_expiry",
    TokensDiffer = "tokens_differ",
    TooManyConnections = "too_many_connections",
    TooManyFrames = "too_many_frames",
    TooManyInFlight = "too_many_in_flight",
    TooManyPings = "too_many_pings",
    TooManyRequests = "too_many_requests",
    TooManyUnauthenticated = "too_many_unauthenticated",
    TopicNotRead = "topic_not_read",
    TransferEncoding = "transfer_encoding",
    UnknownFrameType = "unknown_frame_type",
    UpgradeWithBody = "upgrade_with_body",
    UserRateLimited = "user_rate_limited",
    ValueEmpty = "value_empty",
    ValueNoJsonObject = "value_no_json_object",
    WebhookNotFound = "webhook_not_found",
    WebsocketKey = "websocket_key",
    WebsocketNotOffered = "websocket_not_offered",
    WebsocketVersion = "websocket_version",
    WebsocketViolation = "websocket_violation",
    X = "x",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl PartialEq<&str> for ErrorCode {
    fn eq(&self, name: &&str) -> bool {
        self.as_str() == *name
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_snake_case_and_none_is_there_twice() {
        let names: HashSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for name in names {
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()),
                "{name}"
            );
        }
    }
}
