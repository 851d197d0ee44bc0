use std::fmt;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm as JwkAlgorithm, PublicKeyUse};
use secrecy::{ExposeSecret, SecretString};
use signalbox_model::SecretReference;

use super::{KeyAlgorithm, KeyConfig, KeyError};

/// The least that makes guessing an HS256 secret as hard as forging its signature.
const MIN_SECRET_BYTES: usize = 32;

/// A key with the one algorithm that it may be used with.
#[derive(Clone)]
pub(super) struct Key {
    pub algorithm: KeyAlgorithm,
    id: Option<String>,
    pub decoding: DecodingKey,
}

impl Key {
    pub fn from_config(
        config: &KeyConfig,
        resolve: impl Fn(&SecretReference) -> Result<SecretString, String>,
    ) -> Result<Self, KeyError> {
        let name = config.key.to_string();
        let secret = resolve(&config.key).map_err(|reason| KeyError::Unresolved { key: name.clone(), reason })?;
        let bytes = secret.expose_secret().as_bytes();
        let decoding = match config.algorithm {
            KeyAlgorithm::Hs256 if secret.expose_secret().contains("-----BEGIN") => {
                return Err(KeyError::PemAsSecret(name));
            }
            KeyAlgorithm::Hs256 if bytes.len() < MIN_SECRET_BYTES => {
                return Err(KeyError::Short { key: name, bytes: bytes.len() });
            }
            KeyAlgorithm::Hs256 => Ok(DecodingKey::from_secret(bytes)),
            KeyAlgorithm::Rs256 => DecodingKey::from_rsa_pem(bytes),
            KeyAlgorithm::Es256 => DecodingKey::from_ec_pem(bytes),
            KeyAlgorithm::EdDsa => DecodingKey::from_ed_pem(bytes),
        };
        let decoding = decoding.map_err(|error| KeyError::Unreadable {
            key: name,
            algorithm: config.algorithm.name(),
            reason: error.to_string(),
        })?;
        Ok(Self { algorithm: config.algorithm, id: config.kid.clone(), decoding })
    }

    /// A published key, if it is for signing and of a kind that is accepted here. Shared secrets are not: whoever
    /// publishes one has none.
    pub fn from_jwk(jwk: &Jwk) -> Option<Self> {
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let by_kind = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => KeyAlgorithm::Rs256,
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => KeyAlgorithm::Es256,
            AlgorithmParameters::OctetKeyPair(curve) if curve.curve == EllipticCurve::Ed25519 => KeyAlgorithm::EdDsa,
            _ => return None,
        };
        let agrees = match jwk.common.key_algorithm {
            None => true,
            Some(JwkAlgorithm::RS256) => by_kind == KeyAlgorithm::Rs256,
            Some(JwkAlgorithm::ES256) => by_kind == KeyAlgorithm::Es256,
            Some(JwkAlgorithm::EdDSA) => by_kind == KeyAlgorithm::EdDsa,
            Some(_) => false,
        };
        if !agrees {
            return None;
        }
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self { algorithm: by_kind, id: jwk.common.key_id.clone(), decoding })
    }

    /// Whether a token that names this key, or none, may be signed by it.
    pub fn may_be(&self, named: Option<&str>) -> bool {
        match (&self.id, named) {
            (Some(own), Some(named)) => own == named,
            _ => true,
        }
    }
}

impl fmt::Debug for Key {
    /// Leaves the key itself out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).field("id", &self.id).finish_non_exhaustive()
    }
}
