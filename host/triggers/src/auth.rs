//! Who is asking: verifies the JWT that a client presents, and reads from it what its user may see.

mod bearer;
mod claims;
mod config;
mod error;
mod jwks;
mod keys;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::Validation;
use jsonwebtoken::errors::ErrorKind;
use secrecy::SecretString;
use signalbox_model::{SecretReference, UserAccess};

use crate::Clock;
pub(crate) use bearer::{bearer, is_token_in_url};
use claims::{Claims, Header};
use jwks::Jwks;
use keys::Key;

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
        let Some(jwks) = &self.jwks else { return self.verify_with(token, &header, &self.keys) };
        jwks.refresh_when_old();
        match self.verify_with(token, &header, &[self.keys.as_slice(), &jwks.keys()].concat()) {
            Err(AuthError::UnknownKey) => {
                // A key the issuer has rotated in since we last looked.
                let fetched = jwks.refresh().await;
                match self.verify_with(token, &header, &[self.keys.as_slice(), &jwks.keys()].concat()) {
                    Err(AuthError::UnknownKey) if !fetched => Err(AuthError::KeysUnavailable),
                    result => result,
                }
            }
            result => result,
        }
    }

    fn verify_with(&self, token: &str, header: &Header, keys: &[Key]) -> Result<Verified, AuthError> {
        if !KeyAlgorithm::ALL.iter().any(|algorithm| algorithm.name() == header.algorithm) {
            return Err(AuthError::Algorithm(header.algorithm.clone()));
        }
        let mut named = keys.iter().filter(|key| key.may_be(header.key_id.as_deref())).peekable();
        if named.peek().is_none() {
            return Err(AuthError::UnknownKey);
        }
        // The algorithm is a property of the key; the header only has to agree with it.
        let mut fitting = named.filter(|key| key.algorithm.name() == header.algorithm).peekable();
        if fitting.peek().is_none() {
            return Err(AuthError::Algorithm(header.algorithm.clone()));
        }
        let mut result = Err(AuthError::Signature);
        for key in fitting {
            result = self.verify_by(token, key);
            if !matches!(result, Err(AuthError::Signature)) {
                break;
            }
        }
        result
    }

    fn verify_by(&self, token: &str, key: &Key) -> Result<Verified, AuthError> {
        let mut validation = Validation::new(key.algorithm.into());
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["iss", "aud"]);
        // The library reads the machine's clock; the times are checked below with ours.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation)
            .map_err(|error| match error.into_kind() {
                ErrorKind::InvalidSignature => AuthError::Signature,
                ErrorKind::InvalidIssuer => AuthError::Issuer { expected: self.issuer.clone() },
                ErrorKind::InvalidAudience => AuthError::Audience { expected: self.audience.clone() },
                ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => {
                    AuthError::Issuer { expected: self.issuer.clone() }
                }
                ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => {
                    AuthError::Audience { expected: self.audience.clone() }
                }
                ErrorKind::Json(error) => AuthError::Claims(error.to_string()),
                other => AuthError::Malformed(jsonwebtoken::errors::new_error(other).to_string()),
            })?
            .claims;
        self.check_times(&claims)
    }

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

#[cfg(test)]
mod tests;
