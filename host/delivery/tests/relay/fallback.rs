//! Messages to people that no connection takes: the mailbox, and the fallback topic after a time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use signalbox_delivery::{AttemptResult, Relay, RelayConfig};
use signalbox_model::{HumanDuration, Timestamp};
use signalbox_sessions::Sessions;
use signalbox_store::{
    DecisionRecord, DeliveredTo, Effect, EffectCommand, EffectCommanded, EffectKind, EffectState, Handover, Store,
};
use tokio_util::sync::CancellationToken;

use super::targets::{ScriptedTarget, away, eager};
use super::{Reviewers, World, action, connect, decision, memory, only_queue, to_user};

/// So long that it does not pass in a test.
const LONG: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_millis(50);

/// A host whose messages go to the fallback topic, which is the scripted target, after this time.
fn world(store: &Store, config: RelayConfig, topic: &Arc<ScriptedTarget>, after: Duration) -> World {
    with_sessions(store, Sessions::new(10), config, topic, after)
}

fn with_sessions(
    store: &Store,
    sessions: Sessions,
    config: RelayConfig,
    topic: &Arc<ScriptedTarget>,
    after: Duration,
) -> World {
    let (relay, task) = Relay::new(config, store.clone(), sessions.clone(), Arc::new(Reviewers));
    let stop = CancellationToken::new();
    let task = tokio::spawn(task.with_kafka(topic.clone()).with_fallback(after).run(stop.clone()));
    World { store: store.clone(), sessions, relay, stop, task }
}

fn confirming() -> Arc<ScriptedTarget> {
    ScriptedTarget::new(|_| AttemptResult::Delivered)
}

/// A decision whose answer to ana is an effect, besides these.
fn with_response(id: &str, kinds: Vec<EffectKind>) -> DecisionRecord {
    let mut record = decision(id, kinds);
    record.effects.push(Effect::pending(format!("rsp_{id}"), EffectKind::Response { recipient: "ana".to_owned() }));
    record
}

async fn commit(world: &World, record: &DecisionRecord) {
    world.store.commit_decision(record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
}

fn kept(state: &EffectState) -> bool {
    matches!(state, EffectState::Kept { .. })
}

fn delivered_to(record: &DecisionRecord) -> Vec<Option<DeliveredTo>> {
    let to = |effect: &Effect| match effect.state {
        EffectState::Delivered { to, .. } => to,
        _ => None,
    };
    record.effects.iter().map(to).collect()
}

#[tokio::test]
async fn what_no_connection_takes_is_in_the_mailbox_and_its_record_says_so() {
    let store = memory().await;
    let world = World::start(&store, only_queue()).await;
    let dan = world.connect("dan", "manager");
    let record =
        with_response("d1", vec![to_user("dan"), to_user("eva"), action("notification", "business", json!({}))]);
    commit(&world, &record).await;
    let after = world.settled(&record, EffectState::is_final).await;
    let (connection, mailbox) = (Some(DeliveredTo::Connection), Some(DeliveredTo::Mailbox));
    assert_eq!(delivered_to(&after), [connection, mailbox, connection, mailbox]);
    assert_eq!(dan.heard().len(), 2);
    assert!(after.effects.iter().all(Effect::is_resumable));
    world.end().await;
}

#[tokio::test]
async fn what_no_connection_takes_in_time_goes_to_the_fallback_topic_once_and_stays_resumable() {
    let (store, topic) = (memory().await, confirming());
    let world = world(&store, only_queue(), &topic, SHORT);
    let dan = connect(&world.sessions, "dan", "manager");
    let record = with_response("d1", vec![to_user("dan"), to_user("eva")]);
    commit(&world, &record).await;
    let after = world.settled(&record, EffectState::is_final).await;
    let (connection, fallback) = (Some(DeliveredTo::Connection), Some(DeliveredTo::FallbackTopic));
    assert_eq!(delivered_to(&after), [connection, fallback, fallback]);
    let mut sent = topic.attempts();
    sent.sort();
    assert_eq!(sent, ["d1-1", "rsp_d1"], "each once, under the id of its effect");
    assert_eq!(dan.heard().len(), 1);
    assert!(after.effects.iter().all(Effect::is_resumable));
    world.end().await;
}

#[tokio::test]
async fn a_response_that_a_connection_took_when_it_was_made_is_pushed_once_and_does_not_leave() {
    let (store, topic) = (memory().await, confirming());
    let world = world(&store, only_queue(), &topic, SHORT);
    let ana = connect(&world.sessions, "ana", "coordinator");
    let record = with_response("d1", vec![]);
    commit(&world, &record).await;
    let after = world.settled(&record, EffectState::is_final).await;
    assert_eq!(delivered_to(&after), [Some(DeliveredTo::Connection)]);
    assert_eq!(ana.heard().len(), 1);
    assert!(topic.attempts().is_empty());
    world.end().await;
}

#[tokio::test]
async fn what_a_connection_took_from_the_mailbox_meanwhile_does_not_leave_whichever_host_says_so() {
    let (store, topic) = (memory().await, confirming());
    let first = world(&store, only_queue(), &topic, LONG);
    let record = with_response("d1", vec![to_user("eva")]);
    commit(&first, &record).await;
    let in_mailbox = first.settled(&record, kept).await;
    assert!(in_mailbox.effects.iter().all(|effect| effect.awaits_fallback() && effect.attempts == 0));
    let other = world(&store, only_queue(), &topic, LONG);
    other.relay.handed_over(Handover {
        business_id: "trattoria".to_owned(),
        decision_id: "d1".to_owned(),
        effect_ids: vec!["rsp_d1".to_owned(), "d1-0".to_owned(), "unknown".to_owned()],
        at: Timestamp::now(),
    });
    let after = other.settled(&record, EffectState::is_final).await;
    assert_eq!(delivered_to(&after), [Some(DeliveredTo::Connection); 2]);
    assert!(store.pending_decisions(Timestamp::MAX, 10).await.unwrap().is_empty(), "nothing is left to attempt");
    assert!(topic.attempts().is_empty());
    first.end().await;
    other.end().await;
}

#[tokio::test]
async fn an_outage_of_the_fallback_topic_holds_messages_back_and_they_are_resumable_meanwhile() {
    let store = memory().await;
    let topic = ScriptedTarget::new(|before| if before < 3 { away() } else { AttemptResult::Delivered });
    let world = world(&store, eager(), &topic, Duration::ZERO);
    let record = decision("d1", vec![to_user("eva")]);
    commit(&world, &record).await;
    let held_back = |state: &EffectState| matches!(state, EffectState::HeldBack { target, .. } if target == "fallback");
    let meanwhile = world.settled(&record, |state| held_back(state) || state.is_final()).await;
    assert!(meanwhile.effects[0].is_resumable());
    // Notifications to people who are connected do not wait for the topic.
    let dan = connect(&world.sessions, "dan", "manager");
    let other = decision("d2", vec![to_user("dan")]);
    commit(&world, &other).await;
    world.settled(&other, EffectState::is_final).await;
    assert_eq!(dan.heard().len(), 1);
    let after = world.settled(&record, EffectState::is_final).await;
    assert_eq!(delivered_to(&after), [Some(DeliveredTo::FallbackTopic)]);
    assert!(topic.attempts().iter().all(|id| id == "d1-0"), "{:?}", topic.attempts());
    world.end().await;
}

#[tokio::test]
async fn a_host_that_starts_where_another_died_pushes_what_is_in_the_mailbox_or_sends_it_under_the_same_id() {
    let (store, topic) = (memory().await, confirming());
    let died = world(&store, only_queue(), &topic, Duration::from_millis(200));
    let record = with_response("d1", vec![to_user("eva")]);
    commit(&died, &record).await;
    died.settled(&record, kept).await;
    died.end().await;
    let next =
        world(&store, RelayConfig { scan_interval: HumanDuration::millis(20), ..RelayConfig::default() }, &topic, LONG);
    let eva = connect(&next.sessions, "eva", "coordinator");
    let after = next.settled(&record, EffectState::is_final).await;
    assert_eq!(delivered_to(&after), [Some(DeliveredTo::Connection), Some(DeliveredTo::FallbackTopic)]);
    assert_eq!(eva.heard().len(), 1);
    assert_eq!(topic.attempts(), ["rsp_d1"]);
    next.end().await;
}

#[tokio::test]
async fn a_host_without_a_fallback_topic_leaves_in_the_mailbox_what_another_would_have_sent() {
    let (store, topic) = (memory().await, confirming());
    let before = world(&store, only_queue(), &topic, Duration::from_millis(100));
    let record = decision("d1", vec![to_user("eva")]);
    commit(&before, &record).await;
    before.settled(&record, kept).await;
    before.end().await;
    let now = World::start(&store, eager()).await;
    let after = now.settled(&record, EffectState::is_final).await;
    assert_eq!(delivered_to(&after), [Some(DeliveredTo::Mailbox)]);
    assert!(topic.attempts().is_empty());
    now.end().await;
}

#[tokio::test]
async fn an_answer_that_a_host_could_not_note_is_pushed_again_by_the_next_one_under_the_same_id() {
    let (store, topic) = (memory().await, confirming());
    let record = with_response("d1", vec![]);
    store.commit_decision(&record).await.unwrap();
    // The host that pushed the answer died before it noted that. The next one starts with ana connected again.
    let sessions = Sessions::new(10);
    let ana = connect(&sessions, "ana", "coordinator");
    let next = with_sessions(&store, sessions, only_queue(), &topic, LONG);
    let after = next.settled(&record, EffectState::is_final).await;
    assert_eq!(delivered_to(&after), [Some(DeliveredTo::Connection)]);
    let ids: Vec<_> = ana.heard().iter().map(|frame| frame["id"].clone()).collect();
    assert_eq!(ids, ["rsp_d1"]);
    assert!(topic.attempts().is_empty());
    next.end().await;
}

#[tokio::test]
async fn an_operator_has_a_message_in_the_mailbox_sent_to_the_fallback_topic_before_its_time() {
    let (store, topic) = (memory().await, confirming());
    let world = world(&store, eager(), &topic, LONG);
    let record = decision("d1", vec![to_user("eva")]);
    commit(&world, &record).await;
    world.settled(&record, kept).await;
    let command = async {
        loop {
            let retry = EffectCommand::Retry;
            match store.command_effect("d1", "trattoria", "d1-0", &retry, Timestamp::now()).await.unwrap() {
                EffectCommanded::Done(_) => break,
                // The host that has put it into the mailbox has its lease for a moment more.
                EffectCommanded::InDelivery { .. } => tokio::time::sleep(Duration::from_millis(2)).await,
                other @ EffectCommanded::NotPossible(_) => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), command).await.expect("the lease never ended");
    let after = world.settled(&record, EffectState::is_final).await;
    assert_eq!(delivered_to(&after), [Some(DeliveredTo::FallbackTopic)]);
    assert_eq!(topic.attempts(), ["d1-0"]);
    world.end().await;
}
