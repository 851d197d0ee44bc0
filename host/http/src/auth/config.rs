use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, SecretReference};

use super::KeyError;

/// `[auth]`: whose tokens are accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct AuthConfig {
    /// The `iss` that every token must have.
    pub issuer: String,
    /// The `aud` that every token must have, alone or among others.
    pub audience: String,
    /// How far the clocks of issuer and host may be apart: a token holds this much longer, and this much earlier.
    pub leeway: HumanDuration,
    /// Keys that tokens may be signed with; during a rotation there are two.
    pub keys: Vec<KeyConfig>,
    /// Where the issuer publishes its keys, if it does.
    pub jwks: Option<JwksConfig>,
    /// Lets `signalbox token` mint tokens with the HS256 key. Never in production.
    pub development: bool,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeyConfig {
    /// `HS256`, `HS384`, `HS512`, `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384` or `EdDSA`,
    /// which may be called `Ed25519` too; a token signed with the key in any other way is refused.
    pub algorithm: KeyAlgorithm,
    /// Only for tokens with this `kid`, or with none; unset is for tokens with any `kid` that no other key has, or
    /// none.
    #[serde(default)]
    pub kid: Option<String>,
    /// Where the key is: for HS256 and its kind the secret, at least 32 bytes; else the public key in PEM.
    pub key: SecretReference,
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum KeyAlgorithm {
    /// HMAC with a shared secret and SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// HMAC with SHA-384.
    #[serde(rename = "HS384")]
    Hs384,
    /// HMAC with SHA-512.
    #[serde(rename = "HS512")]
    Hs512,
    /// RSA, PKCS #1 v1.5, with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// The same with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// The same with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSA, PSS, with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// The same with SHA-384.
    #[serde(rename = "PS384")]
    Ps384,
    /// The same with SHA-512.
    #[serde(rename = "PS512")]
    Ps512,
    /// Elliptic curve P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Elliptic curve P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// Ed25519, by its name of RFC 8037 or of RFC 9864.
    #[serde(rename = "EdDSA", alias = "Ed25519")]
    EdDsa,
}

/// `[auth.jwks]`: keys that the issuer publishes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct JwksConfig {
    /// An https address.
    pub url: String,
    /// How long a fetch may take.
    #[serde(default = "default_timeout")]
    pub timeout: HumanDuration,
    /// A token with an unknown key makes the host look again, but not more often than this.
    #[serde(default = "default_min_interval")]
    pub min_interval: HumanDuration,
    /// Looked at again after this time even when every key is known, so that withdrawn keys stop working.
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
