//! The order of decisions of hosts whose clocks differ or are set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use signalbox_model::Timestamp;
use signalbox_store::{Backend, Config, DecisionRecord, Effect, Missed, Store, WallClock};

use crate::backends;
use crate::samples::{action, record, with_effects};

/// A clock that is some seconds ahead of this machine's.
#[derive(Clone, Default)]
struct Ahead(Arc<AtomicI64>);

impl Ahead {
    fn by(seconds: i64) -> Self {
        Self(Arc::new(AtomicI64::new(seconds)))
    }

    fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }

    fn clock(&self) -> WallClock {
        let ahead = self.0.clone();
        WallClock::from_fn(move || Timestamp::now() + SignedDuration::from_secs(ahead.load(Ordering::SeqCst)))
    }
}

async fn host(backend: &Backend, clock: &Ahead) -> Store {
    Store::open(Config { wall: clock.clock(), ..Config::new(backend.clone()) }).await.unwrap()
}

/// Like an executor: it takes the moment first and then stores the decision.
async fn decide(store: &Store, input: &str) -> DecisionRecord {
    let mut record = record("business", input, store.moment().await.unwrap());
    record.decision.created_at = store.moment().await.unwrap();
    store.commit_decision(&record).await.unwrap();
    record
}

async fn missed(store: &Store, since: &DecisionRecord) -> Missed {
    store.missed_since("business", Some(&since.cursor()), Duration::ZERO, 100).await.unwrap()
}

fn ids(missed: &Missed) -> Vec<&str> {
    missed.page.items.iter().map(|record| record.decision.context.input.id.as_str()).collect()
}

#[tokio::test]
async fn moments_never_go_back_however_the_clock_is_set() {
    let (backend, clock) = (backends::serve().await, Ahead::default());
    let store = host(&backend, &clock).await;
    let mut last = store.moment().await.unwrap();
    for ahead in [3_600, -3_600, 0, 10, -86_400, 86_400, 1, 0] {
        clock.set(ahead);
        for _ in 0..3 {
            let moment = store.moment().await.unwrap();
            assert!(moment > last, "{moment} after {last} with the clock {ahead} s ahead");
            last = moment;
        }
    }
}

#[tokio::test]
async fn what_is_decided_after_the_clock_was_set_back_is_found_from_an_older_cursor_also_after_a_restart() {
    let (backend, clock) = (backends::serve().await, Ahead::by(7_200));
    let store = host(&backend, &clock).await;
    let seen = decide(&store, "seen").await;
    clock.set(0);
    decide(&store, "missed").await;
    drop(store);
    let store = host(&backend, &clock).await;
    decide(&store, "missed too").await;
    let missed = missed(&store, &seen).await;
    assert!(missed.complete);
    assert_eq!(ids(&missed), ["seen", "missed", "missed too"]);
}

#[tokio::test]
async fn what_a_host_with_a_slow_clock_decides_is_found_from_the_cursor_of_a_fast_one() {
    let backend = backends::serve().await;
    let (slow, fast) = (host(&backend, &Ahead::default()).await, host(&backend, &Ahead::by(7_200)).await);
    // The slow host began to count before another host existed.
    decide(&slow, "before").await;
    let seen = decide(&fast, "seen").await;
    decide(&slow, "missed").await;
    let missed = missed(&fast, &seen).await;
    assert!(missed.complete);
    assert!(ids(&missed).contains(&"missed"), "{:?}", ids(&missed));
    // The check lets the slow host catch up with the fast one.
    slow.check().await.unwrap();
    let (seen, last) = (decide(&fast, "seen too").await, decide(&slow, "missed too").await);
    assert!((last.decision.created_at.duration_since(seen.decision.created_at)).abs() < SignedDuration::from_secs(60));
}

#[tokio::test]
async fn a_clock_that_is_set_forward_while_the_host_runs_hides_nothing_of_the_others() {
    let (backend, clock) = (backends::serve().await, Ahead::default());
    let (one, other) = (host(&backend, &clock).await, host(&backend, &Ahead::default()).await);
    decide(&one, "first").await;
    decide(&other, "second").await;
    clock.set(3_600);
    let seen = decide(&one, "seen").await;
    decide(&other, "missed").await;
    let missed = missed(&other, &seen).await;
    assert!(missed.complete && ids(&missed).contains(&"missed"), "{missed:?}");
}

#[tokio::test]
async fn a_cursor_ahead_of_every_host_is_not_said_to_be_complete_and_leads_back() {
    let backend = backends::serve().await;
    let store = host(&backend, &Ahead::default()).await;
    let now = decide(&store, "now").await;
    // A moment that an earlier version gave on a machine with a fast clock.
    let seen = record("business", "seen", now.decision.created_at + SignedDuration::from_hours(5));
    let told = missed(&store, &seen).await;
    assert!(!told.complete);
    assert_eq!(ids(&told), ["now"]);
    let position = told.position.unwrap();
    decide(&store, "later").await;
    let told = store.missed_since("business", Some(&position), Duration::ZERO, 100).await.unwrap();
    assert!(told.complete && ids(&told).contains(&"later"), "{told:?}");
}

#[tokio::test]
async fn a_cursor_of_an_earlier_version_leads_on() {
    let backend = backends::serve().await;
    let store = host(&backend, &Ahead::default()).await;
    let old = record("business", "old", Timestamp::now() - SignedDuration::from_hours(1));
    store.commit_decision(&old).await.unwrap();
    let before = missed(&store, &old).await;
    assert!(before.complete);
    assert_eq!(ids(&before), ["old"]);
    decide(&store, "new").await;
    let after = missed(&store, &old).await;
    assert!(after.complete);
    assert_eq!(ids(&after), ["old", "new"]);
}

#[tokio::test]
async fn an_effect_is_due_at_once_though_the_clock_was_set_back_behind_its_decision() {
    let (backend, clock) = (backends::serve().await, Ahead::by(3_600));
    let store = host(&backend, &clock).await;
    decide(&store, "first").await;
    clock.set(0);
    let effects = vec![Effect::pending("a", action("a", None))];
    let mut second = with_effects(record("business", "second", Timestamp::now()), effects);
    second.decision.created_at = store.moment().await.unwrap();
    store.commit_decision(&second).await.unwrap();
    assert_eq!(store.pending_decisions(Timestamp::now(), 10).await.unwrap(), [second]);
}
