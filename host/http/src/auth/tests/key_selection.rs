//! Which keys a token is tried with, and what is said when none fits.

use rcgen::PKCS_ECDSA_P384_SHA384;

use super::*;

const NEVER_AGAIN: HumanDuration = HumanDuration::secs(3_600);

fn es256() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

async fn code(verifier: &Verifier, token: &str) -> &'static str {
    verifier.verify(token).await.map_or_else(|error| error.code().as_str(), |_| "good")
}

#[tokio::test]
async fn a_configured_key_without_a_kid_does_not_keep_published_keys_from_being_tried() {
    let (own, theirs) = (es256(), es256());
    let issuer = issuer(Some(json!({"keys": [published(KeyAlgorithm::Es256, &theirs, "one")]}))).await;
    let secret = key(KeyAlgorithm::Hs256, None, SECRET);
    let public = key(KeyAlgorithm::Es256, None, &own.public_key_pem());
    for keys in [vec![secret.clone()], vec![public.clone()], vec![secret, public]] {
        let verifier = issuer.verifier_with(keys.clone(), NEVER_AGAIN);
        for (named, token) in
            [(true, sign(KeyAlgorithm::Es256, &theirs, Some("one"))), (false, sign(KeyAlgorithm::Es256, &theirs, None))]
        {
            assert_eq!(code(&verifier, &token).await, "good", "{named} {keys:?}");
        }
        let by_own = keys.iter().any(|key| key.algorithm == KeyAlgorithm::Es256);
        if by_own {
            assert_eq!(
                code(&verifier, &sign(KeyAlgorithm::Es256, &own, Some("mine"))).await,
                "good",
                "of no other name"
            );
        } else {
            assert_eq!(code(&verifier, &signed(&claims())).await, "good");
        }
    }
}

#[tokio::test]
async fn an_unknown_kid_is_reported_as_unknown_and_a_known_one_causes_no_fetch() {
    let (first, second) = (es256(), es256());
    let issuer = issuer(Some(json!({"keys": [published(KeyAlgorithm::Es256, &first, "one")]}))).await;
    let own = vec![key(KeyAlgorithm::Es256, None, &es256().public_key_pem()), key(KeyAlgorithm::Hs256, None, SECRET)];
    let verifier = issuer.verifier_with(own.clone(), NEVER_AGAIN);
    for attempt in 0..20 {
        let token = sign(KeyAlgorithm::Es256, &second, Some(&format!("made-up-{attempt}")));
        assert_eq!(code(&verifier, &token).await, "token_key_unknown");
    }
    assert_eq!(issuer.fetches(), 1, "however many names are made up");

    let verifier = issuer.verifier_with(own, HumanDuration::millis(0));
    assert_eq!(code(&verifier, &sign(KeyAlgorithm::Es256, &first, Some("one"))).await, "good");
    let fetches = issuer.fetches();
    assert_eq!(code(&verifier, &sign(KeyAlgorithm::Es256, &second, Some("one"))).await, "token_signature");
    assert_eq!(issuer.fetches(), fetches, "the key is known, and it did not sign");
    issuer.publish(vec![published(KeyAlgorithm::Es256, &first, "one"), published(KeyAlgorithm::Es256, &second, "two")]);
    assert_eq!(code(&verifier, &sign(KeyAlgorithm::Es256, &second, Some("two"))).await, "good", "rotated in");
    let (third, token) = (es256(), |pair: &KeyPair| sign(KeyAlgorithm::Es256, pair, None));
    issuer.publish(vec![published(KeyAlgorithm::Es256, &third, "three")]);
    assert_eq!(code(&verifier, &token(&third)).await, "good", "also when the token names none");
    *issuer.keys.lock().unwrap() = None;
    assert_eq!(code(&verifier, &token(&first)).await, "keys_unavailable", "it may be a good one");
}

#[tokio::test]
async fn with_configured_keys_only_the_error_names_signature_algorithm_or_kid() {
    let (own, other) = (es256(), es256());
    let one = verifier(vec![(KeyAlgorithm::Es256, None, &own.public_key_pem())]).unwrap();
    assert_eq!(code(&one, &sign(KeyAlgorithm::Es256, &own, Some("any"))).await, "good");
    assert_eq!(code(&one, &sign(KeyAlgorithm::Es256, &other, Some("any"))).await, "token_signature");
    assert_eq!(code(&one, &signed(&claims())).await, "token_algorithm");
    let named = [(KeyAlgorithm::Es256, Some("a"), &*own.public_key_pem()), (KeyAlgorithm::Hs256, None, SECRET)];
    let two = verifier(named.to_vec()).unwrap();
    assert_eq!(code(&two, &sign(KeyAlgorithm::Es256, &other, Some("b"))).await, "token_key_unknown");
    assert_eq!(code(&two, &sign(KeyAlgorithm::Es256, &other, Some("a"))).await, "token_signature");
}

#[tokio::test]
async fn of_two_keys_with_the_same_kid_the_one_that_signed_the_token_verifies_it() {
    let (first, second) = (es256(), es256());
    let keys = vec![published(KeyAlgorithm::Es256, &first, "same"), published(KeyAlgorithm::Es256, &second, "same")];
    let issuer = issuer(Some(json!({ "keys": keys }))).await;
    let verifier = issuer.verifier_with(vec![key(KeyAlgorithm::Es256, None, &es256().public_key_pem())], NEVER_AGAIN);
    for pair in [&first, &second] {
        assert_eq!(code(&verifier, &sign(KeyAlgorithm::Es256, pair, Some("same"))).await, "good", "both have the name");
        let header = JwtHeader { kid: Some("same".to_owned()), ..JwtHeader::new(Algorithm::ES256) };
        let late = with(json!({"exp": NOW - 100}));
        let token = jsonwebtoken::encode(&header, &late, &encoding(KeyAlgorithm::Es256, pair)).unwrap();
        assert_eq!(code(&verifier, &token).await, "token_expired");
    }
}

#[tokio::test]
async fn an_unusable_published_key_does_not_affect_the_others() {
    let pair = es256();
    let with = |changes: Value| {
        let mut jwk = published(KeyAlgorithm::Es256, &pair, "k");
        for (name, value) in changes.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    };
    let useless = [
        json!("no key"),
        json!(null),
        json!({"kty": "unheard-of"}),
        json!({"kty": "RSA", "n": 5, "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
        json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET), "alg": "HS256", "kid": "k"}),
        with(json!({"use": "enc"})),
        with(json!({"use": 7})),
        with(json!({"use": "unheard-of"})),
        with(json!({"key_ops": ["encrypt", "wrapKey"]})),
        with(json!({"key_ops": []})),
        with(json!({"alg": "ECDH-ES"})),
        with(json!({"alg": "ES384"})),
        with(json!({"alg": "unheard-of"})),
        with(json!({"alg": 7})),
        with(json!({"x": "!"})),
    ];
    let token = sign(KeyAlgorithm::Es256, &pair, Some("k"));
    let by_secret = jsonwebtoken::encode(
        &JwtHeader { kid: Some("k".to_owned()), ..JwtHeader::default() },
        &claims(),
        &EncodingKey::from_secret(SECRET.as_bytes()),
    );
    let useful = [
        json!({}),
        json!({"use": "sig"}),
        json!({"key_ops": ["verify"]}),
        json!({"key_ops": ["sign", "verify"], "use": "sig", "alg": "ES256"}),
        json!({"x5c": ["rubbish"], "x5t": "rubbish", "surprise": {"a": 1}}),
    ];
    for changes in useful {
        let issuer =
            issuer(Some(json!({"keys": useless.iter().cloned().chain([with(changes.clone())]).collect::<Vec<_>>()})))
                .await;
        let verifier = issuer.verifier(NEVER_AGAIN);
        assert_eq!(code(&verifier, &token).await, "good", "{changes}");
        assert_eq!(code(&verifier, by_secret.as_ref().unwrap()).await, "token_algorithm", "nobody publishes a secret");
    }
    for jwk in useless {
        let issuer = issuer(Some(json!({"keys": [jwk.clone()]}))).await;
        assert_eq!(code(&issuer.verifier(NEVER_AGAIN), &token).await, "token_key_unknown", "{jwk}");
    }
}

#[tokio::test]
async fn a_published_key_verifies_with_its_alg_or_else_with_every_algorithm_of_its_key_type() {
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let larger = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let mut any = published(KeyAlgorithm::Rs256, &rsa, "any");
    any.as_object_mut().unwrap().remove("alg");
    let keys = vec![any, published(KeyAlgorithm::Ps384, &rsa, "one"), published(KeyAlgorithm::Es384, &larger, "p384")];
    let issuer = issuer(Some(json!({ "keys": keys }))).await;
    let verifier = issuer.verifier(NEVER_AGAIN);
    for algorithm in KeyAlgorithm::RSA {
        assert_eq!(code(&verifier, &sign(algorithm, &rsa, Some("any"))).await, "good", "{algorithm:?}");
        let only = if algorithm == KeyAlgorithm::Ps384 { "good" } else { "token_algorithm" };
        assert_eq!(code(&verifier, &sign(algorithm, &rsa, Some("one"))).await, only, "{algorithm:?}");
    }
    assert_eq!(code(&verifier, &sign(KeyAlgorithm::Es384, &larger, Some("p384"))).await, "good");
    let by_file = super::verifier(vec![(KeyAlgorithm::Es384, None, &larger.public_key_pem())]).unwrap();
    assert_eq!(code(&by_file, &sign(KeyAlgorithm::Es384, &larger, None)).await, "good");
    for (algorithm, hash) in [(KeyAlgorithm::Hs384, Algorithm::HS384), (KeyAlgorithm::Hs512, Algorithm::HS512)] {
        let token =
            jsonwebtoken::encode(&JwtHeader::new(hash), &claims(), &EncodingKey::from_secret(SECRET.as_bytes()))
                .unwrap();
        assert_eq!(code(&super::verifier(vec![(algorithm, None, SECRET)]).unwrap(), &token).await, "good");
    }
}

#[tokio::test]
async fn ed25519_is_accepted_under_both_of_its_alg_names() {
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let token = |name: &str| {
        let signed = format!("{}.{}", encoded(&json!({"alg": name, "kid": "k"})), encoded(&claims()));
        let by = encoding(KeyAlgorithm::EdDsa, &pair);
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &by, Algorithm::EdDSA).unwrap();
        format!("{signed}.{signature}")
    };
    let by_file = verifier(vec![(KeyAlgorithm::EdDsa, None, &pair.public_key_pem())]).unwrap();
    for name in ["EdDSA", "Ed25519"] {
        assert_eq!(code(&by_file, &token(name)).await, "good", "{name}");
        for published_as in [Some("EdDSA"), Some("Ed25519"), None] {
            let mut jwk = published(KeyAlgorithm::EdDsa, &pair, "k");
            match published_as {
                Some(published_as) => jwk["alg"] = json!(published_as),
                None => drop(jwk.as_object_mut().unwrap().remove("alg")),
            }
            let issuer = issuer(Some(json!({"keys": [jwk]}))).await;
            assert_eq!(code(&issuer.verifier(NEVER_AGAIN), &token(name)).await, "good", "{name} {published_as:?}");
        }
    }
    assert_eq!(code(&by_file, &token("Ed448")).await, "token_algorithm");
    let read = serde_json::from_value::<KeyConfig>(json!({"algorithm": "Ed25519", "key": {"env": "K"}}));
    assert_eq!(read.unwrap().algorithm, KeyAlgorithm::EdDsa);
}

#[tokio::test]
async fn a_withdrawn_key_stops_working_even_if_it_was_the_last_one() {
    let pair = es256();
    let issuer = issuer(Some(json!({"keys": [published(KeyAlgorithm::Es256, &pair, "one")]}))).await;
    let verifier = issuer.verifier(HumanDuration::millis(0));
    let token = sign(KeyAlgorithm::Es256, &pair, Some("one"));
    assert_eq!(code(&verifier, &token).await, "good");
    issuer.publish(vec![]);
    assert_eq!(code(&verifier, &sign(KeyAlgorithm::Es256, &pair, Some("two"))).await, "token_key_unknown");
    assert_eq!(code(&verifier, &token).await, "token_key_unknown");
}

#[tokio::test]
async fn unknown_kids_do_not_cause_more_fetches_than_the_interval_allows() {
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let issuer = issuer(Some(json!({"keys": [published(KeyAlgorithm::EdDsa, &pair, "one")]}))).await;
    let verifier = issuer.verifier(HumanDuration::secs(3_600));
    for attempt in 0..20 {
        let token = sign(KeyAlgorithm::EdDsa, &pair, Some(&format!("made-up-{attempt}")));
        assert_eq!(verifier.verify(&token).await.unwrap_err().code(), "token_key_unknown");
    }
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 1);
}
