//! Clients that send too much or too fast.

use std::num::NonZeroU32;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use signalbox_model::{HumanDuration, HumanSize};
use signalbox_sessions::Encoded;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::client::{Client, TEST_TIMEOUT};
use super::host::{Host, token};

#[tokio::test]
async fn a_close_of_the_client_is_answered_with_a_close() {
    let host = Host::with(|_| {}).await;
    let mut client = host.ana().await;
    client.socket.send(Message::Close(Some(CloseFrame { code: 1000.into(), reason: "bye".into() }))).await.unwrap();
    let answer = loop {
        match tokio::time::timeout(TEST_TIMEOUT, client.socket.next()).await.expect("nothing came") {
            Some(Ok(Message::Close(answer))) => break answer,
            Some(Ok(_)) => {}
            gone => panic!("the connection broke off without a close: {gone:?}"),
        }
    };
    assert_eq!(u16::from(answer.expect("the close has a code").code), 1000);
}

#[tokio::test]
async fn a_user_over_the_frame_rate_gets_a_retry_delay() {
    let host = Host::with(|settings| {
        settings.websocket.frames_per_second = NonZeroU32::new(1).unwrap();
        settings.websocket.burst = NonZeroU32::new(2).unwrap();
    })
    .await;
    let mut client = host.ana().await;
    let mut other = host.connect(&token("dan", &[("trattoria", "coordinator")], 3_600)).await;
    for id in ["m1", "m2", "m3"] {
        client.send_message(id, "hi").await;
    }
    let mut refused = Value::Null;
    let mut answered = 0;
    while refused.is_null() || answered < 2 {
        let frame = client.next().await;
        answered += usize::from(frame["type"] == "response");
        if frame["type"] == "error" {
            refused = frame;
        }
    }
    assert_eq!(refused["errorType"], "rate_limit_exceeded");
    assert_eq!(
        (&refused["details"]["code"], &refused["details"]["messageId"]),
        (&json!("too_many_frames"), &json!("m3"))
    );
    let wait = refused["details"]["retryAfterMs"].as_u64().unwrap();
    assert!((1..=1_000).contains(&wait), "{wait}");
    other.send_message("m1", "hi").await;
    other.expect("ack").await;
    tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
    client.send_message("m3", "hi").await;
    client.expect("ack").await;
}

#[tokio::test]
async fn a_text_that_composing_makes_longer_than_the_limit_is_refused() {
    let host = Host::with(|_| {}).await;
    let mut client = host.ana().await;
    // The letter has 3 bytes, and its composed form (NFC) is two characters of 3 bytes each.
    client.send_message("m1", &"\u{958}".repeat(16 * 1024 / 3)).await;
    let error = client.expect_error("text_too_long").await;
    assert_eq!(error["details"]["messageId"], "m1");
}

#[tokio::test]
async fn a_connection_has_a_bounded_number_of_messages_in_flight() {
    let host = Host::with(|settings| settings.websocket.in_flight = 2).await;
    let mut client = host.ana().await;
    for id in ["m1", "m2", "m3"] {
        client.send_message(id, "wait:gate").await;
    }
    let error = loop {
        let frame = client.expect_either("ack", "error").await;
        if frame["type"] == "error" {
            break frame;
        }
    };
    assert_eq!(
        (&error["details"]["code"], &error["details"]["messageId"]),
        (&json!("too_many_in_flight"), &json!("m3"))
    );
    assert_eq!(error["errorType"], "rate_limit_exceeded");
    host.decider.open("gate");
    host.decider.open("gate");
    let mut answered = 0;
    while answered < 2 {
        answered += usize::from(client.next().await["type"] == "response");
    }
    client.send_message("m3", "hi").await;
    client.expect("ack").await;
}

#[tokio::test]
async fn messages_over_the_capacity_are_refused_and_other_businesses_go_on() {
    let host = Host::with(|settings| {
        settings.intake.in_flight_per_business = 1;
        settings.intake.waiting = 0;
    })
    .await;
    let mut busy = host.ana().await;
    let mut same = host.connect(&token("dan", &[("trattoria", "coordinator")], 3_600)).await;
    let mut other = host.connect(&token("eva", &[("clinic", "coordinator")], 3_600)).await;
    busy.send_message("m1", "wait:gate").await;
    busy.expect("ack").await;
    same.send_message("m1", "hi").await;
    let error = same.expect_error("busy").await;
    assert_eq!(error["errorType"], "rate_limit_exceeded");
    let wait = error["details"]["retryAfterMs"].as_u64().unwrap();
    assert!((500..=626).contains(&wait), "half a second and up to a quarter more: {wait}");
    other.send(json!({"type": "message", "id": "m1", "businessId": "clinic", "content": {"text": "hi"}})).await;
    other.expect("ack").await;
    host.decider.open("gate");
    busy.expect("ack").await;
    same.send_message("m1", "hi").await;
    same.expect("ack").await;
}

#[tokio::test]
async fn errors_that_do_not_stop_end_the_connection_and_no_other() {
    let host = Host::with(|settings| settings.websocket.max_errors = 10).await;
    let mut neighbour = host.ana().await;
    let mut client = host.ana().await;
    for _ in 0..11 {
        client.send_text("garbage").await;
    }
    for _ in 0..11 {
        client.expect_error("not_json").await;
    }
    let closed = client.expect_close().await;
    assert_eq!((closed.code, &closed.advice["afterMs"]), (4429, &json!(60_000)));
    neighbour.send_message("m1", "hi").await;
    neighbour.expect("ack").await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_its_neighbours_miss_nothing() {
    let host = Host::with(|settings| {
        settings.websocket.outbox_size = HumanSize(256 * 1024);
        settings.websocket.write_timeout = HumanDuration::secs(60);
    })
    .await;
    let mut reads = host.ana().await;
    let stuck = host.connect(&token("dan", &[("trattoria", "coordinator")], 3_600)).await;
    let frame = Encoded::json(&json!({"type": "notification", "content": {"news": "x".repeat(16 * 1024)}}));
    let mut sent = 0;
    // Far more than the sockets' own buffers hold.
    while host.sessions.count_of("dan") > 0 {
        host.sessions.broadcast("trattoria", &frame, |_| true);
        sent += 1;
        assert_eq!(reads.expect("notification").await["content"]["news"].as_str().unwrap().len(), 16 * 1024);
        assert!(sent < 10_000, "the host holds more than it should");
    }
    reads.send_message("m1", "hi").await;
    reads.expect("ack").await;
    drop(stuck);
    host.until(|host| host.websocket.sockets() == 1).await;
}

#[tokio::test]
async fn a_write_that_makes_no_progress_ends_the_connection_too() {
    let host = Host::with(|settings| {
        settings.websocket.outbox_size = HumanSize(64 * 1024 * 1024);
        settings.websocket.write_timeout = HumanDuration::millis(200);
    })
    .await;
    let stuck = host.ana().await;
    let frame = Encoded::json(&json!({"type": "notification", "content": {"news": "x".repeat(1024 * 1024)}}));
    for _ in 0..32 {
        host.sessions.broadcast("trattoria", &frame, |_| true);
    }
    host.until(|host| host.sessions.count() == 0).await;
    drop(stuck);
}

#[tokio::test]
async fn a_flooding_client_gets_as_many_answers_as_frames_and_others_are_served() {
    let host = Host::start().await;
    let mut neighbour = host.connect(&token("dan", &[("trattoria", "coordinator")], 3_600)).await;
    let address = host.address;
    let flood = tokio::spawn(async move {
        let token = super::host::ana();
        let mut client = Client::open(address, &[("authorization", &format!("Bearer {token}"))]).await.unwrap();
        client.expect("welcome").await;
        let mut sent = 0;
        for number in 0..500 {
            let frame = json!({"type": "message", "id": format!("m{number}"), "businessId": "trattoria", "content": {"text": "hi"}});
            let message = tokio_tungstenite::tungstenite::Message::text(frame.to_string());
            if futures_util::SinkExt::send(&mut client.socket, message).await.is_err() {
                break;
            }
            sent += 1;
        }
        (client.expect_close().await, sent)
    });
    for number in 0..5 {
        neighbour.send_message(&format!("n{number}"), "hi").await;
        neighbour.expect_answer().await;
    }
    let (closed, _) = tokio::time::timeout(TEST_TIMEOUT, flood).await.unwrap().unwrap();
    assert_eq!(closed.code, 4429);
    assert!(host.decider.started_texts().len() < 200, "{} were decided", host.decider.started_texts().len());
}
