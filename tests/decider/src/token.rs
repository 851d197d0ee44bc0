use std::collections::BTreeMap;

use jsonwebtoken::{EncodingKey, Header};
use secrecy::SecretString;
use serde_json::{Value, json};
use signalbox_http::{AuthConfig, KeyAlgorithm, KeyConfig, Verifier};
use signalbox_model::{Clock, HumanDuration, SecretReference};

const SECRET: &str = "a secret for tests, of thirty-two bytes or more";

/// Accepts the tokens that [`token_with`] makes.
pub fn verifier() -> Verifier {
    let key = KeyConfig { algorithm: KeyAlgorithm::Hs256, kid: None, key: SecretReference::Env("TEST".to_owned()) };
    let auth = AuthConfig { leeway: HumanDuration::secs(0), keys: vec![key], ..AuthConfig::default() };
    Verifier::new(&auth, |_| Ok(SecretString::from(SECRET)), Clock::system()).unwrap()
}

/// A token with these claims, and with default issuer and audience where they are left out.
pub fn token_with(claims: Value) -> String {
    let mut all = json!({"iss": "signalbox", "aud": "signalbox"});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    jsonwebtoken::encode(&Header::default(), &all, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// The businesses of a token: id and role.
pub fn roles(businesses: &[(&str, &str)]) -> BTreeMap<String, Value> {
    businesses.iter().map(|(id, role)| ((*id).to_owned(), json!({"roles": [role]}))).collect()
}
