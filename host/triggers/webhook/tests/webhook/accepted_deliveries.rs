use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use signalbox_model::{Clock, InputType, Source, Timestamp};
use signalbox_store::{Config, Store};

use super::host::{CLINICS_SECRET, Host, NEXT_SECRET, SECRET, now, signed};

const BODY: &str = r#"{"type":"table.booked","data":{"guests":4}}"#;

#[tokio::test]
async fn an_accepted_delivery_is_stored_before_it_is_acknowledged_and_then_decided() {
    let host = Host::start().await;
    let answer = host.deliver("plain", "msg_1", BODY).await;
    assert_eq!((answer.status, &answer.headers["content-type"]), (202, &"application/json".parse().unwrap()));
    assert!(answer.headers.contains_key("x-correlation-id"), "{answer:?}");
    let input_id = answer.json()["inputIds"][0].as_str().unwrap().to_owned();
    let state = host.store.input_state("trattoria", &input_id).await.unwrap().unwrap();
    let input = state.accepted.input;
    assert_eq!((input.source, input.input_type), (Source::ExternalApi, InputType::Webhook));
    assert_eq!(Value::Object(input.content.data.unwrap()), serde_json::from_str::<Value>(BODY).unwrap());
    assert_eq!(Value::Object(input.content.metadata.unwrap()), json!({"hook": "plain", "deliveryId": "msg_1"}));
    assert_eq!((input.user_id, state.accepted.permissions), (None, Vec::new()));
    host.decided(1).await;
}

#[tokio::test]
async fn a_repeated_delivery_is_answered_the_same_and_decided_once() {
    let host = Host::start().await;
    let first = host.deliver("plain", "msg_1", BODY).await;
    host.decided(1).await;
    // A further attempt has another time, and in the middle of a rotation another secret.
    let headers = signed(NEXT_SECRET, "msg_1", now() - 200, BODY);
    let again = host.post("/webhooks/trattoria/plain", &headers, BODY).await;
    assert_eq!((again.status, again.body), (202, first.body));
    host.decided(1).await;
}

#[tokio::test]
async fn a_repeated_delivery_is_recognised_after_a_restart() {
    let store = Store::open(Config::memory()).await.unwrap();
    let first = Host::on(store.clone(), |_| {}).await.deliver("plain", "msg_1", BODY).await;
    let host = Host::on(store, |_| {}).await;
    let again = host.deliver("plain", "msg_1", BODY).await;
    assert_eq!((again.status, again.body), (202, first.body));
    assert_eq!(host.decider.started_texts().len(), 0);
}

#[tokio::test]
async fn an_id_that_comes_again_with_another_body_is_a_conflict() {
    let host = Host::start().await;
    assert_eq!(host.deliver("plain", "msg_1", BODY).await.status, 202);
    let other = host.deliver("plain", "msg_1", r#"{"type":"table.booked","data":{"guests":40}}"#).await;
    assert_eq!((other.status, other.code().as_str()), (409, "delivery_id_reused"));
    host.decided(1).await;
}

#[tokio::test]
async fn of_many_identical_deliveries_at_once_one_is_decided_and_all_are_accepted() {
    let host = Host::start().await;
    let all = futures_util::future::join_all((0..24).map(|_| host.deliver("plain", "msg_1", BODY))).await;
    for answer in &all {
        assert_eq!((answer.status, &answer.body), (202, &all[0].body));
    }
    host.decided(1).await;
}

#[tokio::test]
async fn the_same_id_signed_with_another_secret_is_another_delivery() {
    let host = Host::with(|settings| settings.own.push(("clinic", vec![CLINICS_SECRET]))).await;
    for (path, secret) in [("/webhooks/trattoria/plain", SECRET), ("/webhooks/clinic/plain", CLINICS_SECRET)] {
        let answer = host.post(path, &signed(secret, "msg_1", now(), BODY), BODY).await;
        assert_eq!(answer.status, 202, "{path}: {answer:?}");
    }
    host.decided(2).await;
}

#[tokio::test]
async fn a_delivery_signed_for_one_business_is_refused_for_another() {
    let host = Host::with(|settings| settings.own.push(("clinic", vec![CLINICS_SECRET]))).await;
    // Neither another business's own secret is valid, nor the shared one for a business that has its own.
    for (path, secret) in [("/webhooks/trattoria/plain", CLINICS_SECRET), ("/webhooks/clinic/plain", SECRET)] {
        let answer = host.post(path, &signed(secret, "msg_1", now(), BODY), BODY).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "signature_invalid"), "{path}");
    }
    let answer = host.post("/webhooks/clinic/plain", &signed(CLINICS_SECRET, "msg_1", now(), BODY), BODY).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    host.decided(1).await;
}

#[tokio::test]
async fn a_businesss_own_secret_is_changed_without_a_gap() {
    let host = Host::with(|settings| settings.own.push(("clinic", vec![CLINICS_SECRET, NEXT_SECRET]))).await;
    for (id, secret) in [("msg_1", CLINICS_SECRET), ("msg_2", NEXT_SECRET)] {
        let answer = host.post("/webhooks/clinic/plain", &signed(secret, id, now(), BODY), BODY).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    host.decided(2).await;
}

#[tokio::test]
async fn a_delivery_signed_with_a_shared_secret_is_accepted_at_one_address_only() {
    let store = Store::open(Config::memory()).await.unwrap();
    let host = Host::on(store.clone(), |_| {}).await;
    let headers = signed(SECRET, "msg_1", now(), BODY);
    assert_eq!(host.post("/webhooks/trattoria/plain", &headers, BODY).await.status, 202);
    // Replayed at another business, another hook, and another host it is refused; at its own address it is a duplicate.
    for host in [&host, &Host::on(store, |_| {}).await] {
        for path in ["/webhooks/clinic/plain", "/webhooks/trattoria/read"] {
            let answer = host.post(path, &headers, BODY).await;
            assert_eq!((answer.status, answer.code().as_str()), (409, "delivery_used_elsewhere"), "{path}");
            assert!(!answer.body.contains("trattoria/plain"), "{answer:?}");
        }
        assert_eq!(host.post("/webhooks/trattoria/plain", &headers, BODY).await.status, 202);
    }
    host.decided(1).await;
}

#[tokio::test]
async fn a_delivery_whose_id_is_not_signed_is_recognised_at_other_addresses_by_its_body() {
    let host = Host::start().await;
    let body = r#"{"zen":"Design for failure."}"#;
    let headers = |id: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"It's a Secret to Everybody").unwrap();
        mac.update(body.as_bytes());
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        [("x-github-delivery", id.to_owned()), ("x-hub-signature-256", signature)]
    };
    assert_eq!(host.post("/webhooks/trattoria/code", &headers("d-1"), body).await.status, 202);
    let answer = host.post("/webhooks/clinic/code", &headers("d-2"), body).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "delivery_used_elsewhere"));
    host.decided(1).await;
}

#[tokio::test]
async fn deliveries_signed_by_the_libraries_of_github_and_stripe_are_accepted() {
    let signed: Vec<Value> = serde_json::from_str(include_str!("signed.json")).unwrap();
    let host = Host::with(|settings| {
        settings.clock = Clock::from_fn(|| Timestamp::from_second(1_764_000_000).unwrap());
    })
    .await;
    let of = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let stripe = signed.iter().find(|one| one["scheme"] == "stripe").unwrap();
    let headers = [("stripe-signature", of(stripe, "signature"))];
    let answer = host.post("/webhooks/trattoria/pay", &headers, of(stripe, "body")).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    // Its body is not a JSON object, so that only a delivery with a valid signature reaches this refusal.
    let github = signed.iter().find(|one| one["scheme"] == "github").unwrap();
    let headers = [("x-github-delivery", "d-1".to_owned()), ("x-hub-signature-256", of(github, "signature"))];
    let answer = host.post("/webhooks/trattoria/code", &headers, of(github, "body")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "body_no_json_object"));
    host.decided(1).await;
}
