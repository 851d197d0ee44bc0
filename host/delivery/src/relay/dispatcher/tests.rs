use async_trait::async_trait;
use serde_json::json;
use signalbox_model::HumanDuration;
use signalbox_store::{DecisionRecord, Effect, EffectKind};
use tokio::sync::Semaphore;

use super::*;

/// Makes attempts as permits are given to it, and notes them in their order.
struct GatedTarget {
    gate: Semaphore,
    attempts: Mutex<Vec<String>>,
    answer: fn() -> AttemptResult,
}

#[async_trait]
impl EffectTarget for GatedTarget {
    fn name(&self) -> &'static str {
        "gated"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        self.attempts.lock().unwrap().push(due.effect.id.clone());
        self.gate.acquire().await.unwrap().forget();
        (self.answer)()
    }
}

fn target(permits: usize, answer: fn() -> AttemptResult) -> Arc<GatedTarget> {
    Arc::new(GatedTarget { gate: Semaphore::new(permits), attempts: Mutex::default(), answer })
}

fn start(target: &Arc<GatedTarget>, concurrency: usize, deadline: HumanDuration) -> Dispatcher {
    let (dispatcher, task) = Dispatcher::new(Route::Http, target.clone(), TargetConfig { concurrency, deadline });
    tokio::spawn(task.run());
    dispatcher
}

fn due(business_id: &str, id: &str, priority: &str) -> DueEffect {
    let input = json!({
        "id": "in", "source": "websocket", "businessId": business_id, "type": "user_message", "content": {"text": "hi"},
        "timestamp": "2026-01-01T00:00:00Z"
    });
    let info = json!({"businessId": business_id, "name": "B", "type": "restaurant"});
    let record: DecisionRecord = serde_json::from_value(json!({
        "decision": {
            "id": id, "businessId": business_id, "decisionCode": "C", "decisionType": "c",
            "context": {"input": input, "businessInfo": info}, "reasoning": "r", "confidence": 1.0,
            "outcome": "decided", "businessType": "restaurant", "createdAt": "2026-01-01T00:00:00Z",
        },
        "output": {
            "id": id, "inputId": "in", "decisionCode": "C", "decisionType": "c", "confidence": 1.0, "reasoning": "r",
            "actions": [], "requiresHumanReview": false, "processingTime": 1, "responses": [],
            "metadata": {"generation": "sha256:0", "bundleVersion": "1", "path": [], "journalId": id}
        },
        "reply": {"kind": "none"},
        "effects": [],
    }))
    .unwrap();
    let action = json!({"id": id, "type": "external_call", "target": "https://a", "payload": {}, "priority": priority});
    let kind = EffectKind::Action(serde_json::from_value(action).unwrap());
    DueEffect { record: Arc::new(record), effect: Effect::pending(id, kind) }
}

fn later() -> Timestamp {
    Timestamp::now() + Duration::from_secs(3_600)
}

#[tokio::test]
async fn urgent_effects_are_attempted_first_and_businesses_take_turns() {
    let target = target(0, || AttemptResult::Delivered);
    let dispatcher = start(&target, 1, HumanDuration::secs(60));
    let effects = [
        ("a", "first", "medium"),
        ("a", "a-low", "low"),
        ("a", "a-1", "medium"),
        ("a", "a-2", "medium"),
        ("b", "b-1", "medium"),
        ("c", "c-high", "high"),
    ];
    let mut waiting = JoinSet::new();
    for (count, (business_id, id, priority)) in effects.into_iter().enumerate() {
        let dispatcher = dispatcher.clone();
        let due = due(business_id, id, priority);
        let clone = dispatcher.clone();
        waiting.spawn(async move { clone.dispatch(due, later()).await });
        // The first one is being attempted, the others wait.
        while target.attempts.lock().unwrap().is_empty() || dispatcher.health.waiting.load(Ordering::Relaxed) < count {
            tokio::task::yield_now().await;
        }
    }
    target.gate.add_permits(effects.len());
    while waiting.join_next().await.is_some() {}
    assert_eq!(*target.attempts.lock().unwrap(), ["first", "c-high", "a-1", "b-1", "a-2", "a-low"]);
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_left_alone_after_some_attempts_and_the_reason_stays_known() {
    let target = target(100, || AttemptResult::Unavailable { reason: "connection refused".to_owned() });
    let dispatcher = start(&target, 1, HumanDuration::secs(60));
    for _ in 0..20 {
        let dispatched = dispatcher.dispatch(due("a", "e", "medium"), later()).await;
        let Dispatched::Attempted(AttemptResult::Unavailable { reason }) = dispatched else { panic!("{dispatched:?}") };
        assert_eq!(reason, "connection refused");
    }
    assert_eq!(target.attempts.lock().unwrap().len(), BREAKER_ATTEMPTS);
    assert!(!dispatcher.answers());
}

#[tokio::test]
async fn an_attempt_without_an_answer_within_its_deadline_has_failed() {
    let target = target(0, || AttemptResult::Delivered);
    let dispatcher = start(&target, 1, HumanDuration::millis(20));
    let dispatched = dispatcher.dispatch(due("a", "e", "medium"), later()).await;
    let Dispatched::Attempted(AttemptResult::Failed { reason, .. }) = dispatched else { panic!("{dispatched:?}") };
    assert!(reason.contains("no answer within"), "{reason}");
}

#[tokio::test]
async fn no_attempt_begins_that_could_outlast_its_lease() {
    let target = target(100, || AttemptResult::Delivered);
    let dispatcher = start(&target, 1, HumanDuration::secs(60));
    let soon = Timestamp::now() + Duration::from_secs(59);
    let dispatched = dispatcher.dispatch(due("a", "e", "medium"), soon).await;
    assert!(matches!(dispatched, Dispatched::LeaseEnds), "{dispatched:?}");
    assert!(target.attempts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_business_that_floods_a_target_takes_no_room_from_others() {
    let target = target(0, || AttemptResult::Delivered);
    let dispatcher = start(&target, 2, HumanDuration::secs(60));
    let mut flood = JoinSet::new();
    for number in 0..50 {
        let (dispatcher, due) = (dispatcher.clone(), due("flood", &format!("f-{number}"), "medium"));
        flood.spawn(async move { dispatcher.dispatch(due, later()).await });
    }
    // Two are attempted, eight wait, and the others are told at once that there is no room.
    for _ in 0..40 {
        let dispatched = flood.join_next().await.unwrap().unwrap();
        assert!(matches!(dispatched, Dispatched::Overloaded), "{dispatched:?}");
    }
    let other = {
        let dispatcher = dispatcher.clone();
        tokio::spawn(async move { dispatcher.dispatch(due("other", "o", "medium"), later()).await })
    };
    let evicted = flood.join_next().await.unwrap().unwrap();
    assert!(matches!(evicted, Dispatched::Overloaded), "{evicted:?}");
    target.gate.add_permits(100);
    let dispatched = other.await.unwrap();
    assert!(matches!(dispatched, Dispatched::Attempted(AttemptResult::Delivered)), "{dispatched:?}");
}
