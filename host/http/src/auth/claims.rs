use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use signalbox_model::{BusinessAccess, UserAccess, user_id_problem};

use super::AuthError;

/// The fields of a token's header that select the key. `jsonwebtoken` does not parse it, because its error about an
/// unsupported algorithm does not name the algorithm.
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
            #[serde(default, deserialize_with = "is_present")]
            crit: bool,
            #[serde(default, deserialize_with = "is_present")]
            zip: bool,
            #[serde(default)]
            typ: Option<Value>,
            #[serde(default)]
            cty: Option<Value>,
        }
        let malformed = |reason: &str| AuthError::Malformed(reason.to_owned());
        let mut parts = token.split('.');
        let (Some(first), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(malformed("it does not have three parts"));
        };
        let bytes = URL_SAFE_NO_PAD.decode(first).map_err(|_| malformed("its header is not base64url"))?;
        let fields: Fields = serde_json::from_slice(&bytes).map_err(|_| malformed("its header cannot be read"))?;
        if fields.crit {
            return Err(malformed("its header `crit` names fields that have to be understood; none is supported"));
        }
        if fields.zip {
            return Err(malformed("its header `zip` says that it is compressed, which a signed token never is"));
        }
        if fields.typ.is_some_and(|typ| !ACCESS_TOKEN_TYPES.iter().any(|known| is_media_type(&typ, known))) {
            return Err(malformed(
                "its header `typ` says that it is no access token; it is left out, `JWT` or `at+jwt`",
            ));
        }
        if fields.cty.is_some_and(|cty| is_media_type(&cty, "jwt")) {
            return Err(malformed("its header `cty` says that another token is inside; send that one"));
        }
        Ok(Self { algorithm: fields.alg.chars().take(16).collect(), key_id: fields.kid })
    }
}

/// The types of access tokens, RFC 7519, 5.1, and RFC 9068, 2.1. Issuers sign tokens for other purposes too, such as
/// logout tokens and proofs of possession; those have another type and must not be accepted.
const ACCESS_TOKEN_TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// Whether a header field is a media type. Its `application/` may be left out, RFC 7515, 4.1.9.
fn is_media_type(value: &Value, name: &str) -> bool {
    let text = value.as_str().map(str::to_ascii_lowercase).unwrap_or_default();
    text.strip_prefix("application/").unwrap_or(&text) == name
}

/// True for a member with any value.
fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// The claims of a token. Each method decides whether its claim may be missing.
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
    jti: Option<Value>,
    #[serde(default)]
    businesses: BTreeMap<String, BusinessAccess>,
}

impl Claims {
    /// Reads the claims of a token whose signature is valid.
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
            Some(value) => parse_numeric_date("exp", value),
            None => Err(AuthError::NoExpiry),
        }
    }

    pub fn not_before(&self) -> Result<Option<Timestamp>, AuthError> {
        self.nbf.as_ref().map(|value| parse_numeric_date("nbf", value)).transpose()
    }

    pub fn access(&self) -> Result<UserAccess, AuthError> {
        let user_id = self.sub.as_deref().unwrap_or_default();
        if let Some(problem) = user_id_problem(user_id) {
            return Err(AuthError::Claims(format!("`sub` {problem}")));
        }
        Ok(UserAccess { user_id: user_id.to_owned(), businesses: self.businesses.clone() })
    }

    pub fn token_id(&self) -> Option<String> {
        self.jti.as_ref().and_then(Value::as_str).map(str::to_owned)
    }
}

/// Parses a NumericDate: seconds since 1970, possibly with a fraction, RFC 7519, 2.
fn parse_numeric_date(claim: &str, value: &Value) -> Result<Timestamp, AuthError> {
    let seconds = value.as_f64().ok_or_else(|| AuthError::Claims(format!("`{claim}` is not a number of seconds")))?;
    // A date out of range becomes the latest or the earliest one that can be represented.
    Ok(Timestamp::from_second(seconds as i64).unwrap_or(if seconds > 0.0 { Timestamp::MAX } else { Timestamp::MIN }))
}
