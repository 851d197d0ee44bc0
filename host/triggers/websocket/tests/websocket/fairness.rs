//! Many clients want more than the limits allow; what the other clients notice of it.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Value, json};
use signalbox_model::HumanDuration;
use signalbox_store::{Config, Store};

use super::client::{Client, TEST_TIMEOUT};
use super::host::{Host, Settings, token};

/// Room for one decision, and a queue of this length in which no client counts as slow.
fn narrow(settings: &mut Settings, waiting: usize) {
    settings.intake.in_flight = 1;
    settings.intake.waiting = waiting;
    settings.intake.admission_wait = HumanDuration::secs(600);
    settings.intake.ack_after = HumanDuration::millis(0);
}

/// A coordinator of both businesses.
async fn coordinator(host: &Host, user: &str) -> Client {
    host.connect(&token(user, &[("trattoria", "coordinator"), ("clinic", "coordinator")], 3_600)).await
}

async fn send_to(client: &mut Client, business: &str, id: &str, text: &str) {
    client.send(json!({"type": "message", "id": id, "businessId": business, "content": {"text": text}})).await;
}

/// Sends a message, and returns once the host has taken it up or refused it: the pong shows it, because the host reads
/// one frame after the other.
async fn send_and_await_progress(client: &mut Client, business: &str, id: &str, text: &str) {
    send_to(client, business, id, text).await;
    client.send(json!({"type": "ping", "id": id})).await;
    loop {
        let frame = client.next().await;
        match frame["type"].as_str() {
            Some("pong") => return,
            Some("ack" | "response" | "progress") => {}
            _ => panic!("{frame}"),
        }
    }
}

/// Reads until the message is acknowledged, past the frames before it.
async fn decided(client: &mut Client) {
    while client.expect_either("ack", "response").await["state"] != "decided" {}
}

#[tokio::test]
async fn a_flooding_business_does_not_starve_another() {
    let host = Host::with(|settings| narrow(settings, 6)).await;
    let mut first = coordinator(&host, "flood-0").await;
    send_to(&mut first, "trattoria", "m1", "wait:gate").await;
    first.expect("ack").await;
    let mut flood = Vec::new();
    for number in 1..=6 {
        let mut client = coordinator(&host, &format!("flood-{number}")).await;
        send_and_await_progress(&mut client, "trattoria", "m1", "wait:gate").await;
        flood.push(client);
    }
    let mut one_more = coordinator(&host, "flood-7").await;
    send_to(&mut one_more, "trattoria", "m1", "wait:gate").await;
    one_more.expect_error("busy").await;

    let mut dan = coordinator(&host, "dan").await;
    send_and_await_progress(&mut dan, "clinic", "m1", "hi").await;
    let error = flood.pop().unwrap().expect_error("busy").await;
    assert_eq!(error["errorType"], "rate_limit_exceeded");
    assert!(error["details"]["retryAfterMs"].as_u64().unwrap() >= 500, "{error}");
    // The message that is being decided, and the flooding client's turn in the round.
    host.decider.open("gate");
    host.decider.open("gate");
    decided(&mut dan).await;
    assert_eq!(host.decider.started_texts()[..3], ["wait:gate", "wait:gate", "hi"]);
    for _ in 0..4 {
        host.decider.open("gate");
    }
    for client in [&mut first].into_iter().chain(&mut flood) {
        decided(client).await;
    }
    assert_eq!(host.decider.started_texts().len(), 7, "each once");
}

#[tokio::test]
async fn a_user_has_no_more_in_flight_than_a_users_share() {
    let host = Host::with(|settings| {
        settings.intake.in_flight_per_user = 1;
        settings.intake.waiting = 0;
    })
    .await;
    let (mut ana, mut dan) = (coordinator(&host, "ana").await, coordinator(&host, "dan").await);
    send_to(&mut ana, "trattoria", "m1", "wait:gate").await;
    ana.expect("ack").await;
    send_to(&mut ana, "clinic", "m2", "hi").await;
    assert_eq!(ana.expect_error("busy").await["details"]["messageId"], "m2");
    send_to(&mut dan, "trattoria", "m1", "hi").await;
    decided(&mut dan).await;
    host.decider.open("gate");
    decided(&mut ana).await;
    send_to(&mut ana, "clinic", "m2", "hi").await;
    decided(&mut ana).await;
}

#[tokio::test]
async fn a_queued_message_does_not_block_its_connection_and_its_duplicate_joins_it() {
    let host = Host::with(|settings| narrow(settings, 1)).await;
    let (mut ana, mut dan) = (coordinator(&host, "ana").await, coordinator(&host, "dan").await);
    let mut dan_elsewhere = coordinator(&host, "dan").await;
    send_to(&mut ana, "trattoria", "m1", "wait:gate").await;
    ana.expect("ack").await;
    send_and_await_progress(&mut dan, "trattoria", "m1", "first").await;
    send_and_await_progress(&mut dan, "trattoria", "m2", "second").await;
    send_and_await_progress(&mut dan_elsewhere, "trattoria", "m1", "first").await;
    host.decider.open("gate");
    decided(&mut dan).await;
    decided(&mut dan).await;
    decided(&mut dan_elsewhere).await;
    assert_eq!(host.decider.started_texts(), ["wait:gate", "first", "second"], "once, and in order");
}

#[tokio::test]
async fn an_input_that_waits_too_long_is_refused_as_busy_and_decided_when_sent_again() {
    let host = Host::with(|settings| {
        narrow(settings, 8);
        settings.intake.admission_wait = HumanDuration::millis(1);
    })
    .await;
    let (mut ana, mut dan) = (coordinator(&host, "ana").await, coordinator(&host, "dan").await);
    send_to(&mut ana, "trattoria", "m1", "wait:gate").await;
    ana.expect("ack").await;
    send_to(&mut dan, "trattoria", "m1", "hi").await;
    let error = dan.expect_error("busy").await;
    assert_eq!((&error["details"]["retryable"], &error["details"]["messageId"]), (&json!(true), &json!("m1")));
    host.decider.open("gate");
    decided(&mut ana).await;
    send_to(&mut dan, "trattoria", "m1", "hi").await;
    decided(&mut dan).await;
}

#[tokio::test]
async fn a_drain_refuses_queued_inputs_and_finishes_running_ones() {
    let host = Host::with(|settings| narrow(settings, 8)).await;
    let (mut ana, mut dan) = (coordinator(&host, "ana").await, coordinator(&host, "dan").await);
    send_to(&mut ana, "trattoria", "m1", "wait:gate").await;
    ana.expect("ack").await;
    send_and_await_progress(&mut dan, "trattoria", "m1", "hi").await;
    let intake = host.intake.clone();
    let drain = tokio::spawn(async move { intake.drain(TEST_TIMEOUT).await });
    assert_eq!(dan.expect_error("draining").await["details"]["retryable"], true);
    host.decider.open("gate");
    decided(&mut ana).await;
    assert_eq!(drain.await.unwrap(), 0);
    assert_eq!(host.decider.started_texts(), ["wait:gate"]);
}

#[tokio::test]
async fn stored_inputs_take_turns_with_live_messages_and_survive_a_drain() {
    let store = Store::open(Config::memory()).await.unwrap();
    let first = Host::on(store.clone(), |settings| settings.intake.ack_after = HumanDuration::millis(0)).await;
    let mut eva = coordinator(&first, "eva").await;
    send_to(&mut eva, "trattoria", "m1", "wait:never").await;
    eva.expect("ack").await;
    drop((eva, first));

    let host = Host::on(store, |settings| narrow(settings, 1)).await;
    let (mut ana, mut dan) = (coordinator(&host, "ana").await, coordinator(&host, "dan").await);
    send_to(&mut ana, "trattoria", "m1", "wait:gate").await;
    ana.expect("ack").await;
    send_and_await_progress(&mut dan, "trattoria", "m1", "hi").await;
    // Finds the messages that the first host accepted, and the one that is being decided; the queue is full, and stored
    // messages wait all the same.
    let intake = host.intake.clone();
    let recovery = tokio::spawn(async move { intake.recover(Duration::ZERO).await });
    host.decider.open("gate");
    decided(&mut dan).await;
    host.until(|host| host.decider.started_texts().len() == 3).await;
    assert_eq!(host.decider.started_texts(), ["wait:gate", "hi", "wait:never"]);
    send_and_await_progress(&mut ana, "trattoria", "m2", "hi").await;
    assert_eq!(host.intake.drain(Duration::from_millis(10)).await, 1, "one is still being decided");
    assert_eq!(host.store.pending_inputs(10).await.unwrap().len(), 1, "the next host decides it");
    recovery.abort();
}

/// Sends until the host refuses a message, and returns the refusal.
async fn limited(client: &mut Client, code: &str) -> Value {
    let mut number = 0;
    loop {
        number += 1;
        client.send_message(&format!("m{number}"), "hi").await;
        let frame = client.expect_either("ack", "error").await;
        if frame["type"] == "error" {
            assert_eq!(frame["details"]["code"], code, "{frame}");
            assert_eq!(frame["errorType"], "rate_limit_exceeded");
            return frame;
        }
        client.expect_answer().await;
    }
}

#[tokio::test]
async fn a_user_who_sends_too_much_over_time_waits_and_others_do_not() {
    let host = Host::with(|settings| {
        settings.intake.rate_per_user = NonZeroU32::MIN;
        settings.intake.burst_per_user = NonZeroU32::new(2).unwrap();
    })
    .await;
    let (mut ana, mut dan) = (coordinator(&host, "ana").await, coordinator(&host, "dan").await);
    let error = limited(&mut ana, "user_rate_limited").await;
    let wait = error["details"]["retryAfterMs"].as_u64().unwrap();
    assert!((1..=1_000).contains(&wait), "{wait}");
    dan.send_message("m1", "hi").await;
    decided(&mut dan).await;
}

#[tokio::test]
async fn a_business_over_its_rate_does_not_affect_others() {
    let host = Host::with(|settings| {
        settings.intake.rate_per_business = NonZeroU32::MIN;
        settings.intake.burst_per_business = NonZeroU32::MIN;
    })
    .await;
    let mut ana = coordinator(&host, "ana").await;
    let error = limited(&mut ana, "business_rate_limited").await;
    assert_eq!(error["details"]["retryable"], true);
    assert!(error["details"]["retryAfterMs"].is_u64(), "{error}");
    send_to(&mut ana, "clinic", "m1", "hi").await;
    decided(&mut ana).await;
}
