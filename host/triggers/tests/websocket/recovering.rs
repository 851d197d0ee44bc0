//! An acknowledged message is decided, whatever happens to the host.

use std::sync::atomic::Ordering;
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
    client.say("m1", "wait:gate").await;
    assert_eq!(client.expect("ack").await["state"], "accepted");
    // The first host never gets to decide it.
    drop((client, first));
    let second = Host::on(store, |_| {}).await;
    second.desk.open("gate");
    assert_eq!(second.intake.recover(Duration::ZERO).await.unwrap(), 1);
    assert!(second.store.pending_inputs(10).await.unwrap().is_empty());
    let mut client = second.ana().await;
    client.say("m1", "wait:gate").await;
    assert_eq!(client.expect("ack").await["state"], "duplicate");
    client.expect("response").await;
    assert_eq!(second.desk.begun(), ["wait:gate"], "decided once by this host, not again for the resend");
    assert_eq!(second.intake.recover(Duration::ZERO).await.unwrap(), 0);
}

#[tokio::test]
async fn an_input_that_is_being_decided_is_not_taken_up_a_second_time() {
    let host = Host::with(|settings| settings.intake.ack_after = HumanDuration::millis(10)).await;
    let mut client = host.ana().await;
    client.say("m1", "wait:gate").await;
    client.expect("ack").await;
    // Recovery finds it, and waits for the decision that is under way.
    let found = tokio::time::timeout(Duration::from_millis(300), host.intake.recover(Duration::ZERO)).await;
    assert!(found.is_err(), "nothing can be decided while the gate is closed");
    host.desk.open("gate");
    client.expect("ack").await;
    client.expect("response").await;
    assert_eq!(host.desk.begun(), ["wait:gate"]);
}

#[tokio::test]
async fn recovery_leaves_alone_what_another_host_may_be_deciding() {
    let store = Store::open(Config::memory()).await.unwrap();
    let one = Host::on(store.clone(), |settings| settings.intake.ack_after = HumanDuration::millis(10)).await;
    let other = Host::on(store, |_| {}).await;
    let mut client = one.ana().await;
    client.say("m1", "wait:gate").await;
    client.expect("ack").await;
    assert_eq!(other.intake.recover(Duration::from_secs(60)).await.unwrap(), 0);
    assert!(other.desk.begun().is_empty());
    one.desk.open("gate");
    client.expect("ack").await;
}

#[tokio::test]
async fn an_accepted_input_is_tried_again_until_the_store_is_back() {
    let store = Store::open(Config::memory()).await.unwrap();
    let first = Host::on(store.clone(), |settings| settings.intake.ack_after = HumanDuration::millis(0)).await;
    let mut client = first.ana().await;
    client.say("m1", "wait:down").await;
    let ack = client.expect("ack").await;
    assert_eq!(ack["state"], "accepted");
    for _ in 0..4 {
        first.desk.open("down");
    }
    first.until(|host| host.desk.downs.load(Ordering::SeqCst) >= 2).await;
    first.desk.mended.store(1, Ordering::SeqCst);
    assert_eq!(client.expect("ack").await["state"], "decided");
    client.expect("response").await;
    assert!(store.pending_inputs(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn recovery_goes_on_while_the_host_runs() {
    let store = Store::open(Config::memory()).await.unwrap();
    let first = Host::on(store.clone(), |settings| settings.intake.ack_after = HumanDuration::millis(0)).await;
    let mut client = first.ana().await;
    client.say("m1", "wait:never").await;
    client.expect("ack").await;
    let second = Host::on(store, |settings| {
        settings.intake.recovery_interval = HumanDuration::millis(20);
        settings.intake.recover_after = HumanDuration::millis(0);
    })
    .await;
    second.desk.open("never");
    let stop = CancellationToken::new();
    let recovering = tokio::spawn({
        let (intake, stop) = (second.intake.clone(), stop.clone());
        async move { intake.keep_recovering(stop).await }
    });
    second.until(|host| host.desk.begun() == ["wait:never"]).await;
    stop.cancel();
    recovering.await.unwrap();
}
