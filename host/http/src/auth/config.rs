use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, SecretReference};

use super::KeyError;

/// `[auth]`: the tokens that clients may connect with, and the keys that verify them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct AuthConfig {
    /// The value that the claim `iss` of every token must have.
    pub issuer: String,
    /// The value that the claim `aud` of every token must contain, alone or among others.
    pub audience: String,
    /// How far the clocks of the issuer and the host may differ: the host accepts a token this long before its validity
    /// begins and this long after it ends.
    pub leeway: HumanDuration,
    /// The keys with which the host verifies tokens. During the rotation of a key, list the old key and the new one.
    pub keys: Vec<KeyConfig>,
    /// The key set that the issuer publishes (JWKS), as a table `[auth.jwks]`. If it is not set, only `keys` are used.
    pub jwks: Option<JwksConfig>,
    /// Whether `signalbox token` may create tokens with the `HS256` key. Never enable it in production.
    pub development: bool,
}

/// `[[auth.keys]]`: one key with which the host verifies tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeyConfig {
    /// The algorithm with which tokens are signed: `HS256`, `HS384`, `HS512`, `RS256`, `RS384`, `RS512`, `PS256`,
    /// `PS384`, `PS512`, `ES256`, `ES384` or `EdDSA`, which RFC 9864 calls `Ed25519`. The key verifies no token that
    /// names another algorithm.
    pub algorithm: KeyAlgorithm,
    /// If it is set, the key verifies only tokens with this `kid` in their header, and tokens without a `kid`. If it is
    /// not set, the key verifies tokens with any `kid` or none.
    #[serde(default)]
    pub kid: Option<String>,
    /// Reference to the key: for `HS256`, `HS384` and `HS512` a shared secret of at least 32 bytes, for every other
    /// algorithm the public key in PEM.
    pub key: SecretReference,
}

/// The algorithm with which tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum KeyAlgorithm {
    /// HMAC with a shared secret and SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// HMAC with a shared secret and SHA-384.
    #[serde(rename = "HS384")]
    Hs384,
    /// HMAC with a shared secret and SHA-512.
    #[serde(rename = "HS512")]
    Hs512,
    /// RSA with PKCS #1 v1.5 and SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA with PKCS #1 v1.5 and SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSA with PKCS #1 v1.5 and SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSA with PSS and SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSA with PSS and SHA-384.
    #[serde(rename = "PS384")]
    Ps384,
    /// RSA with PSS and SHA-512.
    #[serde(rename = "PS512")]
    Ps512,
    /// ECDSA with the curve P-256 and SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA with the curve P-384 and SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// EdDSA with the curve Ed25519. RFC 8037 names it `EdDSA`, and RFC 9864 `Ed25519`.
    #[serde(rename = "EdDSA", alias = "Ed25519")]
    EdDsa,
}

/// `[auth.jwks]`: the key set that the issuer publishes (JWKS).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct JwksConfig {
    /// The URL of the key set. It must begin with `https://`; only for a server on the same machine it may begin with
    /// `http://`.
    pub url: String,
    /// How long one fetch of the key set may take.
    #[serde(default = "default_timeout")]
    pub timeout: HumanDuration,
    /// The shortest time between two fetches of the key set. A token that no known key has signed makes the host fetch
    /// the set again, but not earlier than this. After a failed fetch, a tenth of this time is enough.
    #[serde(default = "default_min_interval")]
    pub min_interval: HumanDuration,
    /// The age at which the host fetches the key set again even when it knows the keys of all tokens, so that keys that
    /// the issuer has withdrawn stop working.
    #[serde(default = "default_max_age")]
    pub max_age: HumanDuration,
}

fn default_timeout() -> HumanDuration {
    HumanDuration::secs(5)
}

fn default_min_interval() -> HumanDuration {
    HumanDuration::secs(30)
}

fn default_max_age() -> HumanDuration {
    HumanDuration::secs(3_600)
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            issuer: "signalbox".to_owned(),
            audience: "signalbox".to_owned(),
            leeway: HumanDuration::secs(30),
            keys: Vec::new(),
            jwks: None,
            development: false,
        }
    }
}

impl AuthConfig {
    pub(super) fn check(&self) -> Result<(), KeyError> {
        if self.issuer.is_empty() {
            return Err(KeyError::Empty("issuer"));
        }
        if self.audience.is_empty() {
            return Err(KeyError::Empty("audience"));
        }
        if self.keys.is_empty() && self.jwks.is_none() {
            return Err(KeyError::NoKeys);
        }
        Ok(())
    }
}

impl KeyAlgorithm {
    const ALL: [Self; 12] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The algorithms of an RSA key without `alg`.
    pub(super) const RSA: [Self; 6] = [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Ps384, Self::Ps512];

    /// Whether the algorithm is an HMAC, whose one secret both signs and verifies.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    /// The name in the `alg` field of a header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of a name in an `alg` field. `Ed25519` is the name that RFC 9864 gives to `EdDSA` with its usual
    /// curve.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl From<KeyAlgorithm> for Algorithm {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::Hs256 => Self::HS256,
            KeyAlgorithm::Hs384 => Self::HS384,
            KeyAlgorithm::Hs512 => Self::HS512,
            KeyAlgorithm::Rs256 => Self::RS256,
            KeyAlgorithm::Rs384 => Self::RS384,
            KeyAlgorithm::Rs512 => Self::RS512,
            KeyAlgorithm::Ps256 => Self::PS256,
            KeyAlgorithm::Ps384 => Self::PS384,
            KeyAlgorithm::Ps512 => Self::PS512,
            KeyAlgorithm::Es256 => Self::ES256,
            KeyAlgorithm::Es384 => Self::ES384,
            KeyAlgorithm::EdDsa => Self::EdDSA,
        }
    }
}
