//! The host shuts down, and no client loses anything.

use std::time::Duration;

use serde_json::json;
use signalbox_model::HumanDuration;
use tokio_tungstenite::tungstenite::Error;

use super::client::{Client, TEST_TIMEOUT};
use super::host::Host;

#[tokio::test]
async fn a_drain_announces_itself_lets_messages_finish_and_closes_everyone() {
    let host = Host::with(|settings| settings.websocket.drain_spread = HumanDuration::millis(200)).await;
    let mut idle = host.ana().await;
    let mut busy = host.ana().await;
    busy.send_message("m1", "wait:gate").await;
    busy.expect("ack").await;
    let mut stranger = Client::open(host.address, &[]).await.unwrap();
    let websocket = host.websocket.clone();
    let drain = tokio::spawn(async move { websocket.drain(TEST_TIMEOUT).await });
    let advice = idle.expect("reconnect").await;
    assert!(advice["afterMs"].as_u64().unwrap() <= 200, "{advice}");
    let closed = idle.expect_close().await;
    assert_eq!((closed.code, &closed.advice["reconnect"]), (1012, &json!(true)));
    assert_eq!(stranger.expect_close().await.code, 1012);
    busy.expect("reconnect").await;
    busy.send_message("m2", "one more").await;
    let error = busy.expect_error("draining").await;
    assert_eq!((&error["details"]["messageId"], &error["details"]["retryable"]), (&json!("m2"), &json!(true)));
    let Err(Error::Http(refused)) = Client::open(host.address, &[]).await else { panic!("it was let in") };
    assert_eq!(refused.status().as_u16(), 503);
    assert!(!drain.is_finished(), "a message is being decided");
    host.decider.open("gate");
    busy.expect_answer().await;
    assert_eq!(busy.expect_close().await.code, 1012);
    assert_eq!(drain.await.unwrap(), 0);
    assert_eq!(host.intake.drain(TEST_TIMEOUT).await, 0);
    assert_eq!(host.decider.started_texts(), ["wait:gate"]);
}

#[tokio::test]
async fn a_drain_ends_at_its_deadline_whatever_is_still_being_decided() {
    let host = Host::with(|settings| settings.websocket.drain_spread = HumanDuration::millis(10)).await;
    let mut client = host.ana().await;
    client.send_message("m1", "wait:never").await;
    assert_eq!(client.expect("ack").await["state"], "accepted");
    let websocket = host.websocket.clone();
    let drain = tokio::spawn(async move { websocket.drain(Duration::from_secs(3)).await });
    assert_eq!(client.expect_close().await.code, 1012);
    assert_eq!(drain.await.unwrap(), 0);
    assert_eq!(host.intake.drain(Duration::from_millis(10)).await, 1);
    assert_eq!(host.store.pending_inputs(10).await.unwrap().len(), 1, "the next host decides it");
}

#[tokio::test]
async fn the_server_stops_when_asked_and_does_not_wait_for_upgraded_sockets() {
    let mut host = Host::start().await;
    let mut client = host.ana().await;
    host.stop.cancel();
    tokio::time::timeout(TEST_TIMEOUT, &mut host.server).await.expect("the server did not end").unwrap();
    client.send(json!({"type": "ping"})).await;
    client.expect("pong").await;
    assert!(Client::open(host.address, &[]).await.is_err());
}
