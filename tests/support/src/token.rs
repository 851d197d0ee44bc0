use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

use crate::setup::SECRET;

/// Builds a token: valid unless it is made invalid.
#[derive(Clone, Debug)]
pub struct Token {
    claims: Map<String, Value>,
}

/// A token that must be refused.
#[derive(Clone, Debug)]
pub struct BadToken {
    /// What is wrong with it.
    pub why: &'static str,
    /// `details.code` of the error it gives.
    pub code: &'static str,
    /// The token.
    pub token: String,
}

impl Token {
    /// A token for a user without a business, valid for an hour.
    pub fn new(user: &str) -> Self {
        let now = now();
        let claims = json!({
            "sub": user, "iss": "signalbox", "aud": "signalbox", "iat": now, "exp": now + 3_600, "businesses": {},
        });
        Self { claims: claims.as_object().cloned().unwrap_or_default() }
    }

    /// Adds roles in a business.
    pub fn business(self, id: &str, roles: &[&str]) -> Self {
        self.access(id, json!({ "roles": roles }))
    }

    /// Adds roles in some places of a business.
    pub fn locations(self, id: &str, roles: &[&str], locations: &[&str]) -> Self {
        self.access(id, json!({ "roles": roles, "locations": locations }))
    }

    fn access(mut self, id: &str, access: Value) -> Self {
        if let Some(businesses) = self.claims.get_mut("businesses").and_then(Value::as_object_mut) {
            businesses.insert(id.to_owned(), access);
        }
        self
    }

    /// Sets the expiry to this many seconds from now; negative is in the past.
    pub fn expires_in(self, seconds: i64) -> Self {
        self.claim("exp", now().saturating_add(seconds))
    }

    /// Sets a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Signs the token as the host expects it.
    pub fn mint(&self) -> Result<String> {
        self.mint_with(Algorithm::HS256, SECRET)
    }

    /// Signs the token in another way.
    pub fn mint_with(&self, algorithm: Algorithm, secret: &str) -> Result<String> {
        encode(&Header::new(algorithm), &self.claims, &EncodingKey::from_secret(secret.as_bytes()))
            .context("the token cannot be signed")
    }

    /// The token with a header that says that it is not signed.
    fn unsigned(&self) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(&Value::Object(self.claims.clone())))
    }

    /// Signs the token as the host expects it, with a header that claims a public-key algorithm.
    fn relabelled(&self) -> Result<String> {
        let token = self.mint()?;
        let (_, signed) = token.split_once('.').context("a token has parts")?;
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "RS256", "typ": "JWT"}).to_string());
        Ok(format!("{header}.{signed}"))
    }
}

/// One of each kind, for a user who would be accepted with a valid token.
pub fn bad_tokens(user: &str, business: &str) -> Result<Vec<BadToken>> {
    let good = Token::new(user).business(business, &["coordinator"]);
    let bad = |why, code, token| BadToken { why, code, token };
    Ok(vec![
        bad("algorithm none", "token_algorithm", good.unsigned()),
        bad("wrong key", "token_signature", good.mint_with(Algorithm::HS256, "another secret of more than 32 bytes")?),
        bad("swapped algorithm", "token_algorithm", good.relabelled()?),
        bad("algorithm of another strength", "token_algorithm", good.mint_with(Algorithm::HS512, SECRET)?),
        bad("wrong audience", "token_audience", good.clone().claim("aud", "somebody-else").mint()?),
        bad("no audience", "token_audience", good.clone().without("aud").mint()?),
        bad("wrong issuer", "token_issuer", good.clone().claim("iss", "somebody-else").mint()?),
        bad("no issuer", "token_issuer", good.clone().without("iss").mint()?),
        bad("expired", "token_expired", good.clone().expires_in(-3_600).mint()?),
        bad("not yet valid", "token_not_yet_valid", good.clone().claim("nbf", now() + 3_600).mint()?),
        bad("without expiry", "token_without_expiry", good.clone().without("exp").mint()?),
        bad("no JWT", "token_malformed", "not-a-token".to_owned()),
        bad("claims of another shape", "token_claims", good.claim("businesses", "all").mint()?),
    ])
}

fn now() -> i64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
