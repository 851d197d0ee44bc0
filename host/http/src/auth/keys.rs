use std::fmt;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use signalbox_model::SecretReference;

use super::{KeyAlgorithm, KeyConfig, KeyError};

/// The shortest shared secret. With it, guessing the secret is as hard as forging an HS256 signature.
const MIN_SECRET_BYTES: usize = 32;

/// A key with the algorithms that it may be used with.
#[derive(Clone)]
pub(super) struct Key {
    /// A configured key has one. A published key without `alg` has those of its key type. All of them verify with a
    /// public key, so no token can have it used as a shared secret.
    algorithms: Vec<KeyAlgorithm>,
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
        let algorithm = config.algorithm;
        let decoding = match algorithm {
            KeyAlgorithm::Hs256 | KeyAlgorithm::Hs384 | KeyAlgorithm::Hs512 => {
                if secret.expose_secret().contains("-----BEGIN") {
                    return Err(KeyError::PemAsSecret { key: name, algorithm: algorithm.name() });
                }
                if bytes.len() < MIN_SECRET_BYTES {
                    return Err(KeyError::Short { key: name, algorithm: algorithm.name(), bytes: bytes.len() });
                }
                Ok(DecodingKey::from_secret(bytes))
            }
            KeyAlgorithm::Es256 => DecodingKey::from_ec_pem(bytes).and_then(|key| check_curve(key, 32)),
            KeyAlgorithm::Es384 => DecodingKey::from_ec_pem(bytes).and_then(|key| check_curve(key, 48)),
            KeyAlgorithm::EdDsa => DecodingKey::from_ed_pem(bytes),
            KeyAlgorithm::Rs256
            | KeyAlgorithm::Rs384
            | KeyAlgorithm::Rs512
            | KeyAlgorithm::Ps256
            | KeyAlgorithm::Ps384
            | KeyAlgorithm::Ps512 => DecodingKey::from_rsa_pem(bytes),
        };
        let decoding = decoding.map_err(|error| KeyError::Unreadable {
            key: name,
            algorithm: algorithm.name(),
            reason: error.to_string(),
        })?;
        Ok(Self { algorithms: vec![algorithm], id: config.kid.clone(), decoding })
    }

    /// A published key, if it is for verifying and of an accepted key type; otherwise why it is passed over. Shared
    /// secrets are not accepted, because a published one is not secret.
    pub fn from_jwk(mut published: Value) -> Result<Self, &'static str> {
        // `jsonwebtoken` fails on names of algorithms that it does not know, among them the newer ones, so `alg` is
        // read here.
        let algorithm = published.as_object_mut().and_then(|members| members.remove("alg"));
        if published.get("use").is_some_and(|purpose| purpose != "sig") {
            return Err("it is not for signatures");
        }
        let verifies = |operations: &Value| {
            operations.as_array().is_some_and(|operations| operations.iter().any(|operation| operation == "verify"))
        };
        if published.get("key_ops").is_some_and(|operations| !verifies(operations)) {
            return Err("it is not for verifying");
        }
        let jwk: Jwk = serde_json::from_value(published).map_err(|_| "it cannot be read")?;
        let by_key_type: &[KeyAlgorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => &KeyAlgorithm::RSA,
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => &[KeyAlgorithm::Es256],
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P384 => &[KeyAlgorithm::Es384],
            AlgorithmParameters::OctetKeyPair(curve) if curve.curve == EllipticCurve::Ed25519 => &[KeyAlgorithm::EdDsa],
            _ => return Err("its kind is not accepted here"),
        };
        let algorithms = match algorithm {
            None => by_key_type.to_vec(),
            Some(named) => {
                let named =
                    named.as_str().and_then(KeyAlgorithm::from_name).filter(|named| by_key_type.contains(named));
                vec![named.ok_or("its algorithm is not accepted here, or not one of its kind")?]
            }
        };
        let decoding = DecodingKey::from_jwk(&jwk).map_err(|_| "it is no public key")?;
        Ok(Self { algorithms, id: jwk.common.key_id, decoding })
    }

    /// Its `kid`, if it has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether it verifies signatures of the algorithm.
    pub fn supports(&self, algorithm: KeyAlgorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }
}

/// Checks the curve by the length of the key. `jsonwebtoken` compares the curve only when it verifies a signature, and
/// then reports every signature as wrong.
fn check_curve(key: DecodingKey, coordinate_bytes: usize) -> Result<DecodingKey, jsonwebtoken::errors::Error> {
    let point = key.try_get_as_bytes()?.len();
    // An uncompressed point has both coordinates, a compressed one has one coordinate; a tag byte comes first.
    if [1 + 2 * coordinate_bytes, 1 + coordinate_bytes].contains(&point) {
        Ok(key)
    } else {
        Err(jsonwebtoken::errors::new_error(ErrorKind::InvalidEcdsaKey))
    }
}

impl fmt::Debug for Key {
    /// Omits the key material.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithms", &self.algorithms).field("id", &self.id).finish_non_exhaustive()
    }
}
