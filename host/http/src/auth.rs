//! Authentication: verifies the JWT that a client presents, and reads its user and the user's access from the claims.

mod bearer;
mod claims;
mod config;
mod error;
mod jwks;
mod keys;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::errors::ErrorKind;
use secrecy::SecretString;
use signalbox_model::{Clock, SecretReference, UserAccess};

pub use bearer::{authorization, is_token_in_url};
use claims::{Claims, Header};
use jwks::Jwks;
use keys::Key;

pub use config::{AuthConfig, JwksConfig, KeyAlgorithm, KeyConfig};
pub use error::{AuthError, KeyError};

/// The longest token that is read. Tokens of real issuers are shorter, and a longer one only costs time.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Verifies tokens with the keys of the configuration.
#[derive(Debug)]
pub struct Verifier {
    issuer: String,
    audience: String,
    leeway: Duration,
    keys: Vec<Key>,
    jwks: Option<Jwks>,
    clock: Clock,
}

/// A token whose signature and claims have been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    /// The user, and the businesses and locations that the user may access.
    pub access: UserAccess,
    /// When the token expires, leeway included.
    pub expires_at: Timestamp,
    /// The token's id, from `jti`.
    pub token_id: Option<String>,
}

impl Verifier {
    /// Reads the keys; `resolve` returns the secrets that the configuration refers to. With a JWKS URL this spawns the
    /// task that fetches it, so call it inside a tokio runtime.
    pub fn new(
        config: &AuthConfig,
        resolve: impl Fn(&SecretReference) -> Result<SecretString, String>,
        clock: Clock,
    ) -> Result<Self, KeyError> {
        config.check()?;
        let keys = config.keys.iter().map(|key| Key::from_config(key, &resolve)).collect::<Result<Vec<_>, _>>()?;
        let jwks = config.jwks.as_ref().map(Jwks::start).transpose()?;
        Ok(Self {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            leeway: config.leeway.0,
            keys,
            jwks,
            clock,
        })
    }

    /// Verifies a token: its signature by a known key with that key's algorithm, issuer, audience, times and claims.
    pub async fn verify(&self, token: &str) -> Result<VerifiedToken, AuthError> {
        if token.is_empty() {
            return Err(AuthError::Missing);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::Malformed(format!("it is longer than {MAX_TOKEN_BYTES} bytes")));
        }
        let header = Header::read(token)?;
        let Some(algorithm) = KeyAlgorithm::from_name(&header.algorithm) else {
            return Err(AuthError::Algorithm(header.algorithm));
        };
        let kid = header.key_id.as_deref();
        let Some(jwks) = &self.jwks else { return self.verify_with(token, algorithm, kid, &[]) };
        jwks.refresh_if_stale();
        let result = self.verify_with(token, algorithm, kid, &jwks.cached().keys);
        if !self.may_have_new_key(&result, kid, &jwks.cached().keys) {
            return result;
        }
        // The issuer may have published the key after the last fetch.
        let is_fetched = jwks.refresh().await;
        match self.verify_with(token, algorithm, kid, &jwks.cached().keys) {
            result if !is_fetched && self.may_have_new_key(&result, kid, &jwks.cached().keys) => {
                Err(AuthError::KeysUnavailable)
            }
            result => result,
        }
    }

    /// Whether a token was refused only for its key, which may have been published after the last fetch.
    fn may_have_new_key(
        &self,
        result: &Result<VerifiedToken, AuthError>,
        kid: Option<&str>,
        published: &[Key],
    ) -> bool {
        match result {
            Err(AuthError::UnknownKey) => true,
            Err(AuthError::Signature | AuthError::Algorithm(_)) => {
                kid.is_none_or(|kid| !self.keys.iter().chain(published).any(|key| key.id() == Some(kid)))
            }
            _ => false,
        }
    }

    /// Tries every key that the token may be signed with: first the keys with its `kid`, then the keys without one. For
    /// a token without a `kid` these are all keys.
    fn verify_with(
        &self,
        token: &str,
        algorithm: KeyAlgorithm,
        kid: Option<&str>,
        published: &[Key],
    ) -> Result<VerifiedToken, AuthError> {
        let all = || self.keys.iter().chain(published);
        let named = all().filter(|key| kid.is_some() && key.id() == kid);
        let others = all().filter(|key| kid.is_none() || key.id().is_none());
        let mut has_key = false;
        // The key determines the algorithm; the header only has to name the same one.
        for key in named.chain(others).filter(|key| key.supports(algorithm)) {
            has_key = true;
            if verify_signature(token, key, algorithm)? {
                return self.check_claims(&Claims::read(token)?);
            }
        }
        let is_unknown_kid = kid.is_none_or(|kid| !all().any(|key| key.id() == Some(kid)));
        let has_kids = self.jwks.is_some() || all().any(|key| key.id().is_some());
        Err(match kid {
            // An unknown `kid` explains the refusal better than the signature checks of the other keys.
            Some(_) if is_unknown_kid && has_kids => AuthError::UnknownKey,
            _ if has_key => AuthError::Signature,
            _ if all().next().is_none() => AuthError::UnknownKey,
            _ => AuthError::Algorithm(algorithm.name().to_owned()),
        })
    }

    fn check_claims(&self, claims: &Claims) -> Result<VerifiedToken, AuthError> {
        if !claims.is_from(&self.issuer) {
            return Err(AuthError::Issuer { expected: self.issuer.clone() });
        }
        if !claims.is_for(&self.audience) {
            return Err(AuthError::Audience { expected: self.audience.clone() });
        }
        self.check_times(claims)
    }

    /// Checks `exp` and `nbf` by the host's clock, which tests replace.
    fn check_times(&self, claims: &Claims) -> Result<VerifiedToken, AuthError> {
        let now = self.clock.now();
        let leeway = SignedDuration::try_from(self.leeway).unwrap_or(SignedDuration::ZERO);
        let exp = claims.expires_at()?;
        let expires_at = exp.checked_add(leeway).unwrap_or(Timestamp::MAX);
        if now >= expires_at {
            return Err(AuthError::Expired { at: exp });
        }
        if let Some(from) = claims.not_before()?
            && now.checked_add(leeway).unwrap_or(Timestamp::MAX) < from
        {
            return Err(AuthError::NotYetValid { from });
        }
        Ok(VerifiedToken { access: claims.access()?, expires_at, token_id: claims.token_id() })
    }
}

/// Whether the token's last part is the key's signature of the parts before it.
fn verify_signature(token: &str, key: &Key, algorithm: KeyAlgorithm) -> Result<bool, AuthError> {
    let Some((signed, signature)) = token.rsplit_once('.') else { return Ok(false) };
    match jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key.decoding, algorithm.into()) {
        Ok(is_valid) => Ok(is_valid),
        Err(error) => match error.into_kind() {
            ErrorKind::Base64(_) => Err(AuthError::Malformed("its signature is not base64url".to_owned())),
            // A token cannot be signed by a key that the library cannot verify with.
            _ => Ok(false),
        },
    }
}

#[cfg(test)]
mod tests;
