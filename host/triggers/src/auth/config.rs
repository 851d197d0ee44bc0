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
    /// `HS256`, `RS256`, `ES256` or `EdDSA`; a token signed with the key in any other way is refused.
    pub algorithm: KeyAlgorithm,
    /// Only for tokens with this `kid`; unset is for tokens with any `kid` or none.
    #[serde(default)]
    pub kid: Option<String>,
    /// Where the key is: for HS256 the secret, at least 32 bytes; else the public key in PEM.
    pub key: SecretReference,
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum KeyAlgorithm {
    /// HMAC with a shared secret.
    #[serde(rename = "HS256")]
    Hs256,
    /// RSA.
    #[serde(rename = "RS256")]
    Rs256,
    /// Elliptic curve P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
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
            return Err(KeyError::None);
        }
        Ok(())
    }
}

impl KeyAlgorithm {
    pub(super) const ALL: [Self; 4] = [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    /// The name in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl From<KeyAlgorithm> for Algorithm {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::Hs256 => Self::HS256,
            KeyAlgorithm::Rs256 => Self::RS256,
            KeyAlgorithm::Es256 => Self::ES256,
            KeyAlgorithm::EdDsa => Self::EdDSA,
        }
    }
}
