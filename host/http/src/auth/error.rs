use jiff::Timestamp;
use signalbox_model::ErrorCode;
use thiserror::Error;

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuthError {
    /// None was presented.
    #[error("no token was presented; send it as bearer header, as subprotocol or in an auth frame")]
    Missing,
    /// A token in the URL, where logs and histories keep it.
    #[error(
        "tokens do not belong into the URL, where logs and browser histories keep them; send it as bearer header, as \
         subprotocol or in an auth frame, and treat this one as leaked"
    )]
    InUrl,
    /// Not a JWT.
    #[error("the token is no valid JWT: {0}")]
    Malformed(String),
    /// Said to be signed with an algorithm that is not supported, or that none of the keys it may be signed with has.
    #[error("the token's algorithm `{0}` is not supported, or not the one of its key")]
    Algorithm(String),
    /// Signed with a key that is neither configured nor published.
    #[error("the token's key is not known here: no key with its `kid` is configured or published by the issuer")]
    UnknownKey,
    /// The signature is not by the key.
    #[error("the token's signature is wrong")]
    Signature,
    /// From somebody else, or from nobody.
    #[error("the token's issuer is not {expected}")]
    Issuer {
        /// Who it should be from.
        expected: String,
    },
    /// For somebody else, or for nobody.
    #[error("the token's audience is not {expected}")]
    Audience {
        /// Whom it should be for.
        expected: String,
    },
    /// A token that would hold for ever.
    #[error("the token has no expiry; `exp` is required")]
    NoExpiry,
    /// Its time is over.
    #[error("the token expired at {at}; get a new one")]
    Expired {
        /// When.
        at: Timestamp,
    },
    /// Its time has not come.
    #[error("the token is not valid before {from}")]
    NotYetValid {
        /// From when.
        from: Timestamp,
    },
    /// What it says about its user cannot be read.
    #[error("the token's claims are not as documented: {0}")]
    Claims(String),
    /// The issuer's keys could not be fetched; it may be a good token.
    #[error("the issuer's keys cannot be fetched right now; try again in a moment")]
    KeysUnavailable,
}

impl AuthError {
    /// A stable name for programs.
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

    /// Whether the same token may be accepted in a moment.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::KeysUnavailable)
    }
}

/// Why the configured keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Nothing to verify tokens with.
    #[error("[auth] has neither `keys` nor `jwks`; without one of them no token can be verified")]
    None,
    /// A required key of the configuration is empty.
    #[error("[auth] {0} is empty; tokens are accepted only when it matches")]
    Empty(&'static str),
    /// The secret is not where the configuration says.
    #[error("[auth] key {key}: {reason}")]
    Unresolved {
        /// Its reference.
        key: String,
        /// Why.
        reason: String,
    },
    /// Too short to be safe.
    #[error("[auth] key {key}: a secret for {algorithm} needs at least 32 bytes and this one has {bytes}")]
    Short {
        /// Its reference.
        key: String,
        /// The algorithm.
        algorithm: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A public key where a secret belongs: everybody could sign with it.
    #[error(
        "[auth] key {key}: a PEM key cannot be a secret for {algorithm}, because everybody who has the public key could sign"
    )]
    PemAsSecret {
        /// Its reference.
        key: String,
        /// The algorithm.
        algorithm: &'static str,
    },
    /// Not a public key of the algorithm.
    #[error("[auth] key {key}: not a PEM public key for {algorithm}: {reason}")]
    Unreadable {
        /// Its reference.
        key: String,
        /// The algorithm.
        algorithm: &'static str,
        /// What the library says.
        reason: String,
    },
    /// Keys fetched in the clear could be anybody's.
    #[error("[auth.jwks] url `{0}` is no https address; plain http is allowed for loopback addresses only")]
    InsecureJwks(String),
    /// The HTTP client cannot be built.
    #[error("[auth.jwks] the HTTP client cannot be built: {0}")]
    Client(String),
}
