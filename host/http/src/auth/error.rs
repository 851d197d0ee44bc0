use jiff::Timestamp;
use signalbox_model::ErrorCode;
use thiserror::Error;

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuthError {
    /// No token was presented.
    #[error("no token was presented; send it as bearer header, as subprotocol or in an auth frame")]
    Missing,
    /// The URL has a token, which logs and browser histories keep.
    #[error(
        "tokens do not belong into the URL, where logs and browser histories keep them; send it as bearer header, as \
         subprotocol or in an auth frame, and treat this one as leaked"
    )]
    InUrl,
    /// The token is not a valid JWT.
    #[error("the token is no valid JWT: {0}")]
    Malformed(String),
    /// The algorithm is not supported, or none of the keys that the token may be signed with has it.
    #[error("the token's algorithm `{0}` is not supported, or not the one of its key")]
    Algorithm(String),
    /// The token is signed with a key that is neither configured nor published.
    #[error("the token's key is not known here: no key with its `kid` is configured or published by the issuer")]
    UnknownKey,
    /// The signature is not valid.
    #[error("the token's signature is wrong")]
    Signature,
    /// The issuer is another one or missing.
    #[error("the token's issuer is not {expected}")]
    Issuer {
        /// The configured issuer.
        expected: String,
    },
    /// The audience is another one or missing.
    #[error("the token's audience is not {expected}")]
    Audience {
        /// The configured audience.
        expected: String,
    },
    /// The token has no `exp`, so it would never expire.
    #[error("the token has no expiry; `exp` is required")]
    NoExpiry,
    /// The token has expired.
    #[error("the token expired at {at}; get a new one")]
    Expired {
        /// When it expired, leeway not included.
        at: Timestamp,
    },
    /// The token is not valid yet.
    #[error("the token is not valid before {from}")]
    NotYetValid {
        /// When it becomes valid.
        from: Timestamp,
    },
    /// The claims cannot be read.
    #[error("the token's claims are not as documented: {0}")]
    Claims(String),
    /// The issuer's keys could not be fetched, so the token may be valid.
    #[error("the issuer's keys cannot be fetched right now; try again in a moment")]
    KeysUnavailable,
}

impl AuthError {
    /// The stable code for programs.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing => ErrorCode::TokenMissing,
            Self::InUrl => ErrorCode::TokenInUrl,
            Self::Malformed(_) => ErrorCode::TokenMalformed,
            Self::Algorithm(_) => ErrorCode::TokenAlgorithm,
            Self::UnknownKey => ErrorCode::TokenKeyUnknown,
            Self::Signature => ErrorCode::TokenSignature,
            Self::Issuer { .. } => ErrorCode::TokenIssuer,
            Self::Audience { .. } => ErrorCode::TokenAudience,
            Self::NoExpiry => ErrorCode::TokenWithoutExpiry,
            Self::Expired { .. } => ErrorCode::TokenExpired,
            Self::NotYetValid { .. } => ErrorCode::TokenNotYetValid,
            Self::Claims(_) => ErrorCode::TokenClaims,
            Self::KeysUnavailable => ErrorCode::KeysUnavailable,
        }
    }

    /// Whether the same token may be accepted later.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::KeysUnavailable)
    }
}

/// Why the configured keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Neither keys nor a JWKS URL are configured.
    #[error("[auth] has neither `keys` nor `jwks`; without one of them no token can be verified")]
    NoKeys,
    /// A required configuration key is empty.
    #[error("[auth] {0} is empty; tokens are accepted only when it matches")]
    Empty(&'static str),
    /// The secret reference cannot be resolved.
    #[error("[auth] key {key}: {reason}")]
    Unresolved {
        /// The secret reference.
        key: String,
        /// Why it cannot be resolved.
        reason: String,
    },
    /// The shared secret is too short to be safe.
    #[error("[auth] key {key}: a secret for {algorithm} needs at least 32 bytes and this one has {bytes}")]
    Short {
        /// The secret reference.
        key: String,
        /// The algorithm.
        algorithm: &'static str,
        /// The length of the secret, in bytes.
        bytes: usize,
    },
    /// A public key is configured as a shared secret, so anyone with the public key could sign tokens.
    #[error(
        "[auth] key {key}: a PEM key cannot be a secret for {algorithm}, because everybody who has the public key could sign"
    )]
    PemAsSecret {
        /// The secret reference.
        key: String,
        /// The algorithm.
        algorithm: &'static str,
    },
    /// The key is not a public key for the algorithm.
    #[error("[auth] key {key}: not a PEM public key for {algorithm}: {reason}")]
    Unreadable {
        /// The secret reference.
        key: String,
        /// The algorithm.
        algorithm: &'static str,
        /// The message of `jsonwebtoken`.
        reason: String,
    },
    /// The JWKS URL is not https, so the fetched keys could be replaced on the way.
    #[error("[auth.jwks] url `{0}` is no https address; plain http is allowed for loopback addresses only")]
    InsecureJwks(String),
    /// The HTTP client cannot be built.
    #[error("[auth.jwks] the HTTP client cannot be built: {0}")]
    Client(String),
}
