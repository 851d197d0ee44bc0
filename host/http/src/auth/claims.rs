use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use signalbox_model::{BusinessAccess, UserAccess};

use super::AuthError;

/// A token's header, as far as it chooses the key. Read by ourselves, because the library does not say which algorithm
/// it does not know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub algorithm: String,
    pub key_id: Option<String>,
}

impl Header {
    pub fn read(token: &str) -> Result<Self, AuthError> {
        #[derive(Deserialize)]
        struct Fields {
            alg: String,
            #[serde(default)]
            kid: Option<String>,
            #[serde(default, deserialize_with = "present")]
            crit: bool,
        }
        let malformed = |reason: &str| AuthError::Malformed(reason.to_owned());
        let mut parts = token.split('.');
        let (Some(first), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(malformed("it does not have three parts"));
        };
        let bytes = URL_SAFE_NO_PAD.decode(first).map_err(|_| malformed("its header is not base64url"))?;
        let fields: Fields = serde_json::from_slice(&bytes).map_err(|_| malformed("its header cannot be read"))?;
        if fields.crit {
            return Err(malformed("it uses critical header fields, of which none is supported"));
        }
        Ok(Self { algorithm: fields.alg.chars().take(16).collect(), key_id: fields.kid })
    }
}

/// Whatever value a member has, it is there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// What a token says. What is missing is told apart from what is wrong by whoever needs it.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    #[serde(default)]
    iss: Option<Value>,
    #[serde(default)]
    aud: Option<Value>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    exp: Option<Value>,
    #[serde(default)]
    nbf: Option<Value>,
    #[serde(default)]
    jti: Option<String>,
    #[serde(default)]
    businesses: BTreeMap<String, BusinessAccess>,
}

impl Claims {
    /// The claims of a token whose signature holds.
    pub fn read(token: &str) -> Result<Self, AuthError> {
        let malformed = |reason: &str| AuthError::Malformed(reason.to_owned());
        let body = token.split('.').nth(1).unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| malformed("its claims are not base64url"))?;
        serde_json::from_slice(&bytes).map_err(|error| AuthError::Claims(error.to_string()))
    }

    pub fn is_from(&self, issuer: &str) -> bool {
        self.iss.as_ref().is_some_and(|iss| iss == issuer)
    }

    /// `aud` is one name or a list of them, RFC 7519, 4.1.3.
    pub fn is_for(&self, audience: &str) -> bool {
        match &self.aud {
            Some(Value::Array(all)) => all.iter().any(|one| one == audience),
            Some(one) => one == audience,
            None => false,
        }
    }

    pub fn expires_at(&self) -> Result<Timestamp, AuthError> {
        match &self.exp {
            Some(value) => moment("exp", value),
            None => Err(AuthError::NoExpiry),
        }
    }

    pub fn not_before(&self) -> Result<Option<Timestamp>, AuthError> {
        self.nbf.as_ref().map(|value| moment("nbf", value)).transpose()
    }

    pub fn access(&self) -> Result<UserAccess, AuthError> {
        let user_id = self.sub.as_deref().unwrap_or_default();
        if user_id.is_empty() || user_id.len() > 128 || user_id.chars().any(char::is_control) {
            return Err(AuthError::Claims("`sub` has to name the user in 1 to 128 bytes".to_owned()));
        }
        Ok(UserAccess { user_id: user_id.to_owned(), businesses: self.businesses.clone() })
    }

    pub fn token_id(&self) -> Option<String> {
        self.jti.clone()
    }
}

/// Seconds since 1970, whole or with a fraction, as RFC 7519 has it.
fn moment(claim: &str, value: &Value) -> Result<Timestamp, AuthError> {
    let seconds = value.as_f64().ok_or_else(|| AuthError::Claims(format!("`{claim}` is not a number of seconds")))?;
    // A date beyond what can be represented is as good as the last one, and one before as good as the first.
    Ok(Timestamp::from_second(seconds as i64).unwrap_or(if seconds > 0.0 { Timestamp::MAX } else { Timestamp::MIN }))
}
