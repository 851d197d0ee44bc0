//! What a receiver is sent.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use signalbox_delivery::{AttemptResult, EffectTarget as _};
use standardwebhooks::Webhook;

use super::service::{Service, answer};
use super::{KEY, Names, PRIVATE, TOKEN, call, target, target_with, url};

#[tokio::test]
async fn an_external_call_is_one_post_of_the_payload_with_the_documented_headers() {
    let service = Service::answering("200 OK", "", "").await;
    assert_eq!(target(service.port).attempt(&call(&url(service.port))).await, AttemptResult::Delivered);
    let received = service.received();
    let [request] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(request.line, "POST /v1/bookings?source=signalbox HTTP/1.1");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, json!({"guest": PRIVATE, "table": 7, "note": "lângă geam"}));
    for (name, value) in [
        ("content-type", "application/json"),
        ("idempotency-key", "act_1"),
        ("signalbox-correlation-id", "cor_1"),
        ("webhook-id", "act_1"),
        ("authorization", &format!("Bearer {TOKEN}")),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert!(request.header("user-agent").unwrap().starts_with("signalbox/"));
}

#[tokio::test]
async fn the_published_library_of_standard_webhooks_verifies_the_bytes_that_were_received() {
    let service = Service::answering("204 No Content", "", "").await;
    target(service.port).attempt(&call(&url(service.port))).await;
    let request = service.received().remove(0);
    let verifier = Webhook::from_bytes(KEY.to_vec()).unwrap();
    verifier.verify(&request.body, &request.headers).unwrap();
    let mut forged = request.body.clone();
    *forged.last_mut().unwrap() = b' ';
    assert!(verifier.verify(&forged, &request.headers).is_err());
    let other = Webhook::from_bytes(vec![7; 32]).unwrap();
    assert!(other.verify(&request.body, &request.headers).is_err());
}

#[tokio::test]
async fn every_attempt_has_the_same_idempotency_key_and_body_and_is_signed_anew() {
    let service = Service::start(&[answer("503 Service Unavailable", "", ""), answer("200 OK", "", "")]).await;
    let (target, effect) = (target(service.port), call(&url(service.port)));
    assert!(matches!(target.attempt(&effect).await, AttemptResult::Failed { .. }));
    assert_eq!(target.attempt(&effect).await, AttemptResult::Delivered);
    let received = service.received();
    assert_eq!(received.len(), 2);
    let verifier = Webhook::from_bytes(KEY.to_vec()).unwrap();
    for request in &received {
        assert_eq!(request.body, received[0].body);
        assert_eq!((request.header("idempotency-key"), request.header("webhook-id")), (Some("act_1"), Some("act_1")));
        verifier.verify(&request.body, &request.headers).unwrap();
    }
}

#[tokio::test]
async fn a_receiver_without_secrets_is_sent_none() {
    let service = Service::answering("200 OK", "", "").await;
    let (open, secret) = (service.port, Service::answering("200 OK", "", "").await);
    let toml = format!(
        "[receivers.open]\nhosts = [\"*.example:{open}\"]\n[receivers.crm]\nhosts = [\"crm.example:{open}\", \
         \"crm.example:{}\"]\nauthorization = {{ env = \"TOKEN\" }}\n",
        secret.port
    );
    let target = target_with(&toml, Names::of(Ipv4Addr::LOCALHOST));
    let other = format!("http://other.example:{open}/");
    assert_eq!(target.attempt(&call(&other)).await, AttemptResult::Delivered);
    assert_eq!(target.attempt(&call(&url(open))).await, AttemptResult::Delivered, "the more precise pattern counts");
    let received = service.received();
    for name in ["authorization", "webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert_eq!(received[0].header(name), None);
    }
    assert_eq!(received[1].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(secret.connections(), 0);
}
