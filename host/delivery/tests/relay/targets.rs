//! What the relay does with what targets answer: retries, dead letters, outages, and several hosts on one store.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use signalbox_delivery::{AttemptResult, DueEffect, EffectTarget, Relay, RelayConfig, TargetConfig};
use signalbox_model::HumanDuration;
use signalbox_sessions::Sessions;
use signalbox_store::{Backend, Config, EffectState, QueuedEffects, Store};
use tokio_util::sync::CancellationToken;

use super::{Reviewers, World, action, decision, delivered, memory, only_queue, to_user, waiting};

/// A target that answers as the test says, and notes each attempt by the effect's id.
pub(super) struct ScriptedTarget {
    attempts: Mutex<Vec<String>>,
    answer: Box<dyn Fn(usize) -> AttemptResult + Send + Sync>,
}

impl ScriptedTarget {
    /// `answer` is given how many attempts came before.
    pub(super) fn new(answer: impl Fn(usize) -> AttemptResult + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { attempts: Mutex::default(), answer: Box::new(answer) })
    }

    pub(super) fn attempts(&self) -> Vec<String> {
        self.attempts.lock().unwrap().clone()
    }

    pub(super) fn attempts_by_effect(&self) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for id in self.attempts() {
            *counts.entry(id).or_default() += 1;
        }
        counts
    }
}

#[async_trait]
impl EffectTarget for ScriptedTarget {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        let before = {
            let mut attempts = self.attempts.lock().unwrap();
            attempts.push(due.effect.id.clone());
            attempts.len() - 1
        };
        // Another host that attempts the same effect has its chance meanwhile.
        tokio::task::yield_now().await;
        (self.answer)(before)
    }
}

pub(super) fn failed() -> AttemptResult {
    AttemptResult::Failed { reason: "503 Service Unavailable".to_owned(), retry_after: None }
}

pub(super) fn away() -> AttemptResult {
    AttemptResult::Unavailable { reason: "connection refused".to_owned() }
}

/// A search that comes often.
pub(super) fn eager() -> RelayConfig {
    RelayConfig { scan_interval: HumanDuration::millis(20), ..RelayConfig::default() }
}

pub(super) fn world(store: &Store, config: RelayConfig, target: &Arc<ScriptedTarget>) -> World {
    let sessions = Sessions::new(10);
    let (relay, task) = Relay::new(config, store.clone(), sessions.clone(), Arc::new(Reviewers));
    let stop = CancellationToken::new();
    let task = task.with_kafka(target.clone()).with_http(target.clone());
    let task = tokio::spawn(task.run(stop.clone()));
    World { store: store.clone(), sessions, relay, stop, task }
}

fn call(policy: serde_json::Value) -> signalbox_store::EffectKind {
    action("external_call", "https://crm.example", json!({"retryPolicy": policy}))
}

#[tokio::test]
async fn a_failed_attempt_is_followed_by_others_until_one_is_confirmed_and_by_none_then() {
    let store = memory().await;
    let target = ScriptedTarget::new(|before| if before < 2 { failed() } else { AttemptResult::Delivered });
    let world = world(&store, only_queue(), &target);
    let policy = json!({"maxAttempts": 5, "initialInterval": 5, "backoffFactor": 2.0, "maxInterval": 50});
    let record = decision("d1", vec![call(policy)]);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    let after = world.settled(&record, EffectState::is_final).await;
    assert!(delivered(&after.effects[0].state), "{:?}", after.effects);
    assert_eq!(after.effects[0].attempts, 3);
    assert_eq!(target.attempts(), ["d1-0", "d1-0", "d1-0"], "each under the same key");
    assert_eq!(after.lease, None);
    world.end().await;
}

#[tokio::test]
async fn after_its_last_attempt_an_effect_is_a_dead_letter_with_the_last_reason() {
    let store = memory().await;
    let target = ScriptedTarget::new(|_| failed());
    let world = world(&store, only_queue(), &target);
    let policy = json!({"maxAttempts": 3, "initialInterval": 1, "backoffFactor": 1.0, "maxInterval": 1});
    let record = decision("d1", vec![call(policy)]);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    let after = world.settled(&record, EffectState::is_final).await;
    let EffectState::DeadLetter { reason, .. } = &after.effects[0].state else { panic!("{:?}", after.effects) };
    assert_eq!(reason, "attempt 3 of 3 failed: 503 Service Unavailable");
    assert_eq!(target.attempts().len(), 3);
    let letters = store.queued_effects(&QueuedEffects::DeadLetters, None, 10).await.unwrap();
    assert_eq!(letters.items.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn what_a_target_refuses_is_a_dead_letter_at_once_and_others_of_the_decision_leave() {
    let store = memory().await;
    let target = ScriptedTarget::new(|_| AttemptResult::Refused { reason: "410 Gone".to_owned() });
    let world = world(&store, only_queue(), &target);
    let record = decision("d1", vec![call(json!(null)), to_user("dan")]);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    let after = world.settled(&record, EffectState::is_final).await;
    assert!(matches!(&after.effects[0].state, EffectState::DeadLetter { reason, .. } if reason == "410 Gone"));
    assert!(delivered(&after.effects[1].state));
    assert_eq!(target.attempts().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_notification_to_nobody_is_a_dead_letter_that_names_its_target() {
    let store = memory().await;
    let world = World::start(&store, only_queue()).await;
    let record = decision("d1", vec![action("notification", "nobody", json!({}))]);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    let after = world.settled(&record, EffectState::is_final).await;
    let EffectState::DeadLetter { reason, .. } = &after.effects[0].state else { panic!("{:?}", after.effects) };
    assert!(reason.contains("`nobody`"), "{reason}");
    world.end().await;
}

#[tokio::test]
async fn what_is_held_back_for_a_target_that_is_away_leaves_without_a_restart_when_it_is_back() {
    let store = memory().await;
    // The first attempt finds it away. The breaker is not open yet, so the next one is the next search's.
    let target = ScriptedTarget::new(|before| if before < 1 { away() } else { AttemptResult::Delivered });
    let world = world(&store, eager(), &target);
    let records: Vec<_> =
        (0..150).map(|n| decision(&format!("d{n:03}"), vec![action("resource_action", "table", json!({}))])).collect();
    for record in &records {
        store.commit_decision(record).await.unwrap();
        world.relay.committed(&Arc::new(record.clone()));
    }
    for record in &records {
        let after = world.settled(record, delivered).await;
        assert_eq!(after.effects[0].attempts, 1, "an attempt that found the target away does not count");
    }
    let attempts = target.attempts_by_effect();
    assert_eq!(attempts.values().sum::<usize>(), 151, "{attempts:?}");
    world.end().await;
}

#[tokio::test]
async fn a_decision_that_is_handed_over_again_is_not_attempted_again_under_the_same_lease() {
    let store = memory().await;
    let target = ScriptedTarget::new(|_| AttemptResult::Delivered);
    let world = world(&store, only_queue(), &target);
    let mut record = decision("d1", vec![action("resource_action", "table", json!({}))]);
    store.lease_due_effects(&mut record);
    store.commit_decision(&record).await.unwrap();
    let copy = Arc::new(record.clone());
    world.relay.committed(&copy);
    world.relay.reviewed(&copy);
    world.settled(&record, delivered).await;
    // Late, when everything was delivered and the copy's lease is still valid.
    world.relay.reviewed(&copy);
    world.end().await;
    assert_eq!(target.attempts(), ["d1-0"]);
}

#[tokio::test]
async fn no_lease_is_written_for_effects_that_are_for_later_or_wait_for_a_review() {
    let store = memory().await;
    let target = ScriptedTarget::new(|_| AttemptResult::Delivered);
    let world = world(&store, only_queue(), &target);
    let tomorrow = signalbox_model::Timestamp::now() + Duration::from_secs(86_400);
    let mut later =
        decision("d1", vec![action("external_call", "https://crm.example", json!({"executeAt": tomorrow}))]);
    let mut withheld = decision("d2", vec![to_user("dan")]);
    withheld.effects[0].state = EffectState::Withheld;
    let before = async |record: &mut signalbox_store::DecisionRecord| {
        store.lease_due_effects(record);
        store.commit_decision(record).await.unwrap();
        store.read_decision(&record.decision.id, "trattoria").await.unwrap().unwrap()
    };
    let read = [before(&mut later).await, before(&mut withheld).await];
    for record in [&later, &withheld] {
        world.relay.committed(&Arc::new(record.clone()));
    }
    world.end().await;
    for (record, read) in [&later, &withheld].into_iter().zip(read) {
        let now = store.read_decision(&record.decision.id, "trattoria").await.unwrap().unwrap();
        assert_eq!(now, read, "not even the revision has changed");
    }
}

#[tokio::test]
async fn an_attempt_takes_at_most_half_of_the_lease_whatever_its_deadline() {
    struct Silent;
    #[async_trait]
    impl EffectTarget for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }

        async fn attempt(&self, _due: &DueEffect) -> AttemptResult {
            std::future::pending().await
        }
    }
    let store = memory().await;
    let http = TargetConfig { deadline: HumanDuration::secs(3_600), ..TargetConfig::default() };
    let config = RelayConfig { lease: HumanDuration::millis(100), http, ..only_queue() };
    let (relay, task) = Relay::new(config, store.clone(), Sessions::new(10), Arc::new(Reviewers));
    let stop = CancellationToken::new();
    let task = tokio::spawn(task.with_http(Arc::new(Silent)).run(stop.clone()));
    let world = World { store: store.clone(), sessions: Sessions::new(10), relay, stop, task };
    let record = decision("d1", vec![call(json!(null))]);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    let after = world.settled(&record, waiting).await;
    let EffectState::Waiting { reason, .. } = &after.effects[0].state else { panic!("{:?}", after.effects) };
    assert!(reason.contains("no answer within"), "{reason}");
    world.end().await;
}

#[tokio::test]
async fn several_hosts_on_one_store_never_attempt_the_same_effect_twice() {
    let folder = tempfile::tempdir().unwrap();
    let target = ScriptedTarget::new(|_| AttemptResult::Delivered);
    let stores =
        [open(folder.path(), 30_000).await, open(folder.path(), 30_000).await, open(folder.path(), 30_000).await];
    let records: Vec<_> =
        (0..60).map(|n| decision(&format!("d{n}"), vec![action("resource_action", "table", json!({}))])).collect();
    for record in &records {
        stores[0].commit_decision(record).await.unwrap();
    }
    let worlds = stores.each_ref().map(|store| world(store, eager(), &target));
    for record in &records {
        worlds[0].settled(record, delivered).await;
    }
    let counts: BTreeMap<_, _> = target.attempts_by_effect().into_iter().collect();
    assert_eq!(counts.len(), 60);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    for world in worlds {
        world.end().await;
    }
}

#[tokio::test]
async fn what_a_host_that_died_was_to_attempt_is_attempted_by_another_when_the_lease_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let target = ScriptedTarget::new(|_| AttemptResult::Delivered);
    let died = open(folder.path(), 16_000).await;
    let mut record = decision("d1", vec![action("resource_action", "table", json!({}))]);
    died.lease_due_effects(&mut record);
    // A lease that ends in a moment: the host that committed it has died almost as long ago as leases last.
    record.lease.as_mut().unwrap().until = signalbox_model::Timestamp::now() + Duration::from_millis(200);
    died.commit_decision(&record).await.unwrap();
    let other = open(folder.path(), 30_000).await;
    let world = world(&other, eager(), &target);
    let after = world.settled(&record, delivered).await;
    assert!(matches!(after.effects[0].state, EffectState::Delivered { at, .. } if at >= record.lease.unwrap().until));
    assert_eq!(target.attempts(), ["d1-0"]);
    world.end().await;
}

async fn open(folder: &Path, lease: u64) -> Store {
    let config = Config::new(Backend::Embedded { path: Some(folder.join("store.db")) });
    Store::open(Config { effect_lease: Duration::from_millis(lease), ..config }).await.unwrap()
}
