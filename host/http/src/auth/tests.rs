//! Every way in which a token can be wrong, and the few in which it is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header as JwtHeader};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use signalbox_model::HumanDuration;

use super::*;

mod headers_and_claims;
mod key_selection;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_800_000_000;

fn clock() -> Clock {
    Clock::from_fn(|| Timestamp::from_second(NOW).unwrap())
}

fn key(algorithm: KeyAlgorithm, kid: Option<&str>, name: &str) -> KeyConfig {
    KeyConfig { algorithm, kid: kid.map(str::to_owned), key: SecretReference::Env(name.to_owned()) }
}

fn config(keys: Vec<KeyConfig>) -> AuthConfig {
    AuthConfig {
        issuer: "https://id.example.com".to_owned(),
        audience: "signalbox".to_owned(),
        keys,
        ..AuthConfig::default()
    }
}

/// A verifier whose key references are the keys themselves.
fn verifier(keys: Vec<(KeyAlgorithm, Option<&str>, &str)>) -> Result<Verifier, KeyError> {
    let keys = keys.into_iter().map(|(algorithm, kid, pem)| key(algorithm, kid, pem)).collect();
    Verifier::new(&config(keys), open, clock())
}

fn open(reference: &SecretReference) -> Result<SecretString, String> {
    match reference {
        SecretReference::Env(name) if name == "MISSING" => Err("it is not set".to_owned()),
        SecretReference::Env(value) => Ok(SecretString::from(value.clone())),
        SecretReference::File(_) => Err("no files here".to_owned()),
    }
}

fn hs256() -> Verifier {
    verifier(vec![(KeyAlgorithm::Hs256, None, SECRET)]).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.com",
        "aud": "signalbox",
        "sub": "ana",
        "exp": NOW + 3_600,
        "jti": "t1",
        "businesses": { "trattoria": { "roles": ["coordinator"], "locations": ["terrace"] } }
    })
}

/// The good claims with some replaced; null removes.
fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn signed(claims: &Value) -> String {
    jsonwebtoken::encode(&JwtHeader::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

#[tokio::test]
async fn a_valid_token_gives_its_user_and_its_expiry() {
    let verified = hs256().verify(&signed(&claims())).await.unwrap();
    assert_eq!(verified.access.user_id, "ana");
    let business = &verified.access.businesses["trattoria"];
    assert_eq!(business.roles, ["coordinator"]);
    assert_eq!(business.locations.as_deref(), Some(&["terrace".to_owned()][..]));
    assert_eq!(verified.expires_at, Timestamp::from_second(NOW + 3_600 + 30).unwrap());
    assert_eq!(verified.token_id.as_deref(), Some("t1"));
    hs256().verify(&signed(&with(json!({"aud": ["other", "signalbox"]})))).await.unwrap();
}

#[tokio::test]
async fn every_invalid_claim_has_its_error_code() {
    let cases = [
        (json!({"iss": "https://evil.example.com"}), "token_issuer"),
        (json!({"iss": null}), "token_issuer"),
        (json!({"aud": "somebody-else"}), "token_audience"),
        (json!({"aud": []}), "token_audience"),
        (json!({"aud": null}), "token_audience"),
        (json!({"exp": null}), "token_without_expiry"),
        (json!({"exp": "tomorrow"}), "token_claims"),
        (json!({"exp": NOW - 31}), "token_expired"),
        (json!({"exp": NOW - 30}), "token_expired"),
        (json!({"exp": -1}), "token_expired"),
        (json!({"nbf": NOW + 31}), "token_not_yet_valid"),
        (json!({"nbf": "never"}), "token_claims"),
        (json!({"sub": null}), "token_claims"),
        (json!({"sub": ""}), "token_claims"),
        (json!({"sub": "a\u{0}b"}), "token_claims"),
        (json!({"sub": "x".repeat(129)}), "token_claims"),
        (json!({"sub": "  "}), "token_claims"),
        (json!({"sub": 7}), "token_claims"),
        (json!({"businesses": ["trattoria"]}), "token_claims"),
        (json!({"businesses": {"trattoria": {"admin": true}}}), "token_claims"),
        (json!({"padding": "x".repeat(9_000)}), "token_malformed"),
    ];
    let verifier = hs256();
    for (changes, code) in cases {
        let error = verifier.verify(&signed(&with(changes.clone()))).await.unwrap_err();
        assert_eq!(error.code(), code, "{changes}: {error}");
    }
}

#[tokio::test]
async fn the_leeway_allows_for_clock_skew() {
    let verifier = hs256();
    for changes in [json!({"exp": NOW - 29}), json!({"nbf": NOW + 30}), json!({"exp": NOW as f64 + 0.5})] {
        verifier.verify(&signed(&with(changes))).await.unwrap();
    }
}

#[tokio::test]
async fn a_malformed_or_wrongly_signed_token_is_refused() {
    let good = signed(&claims());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let with_crit =
        |crit: Value| format!("{}.{}.x", encoded(&json!({"alg": "HS256", "crit": crit})), encoded(&claims()));
    let flipped = "A".repeat(43);
    let other_body =
        format!("{}.{}.{signature}", head.split('.').next().unwrap(), encoded(&with(json!({"sub": "root"}))));
    let other_key = jsonwebtoken::encode(
        &JwtHeader::default(),
        &claims(),
        &EncodingKey::from_secret("another secret of at least 32 bytes".as_bytes()),
    );
    let cases = [
        (String::new(), "token_missing"),
        ("garbage".to_owned(), "token_malformed"),
        ("a.b.c".to_owned(), "token_malformed"),
        (format!("{good}.extra"), "token_malformed"),
        (with_crit(json!(["b64"])), "token_malformed"),
        (with_crit(json!([])), "token_malformed"),
        (with_crit(json!(null)), "token_malformed"),
        (format!("{head}."), "token_signature"),
        (format!("{head}.{flipped}"), "token_signature"),
        (other_body, "token_signature"),
        (other_key.unwrap(), "token_signature"),
    ];
    let verifier = hs256();
    for (token, code) in cases {
        let error = verifier.verify(&token).await.unwrap_err();
        assert_eq!(error.code(), code, "{token}: {error}");
    }
}

#[tokio::test]
async fn the_key_and_never_the_token_decides_the_algorithm() {
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let public = rsa.public_key_pem();
    let by_rsa = verifier(vec![(KeyAlgorithm::Rs256, None, &public)]).unwrap();
    let unsigned = |alg: &str| format!("{}.{}.", encoded(&json!({"alg": alg, "typ": "JWT"})), encoded(&claims()));
    for alg in ["none", "None", "NONE", "nOnE", "", "HS1", "ES256K"] {
        for verifier in [&hs256(), &by_rsa] {
            assert_eq!(verifier.verify(&unsigned(alg)).await.unwrap_err().code(), "token_algorithm", "{alg}");
        }
    }
    // The classic: the public key, which everybody has, used as an HMAC secret.
    let forged =
        jsonwebtoken::encode(&JwtHeader::default(), &claims(), &EncodingKey::from_secret(public.as_bytes())).unwrap();
    assert_eq!(by_rsa.verify(&forged).await.unwrap_err().code(), "token_algorithm");
    // The right secret with another HMAC.
    let header = JwtHeader::new(Algorithm::HS512);
    let longer = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    assert_eq!(hs256().verify(&longer).await.unwrap_err().code(), "token_algorithm");
}

#[tokio::test]
async fn each_algorithm_verifies_tokens_signed_with_it_and_no_others() {
    let pairs = [
        (KeyAlgorithm::Rs256, KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap()),
        (KeyAlgorithm::Es256, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()),
        (KeyAlgorithm::EdDsa, KeyPair::generate_for(&PKCS_ED25519).unwrap()),
    ];
    for (algorithm, pair) in &pairs {
        let verifier = verifier(vec![(*algorithm, None, &pair.public_key_pem())]).unwrap();
        for (other, by) in &pairs {
            let token = sign(*other, by, None);
            let result = verifier.verify(&token).await;
            assert_eq!(result.is_ok(), algorithm == other, "{algorithm:?} {other:?} {result:?}");
        }
    }
}

#[tokio::test]
async fn a_kid_selects_the_key_and_two_keys_allow_a_rotation() {
    let (old, new) = ("old secret of at least thirty-two bytes", "new secret of at least thirty-two bytes");
    let token = |secret: &str, kid: Option<&str>| {
        let header = JwtHeader { kid: kid.map(str::to_owned), ..JwtHeader::default() };
        jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    };
    let both = verifier(vec![(KeyAlgorithm::Hs256, Some("k1"), old), (KeyAlgorithm::Hs256, Some("k2"), new)]).unwrap();
    both.verify(&token(old, Some("k1"))).await.unwrap();
    both.verify(&token(new, Some("k2"))).await.unwrap();
    both.verify(&token(new, None)).await.unwrap();
    assert_eq!(both.verify(&token(new, Some("k1"))).await.unwrap_err().code(), "token_signature");
    assert_eq!(both.verify(&token(new, Some("k3"))).await.unwrap_err().code(), "token_key_unknown");
}

#[test]
fn unsafe_keys_are_refused_at_start() {
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap().public_key_pem();
    let refused = |keys: Vec<(KeyAlgorithm, Option<&str>, &str)>| verifier(keys).unwrap_err().to_string();
    assert!(refused(vec![]).contains("neither `keys` nor `jwks`"));
    assert!(refused(vec![(KeyAlgorithm::Hs256, None, "short")]).contains("has 5"));
    assert!(refused(vec![(KeyAlgorithm::Hs256, None, &rsa)]).contains("PEM key cannot be"));
    assert!(refused(vec![(KeyAlgorithm::Es256, None, &rsa)]).contains("ES256"));
    assert!(refused(vec![(KeyAlgorithm::EdDsa, None, "no pem")]).contains("EdDSA"));
    let smaller = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().public_key_pem();
    assert!(refused(vec![(KeyAlgorithm::Es384, None, &smaller)]).contains("ES384"));
    assert!(refused(vec![(KeyAlgorithm::Hs512, None, "short")]).contains("HS512"));
    assert!(refused(vec![(KeyAlgorithm::Hs256, None, "MISSING")]).contains("environment variable MISSING"));
    let no_audience = AuthConfig { audience: String::new(), ..config(vec![key(KeyAlgorithm::Hs256, None, SECRET)]) };
    assert_eq!(Verifier::new(&no_audience, open, clock()).unwrap_err(), KeyError::Empty("audience"));
}

#[test]
fn configuration_reads_as_documented_and_refuses_unknown_keys() {
    let read = |value: Value| serde_json::from_value::<AuthConfig>(value);
    let full = read(json!({
        "issuer": "i", "audience": "a", "leeway": "10s",
        "keys": [{"algorithm": "EdDSA", "kid": "k", "key": {"file": "/run/key.pem"}}],
        "jwks": {"url": "https://id.example.com/keys", "max-age": "10m"}
    }));
    assert_eq!(full.unwrap().keys[0].algorithm, KeyAlgorithm::EdDsa);
    for wrong in [
        json!({"isuer": "i"}),
        json!({"keys": [{"algorithm": "none", "key": {"env": "K"}}]}),
        json!({"keys": [{"algorithm": "HS256", "key": "a literal secret"}]}),
        json!({"jwks": {"url": "https://x", "max_age": "1h"}}),
    ] {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
}

/// An issuer that publishes keys which the test may change.
struct Issuer {
    url: String,
    keys: Arc<std::sync::Mutex<Option<Value>>>,
    fetches: Arc<AtomicUsize>,
}

async fn issuer(keys: Option<Value>) -> Issuer {
    let keys = Arc::new(std::sync::Mutex::new(keys));
    let fetches = Arc::new(AtomicUsize::new(0));
    let answer = {
        let (keys, fetches) = (keys.clone(), fetches.clone());
        move || {
            fetches.fetch_add(1, Ordering::SeqCst);
            let keys = keys.lock().unwrap().clone();
            async move { keys.map(axum::Json).ok_or(http::StatusCode::SERVICE_UNAVAILABLE) }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/keys", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Issuer { url, keys, fetches }
}

impl Issuer {
    fn verifier(&self, min_interval: HumanDuration) -> Verifier {
        self.verifier_with(vec![], min_interval)
    }

    /// With keys of the configuration beside the published ones.
    fn verifier_with(&self, keys: Vec<KeyConfig>, min_interval: HumanDuration) -> Verifier {
        let jwks = JwksConfig {
            url: self.url.clone(),
            timeout: HumanDuration::secs(5),
            min_interval,
            max_age: HumanDuration::secs(3_600),
        };
        Verifier::new(&AuthConfig { jwks: Some(jwks), ..config(keys) }, open, clock()).unwrap()
    }

    fn publish(&self, keys: Vec<Value>) {
        *self.keys.lock().unwrap() = Some(json!({ "keys": keys }));
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

fn sign(algorithm: KeyAlgorithm, pair: &KeyPair, kid: Option<&str>) -> String {
    let header = JwtHeader { kid: kid.map(str::to_owned), ..JwtHeader::new(algorithm.into()) };
    jsonwebtoken::encode(&header, &claims(), &encoding(algorithm, pair)).unwrap()
}

fn encoding(algorithm: KeyAlgorithm, pair: &KeyPair) -> EncodingKey {
    let pem = pair.serialize_pem();
    match algorithm {
        KeyAlgorithm::Es256 | KeyAlgorithm::Es384 => EncodingKey::from_ec_pem(pem.as_bytes()),
        KeyAlgorithm::EdDsa => EncodingKey::from_ed_pem(pem.as_bytes()),
        rsa => {
            assert!(KeyAlgorithm::RSA.contains(&rsa), "key pairs are asymmetric");
            EncodingKey::from_rsa_pem(pem.as_bytes())
        }
    }
    .unwrap()
}

fn published(algorithm: KeyAlgorithm, pair: &KeyPair, kid: &str) -> Value {
    let pem = pair.public_key_pem();
    let public = match algorithm {
        KeyAlgorithm::Es256 | KeyAlgorithm::Es384 => DecodingKey::from_ec_pem(pem.as_bytes()),
        KeyAlgorithm::EdDsa => DecodingKey::from_ed_pem(pem.as_bytes()),
        rsa => {
            assert!(KeyAlgorithm::RSA.contains(&rsa), "secrets are not published");
            DecodingKey::from_rsa_pem(pem.as_bytes())
        }
    };
    let mut jwk = Jwk::from_decoding_key(&public.unwrap(), Some(algorithm.into())).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    serde_json::to_value(jwk).unwrap()
}

#[tokio::test]
async fn published_keys_are_fetched_once_for_concurrent_requests_and_again_for_a_new_key() {
    let first = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let second = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let one = published(KeyAlgorithm::Es256, &first, "one");
    let issuer = issuer(Some(json!({"keys": [one, {"kty": "unheard-of"}]}))).await;
    let verifier = Arc::new(issuer.verifier(HumanDuration::millis(0)));
    let token = sign(KeyAlgorithm::Es256, &first, Some("one"));
    let (a, b, c) = tokio::join!(verifier.verify(&token), verifier.verify(&token), verifier.verify(&token));
    assert!(a.is_ok() && b.is_ok() && c.is_ok(), "{a:?} {b:?} {c:?}");
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 1, "one fetch serves all who wait");
    let two = published(KeyAlgorithm::Rs256, &second, "two");
    *issuer.keys.lock().unwrap() = Some(json!({"keys": [two]}));
    verifier.verify(&sign(KeyAlgorithm::Rs256, &second, Some("two"))).await.unwrap();
    assert_eq!(verifier.verify(&token).await.unwrap_err().code(), "token_key_unknown", "the first key was withdrawn");
}

#[tokio::test]
async fn an_unreachable_issuer_gives_a_retryable_error_and_keeps_the_cached_keys() {
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let issuer = issuer(None).await;
    let verifier = issuer.verifier(HumanDuration::millis(0));
    let token = sign(KeyAlgorithm::EdDsa, &pair, Some("one"));
    let error = verifier.verify(&token).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.retryable()), ("keys_unavailable", true));
    *issuer.keys.lock().unwrap() = Some(json!({"keys": [published(KeyAlgorithm::EdDsa, &pair, "one")]}));
    verifier.verify(&token).await.unwrap();
    *issuer.keys.lock().unwrap() = None;
    verifier.verify(&token).await.unwrap();
}

#[tokio::test]
async fn keys_are_fetched_over_plain_http_from_loopback_addresses_only() {
    for url in ["http://id.example.com/keys", "ftp://127.0.0.1/keys", "not a url", "http://127.0.0.1.evil.example/keys"]
    {
        let jwks = JwksConfig {
            url: url.to_owned(),
            timeout: HumanDuration::secs(1),
            min_interval: HumanDuration::secs(1),
            max_age: HumanDuration::secs(1),
        };
        let result = Verifier::new(&AuthConfig { jwks: Some(jwks), ..config(vec![]) }, open, clock());
        assert_eq!(result.unwrap_err(), KeyError::InsecureJwks(url.to_owned()));
    }
}
