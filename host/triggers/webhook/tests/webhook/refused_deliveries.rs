use std::collections::BTreeMap;
use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use signalbox_trigger_webhook::HookError;

use super::host::inputs;
use super::host::{Answer, CLINICS_SECRET, Host, RETIRED_SECRET, SECRET, now, signed};

const BODY: &str = r#"{"type":"table.booked"}"#;
const PLAIN: &str = "/webhooks/trattoria/plain";

fn without_correlation(answer: &Answer) -> Value {
    let mut body = answer.json();
    assert!(body.as_object_mut().unwrap().remove("correlationId").is_some(), "{answer:?}");
    body
}

#[tokio::test]
async fn every_signature_error_is_the_same_401_with_its_reason_in_the_log_only() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let host = Host::start().await;
    let good = signed(SECRET, "msg_1", now(), BODY);
    let signature = good[2].1.clone();
    let with = |value: String| vec![good[0].clone(), good[1].clone(), ("webhook-signature", value)];
    type Case = (&'static str, Vec<(&'static str, String)>, &'static str, &'static str);
    let cases: Vec<Case> = vec![
        ("wrong", with("v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()), BODY, "mismatch"),
        ("old", signed(SECRET, "msg_1", now() - 400, BODY), BODY, "old"),
        ("future", signed(SECRET, "msg_1", now() + 400, BODY), BODY, "future"),
        ("missing", good[..2].to_vec(), BODY, "missing"),
        ("none at all", Vec::new(), BODY, "missing"),
        ("repeated", [good.clone(), vec![good[2].clone()]].concat(), BODY, "repeated"),
        ("truncated", with(signature[..signature.len() - 8].to_owned()), BODY, "mismatch"),
        ("no Base64", with(signature[..signature.len() - 1].to_owned()), BODY, "malformed"),
        ("retired secret", signed(RETIRED_SECRET, "msg_1", now(), BODY), BODY, "mismatch"),
        ("written anew", good.clone(), r#"{ "type": "table.booked" }"#, "mismatch"),
    ];
    let mut answers = Vec::new();
    for (what, headers, body, reason) in &cases {
        let counted = || {
            let line = format!("signalbox_webhook_signatures_refused_total{{reason=\"{reason}\"}} ");
            let page = metrics.render();
            page.lines().find_map(|found| found.strip_prefix(&line)?.parse::<u32>().ok()).unwrap_or(0)
        };
        let before = counted();
        let answer = host.post(PLAIN, headers, (*body).to_owned()).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "signature_invalid"), "{what}");
        assert_eq!(counted(), before + 1, "{what} is counted as {reason}");
        answers.push(without_correlation(&answer));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    host.decided(0).await;
}

#[tokio::test]
async fn unknown_businesses_and_hooks_look_alike() {
    let host = Host::start().await;
    let headers = signed(SECRET, "msg_1", now(), BODY);
    let mut answers = Vec::new();
    for path in [
        "/webhooks/nowhere/plain",
        "/webhooks/trattoria/nothing",
        "/webhooks/trattoria%2Fplain/plain",
        "/webhooks/trattoria/..%2fplain",
        "/webhooks/trattoria/plain%00",
        "/webhooks/%ff/plain",
    ] {
        let answer = host.post(path, &headers, BODY).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "webhook_not_found"), "{path}");
        answers.push(without_correlation(&answer));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused_where_no_handler_reads_it() {
    let host = Host::start().await;
    let deep = format!("{}{}", r#"{"a":"#.repeat(70), "}".repeat(70));
    let deep = deep.replace(":}", ":1}");
    let bodies = ["", "[]", "7", "\"text\"", "{", r#"{"a":NaN}"#, "{} {}", r#"{"a":1,"a":2}"#];
    for (number, body) in bodies.into_iter().enumerate() {
        let answer = host.deliver("plain", &format!("msg_{number}"), body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "body_no_json_object"), "{body}");
    }
    let answer = host.deliver("plain", "msg_deep", &deep).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "content_too_deep"));
    host.decided(0).await;
}

#[tokio::test]
async fn only_post_delivers() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let host = Host::start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for method in [reqwest::Method::GET, reqwest::Method::PUT, reqwest::Method::DELETE] {
        let response = client.request(method, format!("http://{}{PLAIN}", host.address)).send().await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"POST".parse().unwrap()));
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
    let counted = "signalbox_webhooks_total{hook=\"-\",result=\"method_not_allowed\"} 3";
    assert!(metrics.render().contains(counted), "{}", metrics.render());
}

#[tokio::test]
async fn a_hook_without_its_secret_is_named_at_start_and_refuses_deliveries() {
    let host = Host::start().await;
    let answer = host.post("/webhooks/trattoria/lost", &[], BODY).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "secret_missing"));
    assert!(!answer.body.contains("LOST"), "{answer:?}");

    let error = host.webhooks.check("test", &inputs()).unwrap_err();
    let HookError::UnknownSecret { hook, secret, .. } = &error else { panic!("{error}") };
    assert_eq!((hook.as_str(), secret.as_str()), ("lost", "LOST"));
    let mut known = inputs();
    known.webhook.remove("lost");
    host.webhooks.check("test", &known).unwrap();
    known.webhook.get_mut("plain").unwrap().verify.secret = "CODE".to_owned();
    let error = host.webhooks.check("test", &known).unwrap_err();
    assert!(matches!(&error, HookError::NoKey { hook, .. } if hook == "plain"), "{error}");
}

#[tokio::test]
async fn a_secret_that_could_be_guessed_is_refused_at_start() {
    // One byte, and one less than the least.
    for (short, bytes) in [("whsec_AA==", 1), ("whsec_c2lnbmFsYm94LTIzLWJ5dGVzLWtleSE=", 23)] {
        let host = Host::with(|settings| settings.own.push(("clinic", vec![CLINICS_SECRET, short]))).await;
        let mut known = inputs();
        known.webhook.retain(|hook, _| hook == "plain");
        let error = host.webhooks.check("test", &known).unwrap_err();
        assert!(matches!(&error, HookError::Short { bytes: found, .. } if *found == bytes), "{error}");
        let said = error.to_string();
        assert!(said.contains("business-secrets.clinic.BOOKINGS") && said.contains("24"), "{said}");
        assert!(!said.contains(short), "{said}");
    }
}

#[tokio::test]
async fn businesses_that_share_a_secret_or_have_none_are_named_at_start() {
    let hooks = BTreeMap::from([("test".to_owned(), Arc::new(inputs()))]);
    let host = Host::start().await;
    let said = host.webhooks.warnings(&hooks).join("\n");
    assert!(said.contains("webhook `plain`") && said.contains("share"), "{said}");

    let host = Host::with(|settings| settings.own.push(("nobody", vec![SECRET]))).await;
    let said = host.webhooks.warnings(&hooks).join("\n");
    assert!(said.contains("business-secrets.nobody") && said.contains("not in the directory"), "{said}");
    assert!(said.contains("hold the same secret") && !said.contains(SECRET), "{said}");

    let host = Host::with(|settings| settings.own.push(("clinic", Vec::new()))).await;
    let mut known = inputs();
    known.webhook.retain(|hook, _| hook == "plain");
    let error = host.webhooks.check("test", &known).unwrap_err();
    assert!(matches!(&error, HookError::BusinessSecretMissing { business, .. } if business == "clinic"), "{error}");
    let answer = host.post("/webhooks/clinic/plain", &signed(SECRET, "msg_1", now(), BODY), BODY).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "secret_missing"));
}
