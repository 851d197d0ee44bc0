//! The one list of stable error codes, by which people look an error up and programs distinguish errors.
//!
//! The rule: every code is here, in `snake_case`, and has one meaning, wherever it is printed: in answers to clients,
//! dead letters, metrics and logs, and in the errors of the command line. A code that a client may have received keeps
//! its name. The code of an error that prevents the start has a page `docs/errors/<code>.md`; every other code has a
//! line in `docs/errors/README.md` or in the guide of the protocol that sends it. A test checks this.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! error_codes {
    ($($variant:ident = $name:literal,)*) => {
        /// Why something was refused or failed: the same code in frames, problem details, dead letters, metrics, logs
        /// and on the command line. Each protocol chooses its own text for people.
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
    AuthKeysInvalid = "auth_keys_invalid",
    AuthTimeout = "auth_timeout",
    BinaryFrame = "binary_frame",
    BodyIncomplete = "body_incomplete",
    BodyLengthAmbiguous = "body_length_ambiguous",
    BodyNoJsonObject = "body_no_json_object",
    BodyTimeout = "body_timeout",
    BodyTooLarge = "body_too_large",
    BundleInvalid = "bundle_invalid",
    BundleNotLoaded = "bundle_not_loaded",
    BusinessDirectoryInvalid = "business_directory_invalid",
    BusinessMissing = "business_missing",
    BusinessNotFound = "business_not_found",
    BusinessNotLoaded = "business_not_loaded",
    BusinessRateLimited = "business_rate_limited",
    Busy = "busy",
    ConfigInvalid = "config_invalid",
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
    KafkaInvalid = "kafka_invalid",
    KeysUnavailable = "keys_unavailable",
    ListenFailed = "listen_failed",
    LocationNotFound = "location_not_found",
    MessageIdReused = "message_id_reused",
    MessageTooLarge = "message_too_large",
    MethodNotAllowed = "method_not_allowed",
    ModelInvalid = "model_invalid",
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
    SandboxUnavailable = "sandbox_unavailable",
    SecretMalformed = "secret_malformed",
    SecretMissing = "secret_missing",
    SignatureInvalid = "signature_invalid",
    StoreCallInvalid = "store_call_invalid",
    StoreCallRefused = "store_call_refused",
    StoreConditionFailed = "store_condition_failed",
    StoreConfigInvalid = "store_config_invalid",
    StoreContended = "store_contended",
    StoreDenied = "store_denied",
    StoreNotOpened = "store_not_opened",
    StoreRecordNotFound = "store_record_not_found",
    StoreRecordTooLarge = "store_record_too_large",
    StoreRecordUnreadable = "store_record_unreadable",
    StoreTableWrong = "store_table_wrong",
    StoreTablesMissing = "store_tables_missing",
    StoreThrottled = "store_throttled",
    StoreTimeout = "store_timeout",
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
    WebhookSecretMissing = "webhook_secret_missing",
    WebsocketKey = "websocket_key",
    WebsocketNotOffered = "websocket_not_offered",
    WebsocketVersion = "websocket_version",
    WebsocketViolation = "websocket_violation",
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
    use std::path::Path;

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

    #[test]
    fn every_code_has_a_page_or_a_line_in_the_documentation() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let mut lines = std::fs::read_to_string(docs.join("errors/README.md")).unwrap();
        for guide in std::fs::read_dir(docs.join("guide")).unwrap() {
            lines.push_str(&std::fs::read_to_string(guide.unwrap().path()).unwrap());
        }
        let is_documented =
            |code: &ErrorCode| docs.join(format!("errors/{code}.md")).exists() || lines.contains(&format!("`{code}`"));
        let missing: Vec<&ErrorCode> = ErrorCode::ALL.iter().filter(|code| !is_documented(code)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
