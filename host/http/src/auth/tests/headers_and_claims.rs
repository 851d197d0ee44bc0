//! What headers and claims may say, and what an issuer may put beside what is needed.

use serde_json::{Map, Value, json};

use super::*;

fn with_header(more: Value) -> String {
    let mut header = Map::from_iter([("alg".to_owned(), json!("HS256"))]);
    header.extend(more.as_object().unwrap().clone());
    let signed = format!("{}.{}", encoded(&Value::Object(header)), encoded(&claims()));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{signed}.{signature}")
}

#[tokio::test]
async fn a_header_field_that_excludes_an_access_token_is_named_in_the_refusal() {
    let cases = [
        (json!({"typ": "JWE"}), "`typ`"),
        (json!({"typ": "logout+jwt"}), "`typ`"),
        (json!({"typ": "dpop+jwt"}), "`typ`"),
        (json!({"typ": "application/secevent+jwt"}), "`typ`"),
        (json!({"typ": ""}), "`typ`"),
        (json!({"typ": ["JWT"]}), "`typ`"),
        (json!({"cty": "JWT"}), "`cty`"),
        (json!({"typ": "JWT", "cty": "application/jwt"}), "`cty`"),
        (json!({"zip": "DEF"}), "`zip`"),
        (json!({"zip": null}), "`zip`"),
        (json!({"crit": ["exp"], "exp": 1}), "`crit`"),
        (json!({"crit": ["b64"], "b64": false}), "`crit`"),
    ];
    let verifier = hs256();
    for (more, named) in cases {
        let error = verifier.verify(&with_header(more.clone())).await.unwrap_err();
        assert_eq!(error.code(), "token_malformed", "{more}: {error}");
        assert!(error.to_string().contains(named), "{more}: {error}");
    }
}

#[tokio::test]
async fn unknown_header_fields_and_claims_are_ignored() {
    let verifier = hs256();
    for more in [
        json!({}),
        json!({"typ": "JWT"}),
        json!({"typ": "jwt"}),
        json!({"typ": "at+jwt"}),
        json!({"typ": "application/at+jwt"}),
        json!({"cty": "json", "x5t": "abc", "jku": "https://evil.example.com", "nonce": 7, "typ": "JWT"}),
    ] {
        verifier.verify(&with_header(more.clone())).await.unwrap_or_else(|error| panic!("{more}: {error}"));
    }
    for more in [
        json!({"azp": "console", "scope": "openid", "auth_time": 7, "amr": ["pwd"], "cnf": {"jkt": "x"}}),
        json!({"jti": 7}),
        json!({"iat": "yesterday", "name": "Ana\u{202e}", "zip": "10115", "crit": true}),
    ] {
        let token = signed(&with(more.clone()));
        verifier.verify(&token).await.unwrap_or_else(|error| panic!("{more}: {error}"));
    }
}

#[tokio::test]
async fn a_user_id_with_invisible_characters_is_refused_and_every_script_is_allowed() {
    let verifier = hs256();
    for (name, told) in [
        ("ana\u{202e}nimda", "U+202E"),
        ("ana\u{2066}", "U+2066"),
        ("a\u{200b}na", "zero-width space"),
        ("\u{feff}ana", "U+FEFF"),
        ("ana\u{3164}", "U+3164"),
        ("\u{e0061}ana", "tag character"),
        ("an\u{ad}a", "soft hyphen"),
        ("a\u{a0}na", "no-break space"),
        ("a\tna", "tab"),
        ("ana\u{85}", "U+0085"),
        ("\u{3000}", "U+3000"),
        (" ana", "begins or ends with a space"),
        ("ana ", "begins or ends with a space"),
        ("   ", "or is nothing else"),
    ] {
        let error = verifier.verify(&signed(&with(json!({"sub": name})))).await.unwrap_err();
        assert_eq!(error.code(), "token_claims", "{name:?}: {error}");
        let text = error.to_string();
        assert!(text.contains("`sub`") && text.contains(told), "{name:?}: {error}");
    }
    for name in ["ana", "Ana Pop", "auth0|5f7c8ec7c33c6c004bbafe82", "ana@example.com", "Ştefan", "田中", "أنا", "עדי"]
    {
        verifier.verify(&signed(&with(json!({"sub": name})))).await.unwrap();
    }
}

#[tokio::test]
async fn unknown_fields_of_the_businesses_claim_are_ignored() {
    let granted = json!({"roles": ["waiter"], "locations": ["bar"], "since": 2024, "badge": {"colour": "red"}});
    let claims = with(json!({"businesses": {"trattoria": granted}, "department": ["kitchen"]}));
    let verified = hs256().verify(&signed(&claims)).await.unwrap();
    let business = &verified.access.businesses["trattoria"];
    assert_eq!(business.roles, ["waiter"]);
    assert_eq!(business.locations.as_ref().unwrap(), &["bar"]);
}
