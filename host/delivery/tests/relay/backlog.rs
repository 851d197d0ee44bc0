//! Many effects that wait for one target.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use signalbox_delivery::AttemptResult;
use signalbox_model::Timestamp;
use signalbox_store::{EffectState, QueuedEffects, Store};
use tokio::task::JoinSet;

use super::targets::{ScriptedTarget, away, eager, world};
use super::{action, decision, memory};

/// How many effects wait; `SIGNALBOX_TEST_BACKLOG` sets another number.
fn size() -> usize {
    std::env::var("SIGNALBOX_TEST_BACKLOG").ok().and_then(|number| number.parse().ok()).unwrap_or(1_000)
}

/// Decisions whose effect another host has held back for Kafka, eight at a time.
async fn held_back(store: &Store, count: usize) {
    let mut commits = JoinSet::new();
    for number in 0..count {
        let mut record = decision(&format!("d{number}"), vec![action("resource_action", "table", json!({}))]);
        let reason = "no broker answers".to_owned();
        record.effects[0].state = EffectState::HeldBack { target: "kafka".to_owned(), reason };
        let store = store.clone();
        commits.spawn(async move { store.commit_decision(&record).await.unwrap() });
        if commits.len() >= 8 {
            commits.join_next().await.unwrap().unwrap();
        }
    }
    commits.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_drains_without_a_restart_once_its_target_is_back_and_each_effect_leaves_once() {
    let (store, count) = (memory().await, size());
    held_back(&store, count).await;
    let is_back = Arc::new(AtomicBool::new(false));
    let answers = is_back.clone();
    let target =
        ScriptedTarget::new(move |_| if answers.load(Ordering::Relaxed) { AttemptResult::Delivered } else { away() });
    let world = world(&store, eager(), &target);
    // The target is away for several searches.
    while target.attempts().len() < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let while_away = target.attempts().len();
    assert!(while_away < count / 2, "a target that is away is tried now and then, not with every effect");
    let began = Instant::now();
    is_back.store(true, Ordering::Relaxed);
    let tried_before = target.attempts().len();
    let held_back = QueuedEffects::HeldBack { target: "kafka".to_owned() };
    let drained = async {
        loop {
            let left = store.queued_effects(&held_back, None, 1).await.unwrap();
            let due = store.pending_decisions(Timestamp::MAX, 1).await.unwrap();
            if left.items.is_empty() && due.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // Only a test that fails waits so long.
    let patience = Duration::from_secs(60 + count as u64 / 20);
    tokio::time::timeout(patience, drained).await.expect("the backlog does not drain");
    let seconds = began.elapsed().as_secs_f64();
    println!("{count} effects left in {seconds:.1} s, {:.0} a second", count as f64 / seconds);
    let attempts = target.attempts_by_effect();
    assert_eq!(attempts.len(), count, "every effect has left");
    let in_all: usize = attempts.values().sum();
    assert!(in_all <= count + tried_before + 64, "{in_all} attempts for {count} effects");
    world.end().await;
}
