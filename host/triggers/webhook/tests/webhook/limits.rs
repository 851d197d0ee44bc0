use std::num::NonZeroU32;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use signalbox_model::{HumanDuration, HumanSize};
use signalbox_store::{Backend, Config, Store, tables};
use tokio::net::TcpListener;

use super::host::{Host, SECRET, now, signed};

const PLAIN: &str = "/webhooks/trattoria/plain";

#[tokio::test]
async fn a_compressed_body_is_refused_unread() {
    let host = Host::start().await;
    for coding in ["gzip", "br", "zstd", "deflate", "GZIP", "identity, gzip"] {
        let mut headers = signed(SECRET, "msg_1", now(), "{}");
        headers.push(("content-encoding", coding.to_owned()));
        let answer = host.post(PLAIN, &headers, "{}").await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "content_encoding"), "{coding}");
    }
    let mut headers = signed(SECRET, "msg_1", now(), "{}");
    headers.push(("content-encoding", "identity".to_owned()));
    assert_eq!(host.post(PLAIN, &headers, "{}").await.status, 202);
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_before_a_byte_of_it() {
    let host = Host::start().await;
    let head = format!("POST {PLAIN} HTTP/1.1\r\nhost: h\r\ncontent-length: 262145\r\nexpect: 100-continue\r\n\r\n");
    let answer = host.raw(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("body_too_large") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_chunked_body_is_read_up_to_the_limit_and_no_further() {
    let host = Host::with(|settings| settings.webhooks.body_size = HumanSize(64)).await;
    let fits = format!(r#"{{"a":"{}"}}"#, "x".repeat(64 - 8));
    assert_eq!(host.deliver("plain", "fits", &fits).await.status, 202);
    let chunk = format!("40\r\n{}\r\n", "x".repeat(64));
    let request = format!("POST {PLAIN} HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}");
    let answer = host.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_chunked_body_without_an_end_is_given_up_and_its_connection_closed() {
    let host = Host::with(|settings| settings.webhooks.body_timeout = HumanDuration::millis(50)).await;
    let request = format!("POST {PLAIN} HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{{\r\n");
    let answer = host.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("body_timeout") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn deliveries_without_a_valid_signature_do_not_count_against_the_rate_of_a_hook() {
    let one = NonZeroU32::MIN;
    let host = Host::with(|settings| {
        settings.webhooks.deliveries_per_second = one;
        settings.webhooks.burst = NonZeroU32::new(2).unwrap();
    })
    .await;
    for _ in 0..5 {
        assert_eq!(host.post(PLAIN, &[], "{}").await.status, 401);
    }
    let answers =
        futures_util::future::join_all(["a", "b", "c", "d", "e", "f"].map(|id| host.deliver("plain", id, "{}"))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!refused.is_empty(), "{answers:?}");
    for answer in refused {
        assert_eq!(answer.code(), "rate_limited");
        assert!(answer.retry_after() >= Some(1), "{answer:?}");
    }
    assert_eq!(host.deliver("read", "z", "{}").await.status, 202, "another hook has a rate of its own");
}

#[tokio::test]
async fn deliveries_over_the_rate_of_a_business_are_refused_and_those_of_others_are_not() {
    let host = Host::with(|settings| {
        settings.intake.rate_per_business = NonZeroU32::MIN;
        settings.intake.burst_per_business = NonZeroU32::MIN;
    })
    .await;
    let answers = futures_util::future::join_all(["a", "b", "c"].map(|id| host.deliver("plain", id, "{}"))).await;
    let refused = answers.iter().find(|answer| answer.status == 429).expect("one is too many");
    assert_eq!(refused.code(), "business_rate_limited");
    assert!(refused.retry_after() >= Some(1), "{refused:?}");
    let elsewhere = host.post("/webhooks/clinic/plain", &signed(SECRET, "z", now(), "{}"), "{}").await;
    assert_eq!(elsewhere.status, 202, "another business has a rate of its own");
}

#[tokio::test]
async fn a_delivery_refused_as_busy_is_accepted_when_it_is_sent_again() {
    let store = Store::open(Config::memory()).await.unwrap();
    let full = Host::on(store.clone(), |settings| {
        settings.intake.in_flight = 0;
        settings.intake.waiting = 0;
    })
    .await;
    let answer = full.deliver("plain", "msg_1", "{}").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
    assert!(answer.retry_after() >= Some(1), "{answer:?}");
    let crowded = Host::on(store.clone(), |settings| settings.webhooks.in_flight = 0).await;
    let answer = crowded.deliver("plain", "msg_1", "{}").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
    let host = Host::on(store, |_| {}).await;
    assert_eq!(host.deliver("plain", "msg_1", "{}").await.status, 202);
    host.decided(1).await;
}

#[tokio::test]
async fn a_draining_host_refuses_deliveries() {
    let host = Host::start().await;
    host.intake.drain(Duration::from_secs(5)).await;
    let answer = host.deliver("plain", "msg_1", "{}").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "draining"));
    assert!(answer.retry_after().is_some(), "{answer:?}");
}

#[tokio::test]
async fn without_the_store_nothing_is_accepted() {
    let host = Host::on(broken_store().await, |_| {}).await;
    let answer = host.deliver("plain", "msg_1", "{}").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "store_unavailable"));
    assert!(answer.retry_after().is_some(), "{answer:?}");
    assert!(host.decider.started_texts().is_empty());
}

#[tokio::test]
async fn a_delivery_whose_input_cannot_be_stored_is_not_accepted() {
    let host = Host::on(store_that_takes("dlv_").await, |_| {}).await;
    let answer = host.deliver("plain", "msg_1", "{}").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "store_unavailable"));
    assert!(answer.retry_after().is_some(), "{answer:?}");
    assert!(host.decider.started_texts().is_empty());
}

/// A DynamoDB server that says its tables exist and refuses every write.
async fn broken_store() -> Store {
    store_that_takes("nothing").await
}

/// The same, except for writes to items whose id begins with `prefix`.
async fn store_that_takes(prefix: &'static str) -> Store {
    let answer = move |headers: HeaderMap, body: String| async move {
        let asked: Value = serde_json::from_str(&body).unwrap();
        let target = headers["x-amz-target"].to_str().unwrap();
        if target.ends_with("DescribeTable") {
            let specs = serde_json::to_value(tables("signalbox-")).unwrap();
            let mut specs = specs.as_array().unwrap().iter().map(|spec| &spec["CreateTable"]);
            let mut table = specs.find(|table| table["TableName"] == asked["TableName"]).unwrap().clone();
            table["TableStatus"] = json!("ACTIVE");
            for index in table["GlobalSecondaryIndexes"].as_array_mut().into_iter().flatten() {
                index["IndexStatus"] = json!("ACTIVE");
            }
            return (StatusCode::OK, json!({ "Table": table }).to_string());
        }
        let ids = [&asked["Item"]["id"]["S"], &asked["Key"]["id"]["S"]];
        let is_taken = ids.iter().any(|id| id.as_str().is_some_and(|id| id.starts_with(prefix)));
        if is_taken && (target.ends_with("PutItem") || target.ends_with("UpdateItem")) {
            return (StatusCode::OK, "{}".to_owned());
        }
        let error = json!({"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError"});
        (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
    let backend = Backend::Endpoint { url, region: "us-east-1".to_owned(), access_key: None, secret: None };
    Store::open(Config { create_tables: false, ..Config::new(backend) }).await.unwrap()
}
