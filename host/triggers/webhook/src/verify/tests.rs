//! Signed with the libraries that the schemes publish: the crate `standardwebhooks` here, those of GitHub and Stripe by
//! `tests/webhook/sign.mjs`, whose answers are in `tests/webhook/signed.json`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use standardwebhooks::Webhook;

use super::*;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: i64 = 1_764_000_000;
const BODY: &str = r#"{"type":"table.booked","data":{"guests":4}}"#;

type Headers<'a> = Vec<(&'a str, String)>;

fn keys(secrets: &[&str]) -> Vec<SigningKey> {
    secrets.iter().map(|secret| SigningKey::new(SecretString::from(*secret))).collect()
}

fn map(headers: &[(&str, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    map
}

fn check(
    scheme: VerifyScheme,
    secrets: &[&str],
    headers: &[(&str, String)],
    body: &[u8],
) -> Result<String, SignatureError> {
    verify(scheme, &keys(secrets), &map(headers), body, Timestamp::from_second(NOW).unwrap())
}

fn standard(secret: &str, id: &str, time: i64, body: &str) -> String {
    Webhook::new(secret).unwrap().sign(id, time, body.as_bytes()).unwrap()
}

fn standard_headers(time: i64, signature: String) -> Headers<'static> {
    let id = "msg_1".to_owned();
    vec![("webhook-id", id), ("webhook-timestamp", time.to_string()), ("webhook-signature", signature)]
}

#[test]
fn signatures_of_the_published_library_of_standard_webhooks_are_verified() {
    for time in [NOW - 300, NOW, NOW + 300] {
        let headers = standard_headers(time, standard(SECRET, "msg_1", time, BODY));
        let found = check(VerifyScheme::StandardWebhooks, &[SECRET], &headers, BODY.as_bytes());
        assert_eq!(found.as_deref(), Ok("msg_1"), "signed at {time}");
    }
}

#[test]
fn the_example_of_standard_webhooks_is_verified() {
    let body = r#"{"email":"test@example.com","username":"test_user"}"#;
    let headers = [
        ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk".to_owned()),
        ("webhook-timestamp", "1649367553".to_owned()),
        ("webhook-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=".to_owned()),
    ];
    let now = Timestamp::from_second(1_649_367_553).unwrap();
    let found = verify(VerifyScheme::StandardWebhooks, &keys(&[SECRET]), &map(&headers), body.as_bytes(), now);
    assert_eq!(found.as_deref(), Ok("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"));
}

#[test]
fn during_a_rotation_either_side_may_be_ahead() {
    let (old, new) = (standard(SECRET, "msg_1", NOW, BODY), standard(OTHER, "msg_1", NOW, BODY));
    let cases: [(&[&str], String); 5] = [
        (&[SECRET, OTHER], old.clone()),
        (&[SECRET, OTHER], new.clone()),
        (&[OTHER], format!("{old} {new}")),
        (&[SECRET], format!("v1a,c2lnbmVk v2,x {old}")),
        (&[SECRET, OTHER], format!("{new} {old}")),
    ];
    for (secrets, signature) in cases {
        let headers = standard_headers(NOW, signature.clone());
        let found = check(VerifyScheme::StandardWebhooks, secrets, &headers, BODY.as_bytes());
        assert_eq!(found.as_deref(), Ok("msg_1"), "{secrets:?}, {signature}");
    }
}

#[test]
fn a_body_that_is_no_text_is_verified_as_the_bytes_it_is() {
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(&SECRET[PREFIX.len()..]).unwrap()).unwrap();
    mac.update(format!("msg_1.{NOW}.").as_bytes());
    mac.update(&[0xff, 0x00, 0xfe]);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers = standard_headers(NOW, signature);
    let found = check(VerifyScheme::StandardWebhooks, &[SECRET], &headers, &[0xff, 0x00, 0xfe]);
    assert_eq!(found.as_deref(), Ok("msg_1"));
}

#[test]
fn a_delivery_of_standard_webhooks_with_another_body_id_or_time_is_refused() {
    let good = standard(SECRET, "msg_1", NOW, BODY);
    let at = |time| standard_headers(time, standard(SECRET, "msg_1", time, BODY));
    let with = |signature: &str| standard_headers(NOW, signature.to_owned());
    let without = |name| at(NOW).into_iter().filter(|(header, _)| *header != name).collect::<Headers<'_>>();
    let duplicates = |name| {
        let again = at(NOW).into_iter().find(|(header, _)| *header == name).unwrap();
        at(NOW).into_iter().chain([again]).collect::<Headers<'_>>()
    };
    let replaced = |name, value: &str| {
        let headers = at(NOW).into_iter().filter(|(header, _)| *header != name);
        headers.chain([(name, value.to_owned())]).collect::<Headers<'_>>()
    };
    let (id, time, signature) = ("webhook-id", "webhook-timestamp", "webhook-signature");
    let many = vec![good.as_str(); MAX_SIGNATURES + 1].join(" ");
    let cases: Vec<(&str, Headers<'_>, &str, SignatureError)> = vec![
        ("wrong secret", with(&standard(OTHER, "msg_1", NOW, BODY)), BODY, SignatureError::Mismatch),
        ("wrong id", with(&standard(SECRET, "msg_2", NOW, BODY)), BODY, SignatureError::Mismatch),
        ("wrong time", with(&standard(SECRET, "msg_1", NOW - 1, BODY)), BODY, SignatureError::Mismatch),
        ("changed body", at(NOW), r#"{"type":"table.booked","data":{"guests":40}}"#, SignatureError::Mismatch),
        ("body written anew", at(NOW), r#"{"data":{"guests":4},"type":"table.booked"}"#, SignatureError::Mismatch),
        (
            "body with a newline",
            at(NOW),
            "{\"type\":\"table.booked\",\"data\":{\"guests\":4}}\n",
            SignatureError::Mismatch,
        ),
        ("empty body", at(NOW), "", SignatureError::Mismatch),
        ("too old", at(NOW - 301), BODY, SignatureError::Old),
        ("from long ago", at(1), BODY, SignatureError::Old),
        ("too new", at(NOW + 301), BODY, SignatureError::Future),
        ("no id", without(id), BODY, SignatureError::Missing(id)),
        ("no time", without(time), BODY, SignatureError::Missing(time)),
        ("no signature", without(signature), BODY, SignatureError::Missing(signature)),
        ("two ids", duplicates(id), BODY, SignatureError::Repeated(id)),
        ("two times", duplicates(time), BODY, SignatureError::Repeated(time)),
        ("two signature headers", duplicates(signature), BODY, SignatureError::Repeated(signature)),
        ("empty id", replaced(id, ""), BODY, SignatureError::Malformed(id)),
        ("long id", replaced(id, &"m".repeat(257)), BODY, SignatureError::Malformed(id)),
        ("id with a space", replaced(id, "msg 1"), BODY, SignatureError::Malformed(id)),
        ("time with a sign", replaced(time, &format!("+{NOW}")), BODY, SignatureError::Malformed(time)),
        ("time as a date", replaced(time, "2025-11-24T16:00:00Z"), BODY, SignatureError::Malformed(time)),
        ("time with a fraction", replaced(time, "1764000000.0"), BODY, SignatureError::Malformed(time)),
        ("huge time", replaced(time, "99999999999999999999"), BODY, SignatureError::Malformed(time)),
        ("empty signature", with(""), BODY, SignatureError::Malformed(signature)),
        ("no version", with(&good[3..]), BODY, SignatureError::Malformed(signature)),
        ("another version", with(&good.replace("v1,", "v2,")), BODY, SignatureError::Malformed(signature)),
        ("cut short in its Base64", with(&good[..good.len() - 1]), BODY, SignatureError::Malformed(signature)),
        ("cut short by bytes", with(&good[..good.len() - 8]), BODY, SignatureError::Mismatch),
        ("empty Base64", with("v1,"), BODY, SignatureError::Mismatch),
        ("too many signatures", with(&many), BODY, SignatureError::Malformed(signature)),
    ];
    for (what, headers, body, reason) in cases {
        let found = check(VerifyScheme::StandardWebhooks, &[SECRET], &headers, body.as_bytes());
        assert_eq!(found, Err(reason), "{what}");
    }
}

#[test]
fn a_retired_secret_is_not_accepted_any_more() {
    let headers = standard_headers(NOW, standard(SECRET, "msg_1", NOW, BODY));
    let scheme = VerifyScheme::StandardWebhooks;
    assert_eq!(check(scheme, &[OTHER, SECRET], &headers, BODY.as_bytes()).as_deref(), Ok("msg_1"));
    assert_eq!(check(scheme, &[OTHER], &headers, BODY.as_bytes()), Err(SignatureError::Mismatch));
    assert_eq!(check(scheme, &[], &headers, BODY.as_bytes()), Err(SignatureError::Mismatch));
}

#[test]
fn only_base64_is_a_key_of_standard_webhooks() {
    for (secret, fits) in [(SECRET, true), (&SECRET[6..], true), ("whsec_", false), ("whsec_!", false)] {
        let key = &keys(&[secret])[0];
        assert_eq!(key.fits(VerifyScheme::StandardWebhooks), fits, "{secret}");
        assert!(key.fits(VerifyScheme::Github) && key.fits(VerifyScheme::Stripe));
    }
}

/// One request of `tests/webhook/signed.json`.
#[derive(Debug, Deserialize, PartialEq)]
struct Signed {
    scheme: String,
    secret: String,
    #[serde(default)]
    timestamp: i64,
    body: String,
    signature: String,
}

fn signed() -> Vec<Signed> {
    serde_json::from_str(include_str!("../../tests/webhook/signed.json")).unwrap()
}

impl Signed {
    fn verify(&self, secrets: &[&str], signature: &str, body: &str, now: i64) -> Result<String, SignatureError> {
        let (scheme, headers) = match self.scheme.as_str() {
            "github" => {
                let id = ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned());
                (VerifyScheme::Github, vec![id, ("x-hub-signature-256", signature.to_owned())])
            }
            _ => (VerifyScheme::Stripe, vec![("stripe-signature", signature.to_owned())]),
        };
        let now = Timestamp::from_second(now).unwrap();
        verify(scheme, &keys(secrets), &map(&headers), body.as_bytes(), now)
    }
}

#[test]
fn signatures_of_the_published_libraries_of_github_and_stripe_are_verified_and_no_others() {
    for one in signed() {
        let (secret, good, body, now) = (one.secret.as_str(), one.signature.as_str(), one.body.as_str(), one.timestamp);
        let id = one.verify(&["another", secret], good, body, now).unwrap();
        assert!(id.starts_with(if one.scheme == "github" { "72d3162e" } else { "evt_" }), "{one:?}");
        let cases = [
            ("wrong secret", one.verify(&["another"], good, body, now), "mismatch"),
            ("changed body", one.verify(&[secret], good, &format!("{body} "), now), "mismatch"),
            ("cut short by a digit", one.verify(&[secret], &good[..good.len() - 1], body, now), "malformed"),
            ("cut short by a byte", one.verify(&[secret], &good[..good.len() - 2], body, now), "mismatch"),
            ("empty", one.verify(&[secret], "", body, now), "malformed"),
            (
                "another algorithm",
                one.verify(&[secret], &good.replace("sha256", "sha1").replace("v1", "v0"), body, now),
                "malformed",
            ),
        ];
        for (what, found, reason) in cases {
            assert_eq!(found.map_err(SignatureError::reason), Err(reason), "{what}: {one:?}");
        }
    }
}

#[test]
fn a_delivery_of_stripe_is_verified_only_within_its_time_and_with_an_id() {
    let all = signed();
    let one = all.iter().find(|one| one.scheme == "stripe").unwrap();
    let (secret, good, body, signed_at) =
        (one.secret.as_str(), one.signature.as_str(), one.body.as_str(), one.timestamp);
    let at = |now| one.verify(&[secret], good, body, now);
    assert_eq!(at(signed_at + 300).as_deref(), Ok("evt_1"));
    assert_eq!(at(signed_at - 300).as_deref(), Ok("evt_1"));
    assert_eq!(at(signed_at + 301), Err(SignatureError::Old));
    assert_eq!(at(signed_at - 301), Err(SignatureError::Future));
    let with = |signature: &str| one.verify(&[secret], signature, body, signed_at).map_err(SignatureError::reason);
    assert_eq!(with(&format!("{good},v0=00,v1=00")).as_deref(), Ok("evt_1"));
    assert_eq!(with(&format!("{good},t={signed_at}")), Err("malformed"));
    assert_eq!(with(&good[good.find("v1").unwrap()..]), Err("malformed"));
    assert_eq!(with(&format!("t={signed_at}")), Err("malformed"));
    for body in ["{}", r#"{"id":7}"#, r#"{"id":""}"#, r#"{"id":"with space"}"#, "[]", "no JSON"] {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{signed_at}.{body}").as_bytes());
        let signature = format!("t={signed_at},v1={}", hex::encode(mac.finalize().into_bytes()));
        assert_eq!(one.verify(&[secret], &signature, body, signed_at), Err(SignatureError::NoId), "{body}");
    }
}

#[test]
fn a_delivery_of_github_needs_its_headers_exactly_once() {
    let all = signed();
    let one = all.iter().find(|one| one.scheme == "github").unwrap();
    let id = ("x-github-delivery", "72d3162e".to_owned());
    let signature = ("x-hub-signature-256", one.signature.clone());
    let check = |headers: &[(&str, String)]| check(VerifyScheme::Github, &[&one.secret], headers, one.body.as_bytes());
    assert_eq!(check(&[id.clone(), signature.clone()]).as_deref(), Ok("72d3162e"));
    assert_eq!(check(std::slice::from_ref(&id)), Err(SignatureError::Missing("x-hub-signature-256")));
    assert_eq!(check(std::slice::from_ref(&signature)), Err(SignatureError::Missing("x-github-delivery")));
    let duplicates = [id.clone(), signature.clone(), signature.clone()];
    assert_eq!(check(&duplicates), Err(SignatureError::Repeated("x-hub-signature-256")));
    assert_eq!(check(&[id.clone(), id, signature]), Err(SignatureError::Repeated("x-github-delivery")));
}

/// Signs anew where Node.js and the packages are there: `SIGNALBOX_NODE_PACKAGES` is the folder they are installed in.
#[test]
fn the_published_libraries_of_github_and_stripe_still_sign_as_they_did() {
    let Ok(packages) = std::env::var("SIGNALBOX_NODE_PACKAGES") else {
        println!("skipped: SIGNALBOX_NODE_PACKAGES names no folder with @octokit/webhooks-methods and stripe");
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/webhook");
    let mut node = Command::new("node")
        .arg(folder.join("sign.mjs"))
        .env("SIGNALBOX_NODE_PACKAGES", packages)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("SIGNALBOX_NODE_PACKAGES is set, so node has to be there");
    let unsigned = std::fs::read(folder.join("unsigned.json")).unwrap();
    node.stdin.take().unwrap().write_all(&unsigned).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "sign.mjs says why");
    let fresh: Vec<Signed> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(fresh, signed());
}
