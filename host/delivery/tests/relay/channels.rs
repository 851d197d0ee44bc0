//! Notifications that leave by channels of their business besides the WebSocket.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_delivery::{AttemptResult, Relay, RelayConfig};
use signalbox_model::{NotificationSettings, ReviewVerdict, Timestamp};
use signalbox_sessions::Sessions;
use signalbox_store::{DecisionRecord, Effect, EffectState, ReviewDecision, Store};
use tokio_util::sync::CancellationToken;

use super::targets::{ScriptedTarget, failed};
use super::{Reviewers, World, action, connect, decision, delivered, memory, only_queue, to_user};

/// The trattoria: its owner gets e-mails, its kitchen reads a chat, and dan gets e-mails about what is urgent.
fn directory() -> Arc<BusinessDirectory> {
    let info = json!({"businessId": "trattoria", "name": "Trattoria", "type": "restaurant"});
    let settings = json!({
        "channels": {
            "owner": {"email": "owner@roma.example"}, "kitchen": {"webhook": "slack"}, "dan": {"email": "dan@roma.example"}
        },
        "routes": [
            {"for": "business", "channels": ["owner", "kitchen"]},
            {"for": "user:dan", "channels": ["dan"], "priorities": ["high"]},
        ],
    });
    let settings: NotificationSettings = serde_json::from_value(settings).unwrap();
    Arc::new(BusinessDirectory::of_notified([(serde_json::from_value(info).unwrap(), settings)]))
}

fn world(store: &Store, config: RelayConfig, email: &Arc<ScriptedTarget>, webhook: &Arc<ScriptedTarget>) -> World {
    let sessions = Sessions::new(10);
    let (relay, task) = Relay::new(config, store.clone(), sessions.clone(), Arc::new(Reviewers));
    let stop = CancellationToken::new();
    let task = task.with_channels_of(directory());
    let task = task.with_email(email.clone()).with_notification_webhooks(webhook.clone());
    let task = tokio::spawn(task.run(stop.clone()));
    World { store: store.clone(), sessions, relay, stop, task }
}

fn answers() -> Arc<ScriptedTarget> {
    ScriptedTarget::new(|_| AttemptResult::Delivered)
}

/// A notification whose failed attempts are followed by others soon.
fn notification(target: &str, priority: &str) -> signalbox_store::EffectKind {
    let policy = json!({"maxAttempts": 3, "initialInterval": 5, "backoffFactor": 1.0, "maxInterval": 5});
    action("notification", target, json!({"priority": priority, "retryPolicy": policy}))
}

fn ids(effects: &[Effect]) -> BTreeSet<&str> {
    effects.iter().map(|effect| effect.id.as_str()).collect()
}

/// Waits until the decision has so many effects and all of them are final.
async fn settled(world: &World, record: &DecisionRecord, count: usize) -> DecisionRecord {
    loop {
        let after = world.settled(record, EffectState::is_final).await;
        if after.effects.len() == count {
            return after;
        }
    }
}

#[tokio::test]
async fn each_channel_of_a_notification_has_its_own_key_state_and_retries() {
    let store = memory().await;
    let (email, webhook) = (ScriptedTarget::new(|_| failed()), answers());
    let world = world(&store, only_queue(), &email, &webhook);
    let dan = world.connect("dan", "manager");
    let kinds = vec![notification("business", "medium"), notification("user:dan", "medium"), to_user("dan")];
    let record = decision("d1", kinds);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    let after = settled(&world, &record, 5).await;
    assert_eq!(ids(&after.effects), ["d1-0", "d1-0.kitchen", "d1-0.owner", "d1-1", "d1-2"].into());
    let of = |id: &str| after.effects.iter().find(|effect| effect.id == id).unwrap();
    for id in ["d1-0", "d1-0.kitchen", "d1-1", "d1-2"] {
        assert!(delivered(&of(id).state) && of(id).attempts == 1, "{:?}", of(id));
    }
    let owner = of("d1-0.owner");
    assert!(matches!(owner.state, EffectState::DeadLetter { .. }) && owner.attempts == 3, "{owner:?}");
    assert_eq!(email.attempts(), ["d1-0.owner", "d1-0.owner", "d1-0.owner"], "each under the same key");
    assert_eq!(webhook.attempts(), ["d1-0.kitchen"], "a channel that fails repeats no other");
    let mut heard: Vec<Value> = dan.heard().into_iter().filter(|frame| frame["type"] == "notification").collect();
    heard.sort_by_key(|frame| frame["id"].to_string());
    let heard: Vec<_> = heard.iter().map(|frame| frame["id"].clone()).collect();
    assert_eq!(heard, ["d1-0", "d1-1", "d1-2"], "and the person who is connected hears of each once");
    world.end().await;
}

#[tokio::test]
async fn a_route_for_what_is_urgent_leaves_the_rest_to_the_socket() {
    let store = memory().await;
    let (email, webhook) = (answers(), answers());
    let world = world(&store, only_queue(), &email, &webhook);
    let record = decision("d1", vec![notification("user:dan", "high"), notification("user:dan", "low")]);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    settled(&world, &record, 3).await;
    assert_eq!(email.attempts(), ["d1-0.dan"]);
    world.end().await;
}

#[tokio::test]
async fn hosts_on_one_store_send_a_notification_once_by_each_channel() {
    let store = memory().await;
    let (email, webhook) = (answers(), answers());
    let config = || RelayConfig { scan_interval: signalbox_model::HumanDuration::millis(5), ..RelayConfig::default() };
    let worlds = [0, 1, 2].map(|_| world(&store, config(), &email, &webhook));
    let records: Vec<_> = (0..30).map(|n| decision(&format!("d{n}"), vec![notification("business", "low")])).collect();
    for record in &records {
        store.commit_decision(record).await.unwrap();
    }
    for record in &records {
        settled(&worlds[0], record, 3).await;
    }
    for target in [&email, &webhook] {
        let attempts = target.attempts_by_effect();
        assert!(attempts.len() == 30 && attempts.values().all(|count| *count == 1), "{attempts:?}");
    }
    for world in worlds {
        world.end().await;
    }
}

#[tokio::test]
async fn what_a_host_that_died_had_noted_of_channels_is_sent_by_the_next_and_noted_once() {
    let store = memory().await;
    let record = decision("d1", vec![notification("business", "medium")]);
    store.commit_decision(&record).await.unwrap();
    // A host notes the channels, and dies before it attempts anything; here its lease ends at once.
    let past = Timestamp::now() - std::time::Duration::from_secs(3_600);
    let leased = store.claim_effects("d1", "trattoria", past).await.unwrap().unwrap();
    let kind = json!({
        "channelNotification": {"of": "d1-0", "channel": "owner", "medium": "email", "priority": "medium"}
    });
    let noted = Effect::pending("d1-0.owner", serde_json::from_value(kind).unwrap());
    let lease = leased.lease.unwrap();
    let noted = store.add_effects("d1", "trattoria", &lease, &[noted.clone(), noted]).await.unwrap();
    assert_eq!(noted.effects.len(), 2);
    let (email, webhook) = (answers(), answers());
    let world = world(&store, only_queue(), &email, &webhook);
    let after = settled(&world, &record, 3).await;
    assert_eq!(ids(&after.effects), ["d1-0", "d1-0.kitchen", "d1-0.owner"].into());
    assert_eq!(
        (email.attempts(), webhook.attempts()),
        (vec!["d1-0.owner".to_owned()], vec!["d1-0.kitchen".to_owned()])
    );
    world.end().await;
}

#[tokio::test]
async fn a_notification_that_waits_for_a_review_leaves_by_its_channels_as_the_reviewer_edited_it() {
    let store = memory().await;
    let mut record = decision("d1", vec![]);
    record.decision.outcome = signalbox_model::Outcome::ReviewPending;
    record.effects = vec![Effect::withheld("d1-0", notification("user:dan", "low"))];
    store.commit_decision(&record).await.unwrap();
    let (email, webhook) = (answers(), answers());
    let world = world(&store, only_queue(), &email, &webhook);
    let signalbox_store::EffectKind::Action(edited) = notification("business", "low") else { unreachable!() };
    let review = ReviewDecision {
        by: "eva".to_owned(),
        at: Timestamp::now(),
        verdict: ReviewVerdict::Edit,
        source: None,
        note: None,
        input_id: "in_review".to_owned(),
        fingerprint: None,
        actions: Some(vec![edited]),
    };
    let signalbox_store::Resolved::Done(reviewed) = store.resolve_review("d1", "trattoria", &review).await.unwrap()
    else {
        panic!("the review counts")
    };
    world.relay.reviewed(&Arc::new(*reviewed));
    let after = settled(&world, &record, 3).await;
    assert_eq!(ids(&after.effects), ["d1-0", "d1-0.kitchen", "d1-0.owner"].into());
    world.end().await;
}

#[tokio::test]
async fn a_channel_whose_medium_is_not_configured_waits_and_keeps_nobody_else_waiting() {
    let store = memory().await;
    let sessions = Sessions::new(10);
    let dan = connect(&sessions, "dan", "manager");
    let (relay, task) = Relay::new(only_queue(), store.clone(), sessions.clone(), Arc::new(Reviewers));
    let (stop, webhook) = (CancellationToken::new(), answers());
    let task = task.with_channels_of(directory()).with_notification_webhooks(webhook.clone());
    let task = tokio::spawn(task.run(stop.clone()));
    let world = World { store: store.clone(), sessions, relay, stop, task };
    let record = decision("d1", vec![notification("business", "medium")]);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    let is_over = |state: &EffectState| state.is_final() || matches!(state, EffectState::Waiting { until: None, .. });
    let after = loop {
        let after = world.settled(&record, is_over).await;
        if after.effects.len() == 3 {
            break after;
        }
    };
    let owner = after.effects.iter().find(|effect| effect.id == "d1-0.owner").unwrap();
    let EffectState::Waiting { reason, until: None } = &owner.state else { panic!("{owner:?}") };
    assert!(reason.contains("[delivery.email]") && reason.contains("`owner`"), "{reason}");
    assert_eq!((webhook.attempts(), dan.heard().len()), (vec!["d1-0.kitchen".to_owned()], 1));
    world.end().await;
}
