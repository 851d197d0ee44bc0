//! Who is asking: verifies the JWT that a client presents, and reads from it what its user may see.

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
use signalbox_model::{SecretReference, UserAccess};

pub use bearer::{authorization, is_token_in_url};
use claims::{Claims, Header};
use jwks::Jwks;
use keys::Key;
use signalbox_model::Clock;

pub use config::{AuthConfig, JwksConfig, KeyAlgorithm, KeyConfig};
pub use error::{AuthError, KeyError};

/// A token that takes more is no token of ours; reading it would only cost time.
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

/// What a token proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who it is, and what they may see.
    pub access: UserAccess,
    /// The moment from which the token proves nothing any more, leeway included.
    pub expires_at: Timestamp,
    /// The token's own id, from `jti`.
    pub token_id: Option<String>,
}

impl Verifier {
    /// Reads the keys; `resolve` finds the secrets that the configuration names. With a JWKS address this starts the
    /// task that fetches it, so call it inside the runtime.
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

    /// Verifies a token: signature by a known key with that key's own algorithm, issuer, audience, time, claims.
    pub async fn verify(&self, token: &str) -> Result<Verified, AuthError> {
        if token.is_empty() {
            return Err(AuthError::Missing);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::Malformed(format!("it is longer than {MAX_TOKEN_BYTES} bytes")));
        }
        let header = Header::read(token)?;
        let Some(algorithm) = KeyAlgorithm::of_name(&header.algorithm) else {
            return Err(AuthError::Algorithm(header.algorithm));
        };
        let kid = header.key_id.as_deref();
        let Some(jwks) = &self.jwks else { return self.verify_with(token, algorithm, kid, &[]) };
        jwks.refresh_when_old();
        let tried = self.verify_with(token, algorithm, kid, &jwks.known().keys);
        if !self.may_be_published(&tried, kid, &jwks.known().keys) {
            return tried;
        }
        // A key the issuer has rotated in since we last looked.
        let fetched = jwks.refresh().await;
        match self.verify_with(token, algorithm, kid, &jwks.known().keys) {
            tried if !fetched && self.may_be_published(&tried, kid, &jwks.known().keys) => {
                Err(AuthError::KeysUnavailable)
            }
            tried => tried,
        }
    }

    /// Whether a token was refused for nothing but its key, which may be one that we have not seen yet.
    fn may_be_published(&self, tried: &Result<Verified, AuthError>, kid: Option<&str>, published: &[Key]) -> bool {
        match tried {
            Err(AuthError::UnknownKey) => true,
            Err(AuthError::Signature | AuthError::Algorithm(_)) => {
                kid.is_none_or(|kid| !self.keys.iter().chain(published).any(|key| key.id() == Some(kid)))
            }
            _ => false,
        }
    }

    /// Tries every key that the token may be signed with: those with its `kid`, then those without any; without a `kid`
    /// all.
    fn verify_with(
        &self,
        token: &str,
        algorithm: KeyAlgorithm,
        kid: Option<&str>,
        published: &[Key],
    ) -> Result<Verified, AuthError> {
        let all = || self.keys.iter().chain(published);
        let named = all().filter(|key| kid.is_some() && key.id() == kid);
        let others = all().filter(|key| kid.is_none() || key.id().is_none());
        let mut fits = false;
        // The algorithm is a property of the key; the header only has to agree with it.
        for key in named.chain(others).filter(|key| key.signs_with(algorithm)) {
            fits = true;
            if is_signed(token, key, algorithm)? {
                return self.check(&Claims::read(token)?);
            }
        }
        let names_none = kid.is_none_or(|kid| !all().any(|key| key.id() == Some(kid)));
        let knows_names = self.jwks.is_some() || all().any(|key| key.id().is_some());
        Err(match kid {
            // Whoever names a key that nobody knows is told that, and not what the others made of it.
            Some(_) if names_none && knows_names => AuthError::UnknownKey,
            _ if fits => AuthError::Signature,
            _ if all().next().is_none() => AuthError::UnknownKey,
            _ => AuthError::Algorithm(algorithm.name().to_owned()),
        })
    }

    fn check(&self, claims: &Claims) -> Result<Verified, AuthError> {
        if !claims.is_from(&self.issuer) {
            return Err(AuthError::Issuer { expected: self.issuer.clone() });
        }
        if !claims.is_for(&self.audience) {
            return Err(AuthError::Audience { expected: self.audience.clone() });
        }
        self.check_times(claims)
    }

    /// By our own clock, which tests set.
    fn check_times(&self, claims: &Claims) -> Result<Verified, AuthError> {
        let now = self.clock.now();
        let leeway = SignedDuration::try_from(self.leeway).unwrap_or(SignedDuration::ZERO);
        let until = claims.expires_at()?;
        let expires_at = until.checked_add(leeway).unwrap_or(Timestamp::MAX);
        if now >= expires_at {
            return Err(AuthError::Expired { at: until });
        }
        if let Some(from) = claims.not_before()?
            && now.checked_add(leeway).unwrap_or(Timestamp::MAX) < from
        {
            return Err(AuthError::NotYetValid { from });
        }
        Ok(Verified { access: claims.access()?, expires_at, token_id: claims.token_id() })
    }
}

/// Whether the token's last part is the key's signature of the others.
fn is_signed(token: &str, key: &Key, algorithm: KeyAlgorithm) -> Result<bool, AuthError> {
    let Some((signed, signature)) = token.rsplit_once('.') else { return Ok(false) };
    match jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key.decoding, algorithm.into()) {
        Ok(holds) => Ok(holds),
        Err(error) => match error.into_kind() {
            ErrorKind::Base64(_) => Err(AuthError::Malformed("its signature is not base64url".to_owned())),
            // A key that the library cannot verify with has signed nothing.
            _ => Ok(false),
        },
    }
}

#[cfg(test)]
mod tests;
