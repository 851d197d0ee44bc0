//! An acknowledged message is decided, even if its host crashes.

use std::time::Duration;

use signalbox_model::HumanDuration;
use signalbox_store::{Config, Store};
use tokio_util::sync::CancellationToken;

use super::host::Host;

#[tokio::test]
async fn an_acknowledged_message_is_decided_by_the_next_host_and_answered_when_asked_again() {
    let store = Store::open(Config::memory()).await.unwrap();
    let first = Host::on(store.clone(), |settings| settings.intake.ack_after = HumanDuration::millis(10)).await;
    let mut client = first.ana().await;
    client.send_message("m1", "wait:gate").await;
    assert_eq!(client.expect("ack").await["state"], "accepted");
    // The first host ends before it decides the message.
    drop((client, first));
    let second = Host::on(store, |_| {}).await;
    second.decider.open("gate");
    assert_eq!(second.intake.recover(Duration::ZERO).await.unwrap(), 1);
    assert!(second.store.pending_inputs(10).await.unwrap().is_empty());
    let mut client = second.ana().await;
    client.send_message("m1", "wait:gate").await;
    assert_eq!(client.expect("ack").await["state"], "duplicate");
    client.expect("response").await;
    assert_eq!(second.decider.started_texts(), ["wait:gate"], "decided once by this host, not again for the resend");
    assert_eq!(second.intake.recover(Duration::ZERO).await.unwrap(), 0);
}

#[tokio::test]
async fn an_input_of_a_newer_version_waits_for_it_and_others_are_decided() {
    let store = Store::open(Config::memory()).await.unwrap();
    let first = Host::on(store.clone(), |settings| settings.intake.ack_after = HumanDuration::millis(10)).await;
    let mut client = first.ana().await;
    client.send_message("m1", "wait:gate").await;
    assert_eq!(client.expect("ack").await["state"], "accepted");
    drop((client, first));
    let known = store.pending_inputs(10).await.unwrap().remove(0);
    for (number, part) in [(1, "source"), (2, "type")] {
        let mut newer = serde_json::to_value(&known).unwrap();
        newer["input"]["id"] = format!("in_newer{number}").into();
        newer["input"][part] = "telepathy".into();
        newer["acceptedAt"] = "2026-01-01T00:00:00Z".into();
        store.accept_input(&serde_json::from_value(newer).unwrap()).await.unwrap();
    }
    let second = Host::on(store.clone(), |_| {}).await;
    second.decider.open("gate");
    assert_eq!(second.intake.recover(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(second.decider.started_texts(), ["wait:gate"]);
    let left = store.inputs_to_recover(10).await.unwrap();
    assert!(left.len() == 2 && left.iter().all(|left| left.attempts == 0 && !left.accepted.input.is_known()));
}

#[tokio::test]
async fn an_input_that_is_being_decided_is_not_taken_up_a_second_time() {
    let host = Host::with(|settings| settings.intake.ack_after = HumanDuration::millis(10)).await;
    let mut client = host.ana().await;
    client.send_message("m1", "wait:gate").await;
    client.expect("ack").await;
    // Recovery finds the message, and waits for the decision that is under way.
    let found = tokio::time::timeout(Duration::from_millis(300), host.intake.recover(Duration::ZERO)).await;
    assert!(found.is_err(), "nothing can be decided while the gate is closed");
    host.decider.open("gate");
    client.expect_answer().await;
    assert_eq!(host.decider.started_texts(), ["wait:gate"]);
}

#[tokio::test]
async fn recovery_leaves_alone_what_another_host_may_be_deciding() {
    let store = Store::open(Config::memory()).await.unwrap();
    let one = Host::on(store.clone(), |settings| settings.intake.ack_after = HumanDuration::millis(10)).await;
    let other = Host::on(store, |_| {}).await;
    let mut client = one.ana().await;
    client.send_message("m1", "wait:gate").await;
    client.expect("ack").await;
    assert_eq!(other.intake.recover(Duration::from_secs(60)).await.unwrap(), 0);
    assert!(other.decider.started_texts().is_empty());
    one.decider.open("gate");
    client.expect("ack").await;
}

#[tokio::test]
async fn an_accepted_input_is_tried_again_until_the_store_is_back() {
    let store = Store::open(Config::memory()).await.unwrap();
    let first = Host::on(store.clone(), |settings| settings.intake.ack_after = HumanDuration::millis(0)).await;
    let mut client = first.ana().await;
    client.send_message("m1", "wait:outage").await;
    let ack = client.expect("ack").await;
    assert_eq!(ack["state"], "accepted");
    for _ in 0..4 {
        first.decider.open("outage");
    }
    first.until(|host| host.decider.store_failures() >= 2).await;
    first.decider.end_outage();
    assert_eq!(client.expect("ack").await["state"], "decided");
    client.expect("response").await;
    assert!(store.pending_inputs(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn recovery_goes_on_while_the_host_runs() {
    let store = Store::open(Config::memory()).await.unwrap();
    let first = Host::on(store.clone(), |settings| settings.intake.ack_after = HumanDuration::millis(0)).await;
    let mut client = first.ana().await;
    client.send_message("m1", "wait:never").await;
    client.expect("ack").await;
    let second = Host::on(store, |settings| {
        settings.intake.recovery_interval = HumanDuration::millis(20);
        settings.intake.recover_after = HumanDuration::millis(0);
    })
    .await;
    second.decider.open("never");
    let stop = CancellationToken::new();
    let recovering = tokio::spawn({
        let (intake, stop) = (second.intake.clone(), stop.clone());
        async move { intake.keep_recovering(stop).await }
    });
    second.until(|host| host.decider.started_texts() == ["wait:never"]).await;
    stop.cancel();
    recovering.await.unwrap();
}

/// A store with these accepted messages, each with a number of attempts that never ended.
async fn interrupted(messages: &[(&str, u32)]) -> Store {
    let store = Store::open(Config::memory()).await.unwrap();
    let first = Host::on(store.clone(), |settings| settings.intake.ack_after = HumanDuration::millis(0)).await;
    for (number, (text, attempts)) in messages.iter().enumerate() {
        // Messages of one connection are decided one after the other.
        let mut client = first.ana().await;
        client.send_message(&format!("m{number}"), text).await;
        assert_eq!(client.expect("ack").await["state"], "accepted");
        let pending = store.pending_inputs(10).await.unwrap();
        let input = pending.iter().find(|pending| pending.input.content.text.as_deref() == Some(text)).unwrap();
        for _ in 0..*attempts {
            store.begin_attempt(&input.input.id, &input.input.business_id).await.unwrap();
        }
    }
    // The first host ends before it decides any of them.
    store
}

#[tokio::test]
async fn an_input_that_keeps_ending_the_host_is_given_up_and_its_neighbours_are_decided() {
    let store = interrupted(&[("wait:old", 1), ("wait:killer", 3), ("wait:new", 0)]).await;
    let host = Host::on(store, |settings| settings.intake.recovery_attempts = 3.try_into().unwrap()).await;
    for gate in ["old", "killer", "new"] {
        host.decider.open(gate);
    }
    assert_eq!(host.intake.recover(Duration::ZERO).await.unwrap(), 3);
    assert_eq!(host.decider.started_texts(), ["wait:old", "wait:new"], "what is given up is not decided");
    assert_eq!(host.decider.given_up(), [("wait:killer".to_owned(), 3)]);
    assert!(host.store.pending_inputs(10).await.unwrap().is_empty(), "nothing is left for the next start");
    assert_eq!(host.intake.recover(Duration::ZERO).await.unwrap(), 0);
}

#[tokio::test]
async fn suspects_are_decided_one_at_a_time_before_other_inputs() {
    let store = interrupted(&[("wait:one", 1), ("wait:other", 1), ("wait:new", 0)]).await;
    let host = Host::on(store, |_| {}).await;
    let recovering = tokio::spawn({
        let intake = host.intake.clone();
        async move { intake.recover(Duration::ZERO).await }
    });
    for (gate, started) in [("one", vec!["wait:one"]), ("other", vec!["wait:one", "wait:other"])] {
        host.until(|host| {
            !host.decider.started_texts().is_empty() && host.decider.started_texts().len() >= started.len()
        })
        .await;
        assert_eq!(host.decider.started_texts(), started, "nothing else is under way that could be blamed");
        let pending = host.store.inputs_to_recover(10).await.unwrap();
        assert!(pending.iter().any(|pending| pending.attempts == 2), "counted before it was started: {pending:?}");
        host.decider.open(gate);
    }
    host.decider.open("new");
    assert_eq!(recovering.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn a_shutdown_does_not_count_as_an_attempt_that_ended_the_host() {
    let store = interrupted(&[("wait:slow", 1)]).await;
    let host = Host::on(store, |_| {}).await;
    let recovering = tokio::spawn({
        let intake = host.intake.clone();
        async move { intake.recover(Duration::ZERO).await }
    });
    host.until(|host| host.decider.started_texts() == ["wait:slow"]).await;
    assert_eq!(host.store.inputs_to_recover(10).await.unwrap()[0].attempts, 2);
    assert_eq!(host.intake.drain(Duration::from_millis(10)).await, 1, "it is still under way");
    assert_eq!(host.store.inputs_to_recover(10).await.unwrap()[0].attempts, 0);
    recovering.abort();
}

#[tokio::test]
async fn an_attempt_that_fails_in_order_is_not_counted_as_an_end_of_the_host() {
    let store = interrupted(&[("wait:panic", 1)]).await;
    let host = Host::on(store, |_| {}).await;
    host.decider.open("panic");
    assert_eq!(host.intake.recover(Duration::ZERO).await.unwrap(), 1);
    let pending = host.store.inputs_to_recover(10).await.unwrap();
    assert_eq!((pending.len(), pending[0].attempts), (1, 0), "a panic of one decision leaves the host up");
}
