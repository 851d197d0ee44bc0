//! What the relay promises, on a real store: nothing is lost between a decision's commit and its delivery, nothing
//! leaves before its time, and what cannot leave yet waits with its reason.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod admin;
mod audiences;
mod backlog;
mod channels;
mod fallback;
mod hosts;
mod newer;
mod schedules;
mod targets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use signalbox_delivery::{Audience, Relay, RelayConfig};
use signalbox_model::{
    BusinessAccess, BusinessInfo, HumanDuration, JsonObject, Reach, ReplySlot, Timestamp, UserAccess,
};
use signalbox_sessions::{Outbox, Session, Sessions};
use signalbox_store::{
    Config, DecisionRecord, Effect, EffectKind, EffectState, EffectUpdate, QueuedEffects, Store, Wider,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The trattoria has two places; managers have every permission, others none but `message`.
struct Reviewers;

impl Audience for Reviewers {
    fn may_see(&self, access: &UserAccess, business_id: &str, reach: Reach<'_>, permission: Option<&str>) -> bool {
        let business = json!({
            "businessId": "trattoria", "name": "Trattoria", "type": "restaurant",
            "locations": [{"id": "bar", "name": "Bar"}, {"id": "terrace", "name": "Terrace"}],
            "permissions": {"manager": ["message", "review", "decisions"], "coordinator": ["message"]},
        });
        let business: BusinessInfo = serde_json::from_value(business).unwrap();
        business_id == "trattoria" && access.may_see(&business, reach, permission)
    }
}

struct World {
    store: Store,
    sessions: Sessions,
    relay: Relay,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl World {
    async fn start(store: &Store, config: RelayConfig) -> Self {
        Self::with(store, Sessions::new(10), config).await
    }

    async fn with(store: &Store, sessions: Sessions, config: RelayConfig) -> Self {
        let (relay, task) = Relay::new(config, store.clone(), sessions.clone(), Arc::new(Reviewers));
        let stop = CancellationToken::new();
        let task = tokio::spawn(task.run(stop.clone()));
        Self { store: store.clone(), sessions, relay, stop, task }
    }

    fn connect(&self, user: &str, role: &str) -> Person {
        connect(&self.sessions, user, role)
    }

    /// The record once all its effects are as `fits` says.
    async fn settled(&self, record: &DecisionRecord, fits: impl Fn(&EffectState) -> bool) -> DecisionRecord {
        let wait = async {
            loop {
                let now = self.store.decision(&record.decision.id, "trattoria").await.unwrap().unwrap();
                if now.effects.iter().all(|effect| fits(&effect.state)) {
                    return now;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it never happened")
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

struct Person {
    outbox: Arc<Outbox>,
    _session: Session,
}

fn connect(sessions: &Sessions, user: &str, role: &str) -> Person {
    connect_at(sessions, user, role, None)
}

fn connect_at(sessions: &Sessions, user: &str, role: &str, places: Option<&[&str]>) -> Person {
    let locations = places.map(|places| places.iter().map(|id| (*id).to_owned()).collect());
    let business = BusinessAccess { roles: vec![role.to_owned()], locations };
    let access =
        UserAccess { user_id: user.to_owned(), businesses: BTreeMap::from([("trattoria".to_owned(), business)]) };
    let outbox = Arc::new(Outbox::new(100_000));
    let session = sessions.register(access, outbox.clone()).unwrap();
    Person { outbox, _session: session }
}

impl Person {
    fn heard(&self) -> Vec<Value> {
        std::iter::from_fn(|| self.outbox.pop())
            .map(|frame| serde_json::from_str(&frame.to_string()).unwrap())
            .collect()
    }
}

fn delivered(state: &EffectState) -> bool {
    matches!(state, EffectState::Delivered { .. })
}

fn waiting(state: &EffectState) -> bool {
    matches!(state, EffectState::Waiting { .. })
}

/// A decision on a message of ana, with these effects.
fn decision(id: &str, kinds: Vec<EffectKind>) -> DecisionRecord {
    let input = json!({
        "id": format!("in_{id}"), "source": "websocket", "userId": "ana", "businessId": "trattoria",
        "type": "user_message", "content": {"text": "hi"}, "timestamp": "2026-01-01T00:00:00Z"
    });
    let info = json!({"businessId": "trattoria", "name": "Trattoria", "type": "restaurant"});
    DecisionRecord {
        decision: serde_json::from_value(json!({
            "id": id, "businessId": "trattoria", "decisionCode": "BOOK", "decisionType": "booking",
            "context": {"input": input, "businessInfo": info}, "reasoning": "asked", "confidence": 1.0,
            "outcome": "decided", "businessType": "restaurant", "createdAt": Timestamp::now(),
        }))
        .unwrap(),
        output: serde_json::from_value(json!({
            "id": id, "inputId": format!("in_{id}"), "decisionCode": "BOOK", "decisionType": "booking",
            "confidence": 1.0, "reasoning": "asked", "actions": [], "requiresHumanReview": false, "processingTime": 1,
            "responses": [{
                "id": format!("rsp_{id}"), "target": "websocket", "recipient": "ana", "content": {"text": "done"},
                "timestamp": "2026-01-01T00:00:00Z"
            }],
            "metadata": {"generation": "sha256:0", "bundleVersion": "1", "path": [], "journalId": id}
        }))
        .unwrap(),
        reply: ReplySlot::Websocket { user_id: "ana".to_owned(), message_id: "m1".to_owned() },
        session: None,
        review: None,
        effects: kinds.into_iter().enumerate().map(|(n, kind)| Effect::pending(format!("{id}-{n}"), kind)).collect(),
        lease: None,
    }
}

fn content() -> JsonObject {
    json!({"news": "a table is free"}).as_object().unwrap().clone()
}

fn to_user(user: &str) -> EffectKind {
    let (user_id, wider) = (Some(user.to_owned()), Wider::default());
    EffectKind::Notification { user_id, location_id: None, permission: None, wider, content: content() }
}

fn broadcast(place: Option<&str>, permission: Option<&str>, wider: Wider) -> EffectKind {
    let (location_id, permission) = (place.map(str::to_owned), permission.map(str::to_owned));
    EffectKind::Notification { user_id: None, location_id, permission, wider, content: content() }
}

fn action(kind: &str, target: &str, extra: Value) -> EffectKind {
    let mut action = json!({
        "id": format!("act_{target}"), "type": kind, "target": target, "payload": content(), "priority": "medium"
    });
    action.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    EffectKind::Action(serde_json::from_value(action).unwrap())
}

async fn memory() -> Store {
    Store::open(Config::memory()).await.unwrap()
}

/// A search that never comes by itself.
fn only_queue() -> RelayConfig {
    RelayConfig { scan_interval: HumanDuration::secs(3_600), ..RelayConfig::default() }
}

#[tokio::test]
async fn answers_go_out_at_once_and_notifications_to_whom_they_are_for() {
    let store = memory().await;
    let world = World::start(&store, only_queue()).await;
    let (ana, dan, eva) =
        (world.connect("ana", "coordinator"), world.connect("dan", "manager"), world.connect("eva", "coordinator"));
    let managers = broadcast(None, Some("review"), Wider::default());
    let staff = action("notification", "business", json!({}));
    let record = decision("d1", vec![to_user("eva"), managers, staff, action("notification", "user:ana", json!({}))]);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    // The search at the relay's start may have found the decision first and sent its notifications before this.
    let mut heard = ana.heard();
    let answer = heard.iter().position(|frame| frame["type"] == "response").expect("the answer went out at once");
    assert_eq!(heard.remove(answer)["messageId"], "m1");
    let after = world.settled(&record, delivered).await;
    assert!(after.effects.iter().all(|effect| effect.attempts == 1), "{:?}", after.effects);
    heard.extend(ana.heard());
    let ids = |heard: &[Value]| heard.iter().map(|f| f["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&heard), ["d1-3"]);
    assert_eq!(ids(&dan.heard()), ["d1-1", "d1-2"]);
    assert_eq!(ids(&eva.heard()), ["d1-0"]);
    world.end().await;
}

#[tokio::test]
async fn what_was_committed_and_never_handed_over_is_found_at_the_next_start() {
    let store = memory().await;
    let record = decision("d1", vec![to_user("dan")]);
    store.commit_decision(&record).await.unwrap();
    // The host died here. The next one starts with dan connected again.
    let sessions = Sessions::new(10);
    let dan = connect(&sessions, "dan", "manager");
    let world = World::with(&store, sessions, only_queue()).await;
    world.settled(&record, delivered).await;
    assert_eq!(dan.heard().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn what_finds_the_queue_full_is_found_by_the_search() {
    let store = memory().await;
    let records: Vec<_> = (0..20).map(|n| decision(&format!("d{n}"), vec![to_user("dan")])).collect();
    let config = RelayConfig { scan_interval: HumanDuration::millis(20), queue: 1, ..RelayConfig::default() };
    let world = World::start(&store, config).await;
    let dan = world.connect("dan", "manager");
    for record in &records {
        store.commit_decision(record).await.unwrap();
    }
    for record in &records {
        world.relay.committed(&Arc::new(record.clone()));
    }
    for record in &records {
        world.settled(record, delivered).await;
    }
    let mut ids: Vec<_> = dan.heard().iter().map(|frame| frame["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    world.end().await;
}

#[tokio::test]
async fn what_is_for_later_leaves_when_its_time_comes_and_not_before() {
    let store = memory().await;
    let world = World::start(&store, only_queue()).await;
    let dan = world.connect("dan", "manager");
    let soon = Timestamp::now() + Duration::from_millis(300);
    let tomorrow = Timestamp::now() + Duration::from_secs(86_400);
    let later = action("notification", "user:dan", json!({"executeAt": soon}));
    let record = decision("d1", vec![later]);
    let never = decision("d2", vec![action("notification", "user:dan", json!({"executeAt": tomorrow}))]);
    for record in [&record, &never] {
        store.commit_decision(record).await.unwrap();
        world.relay.committed(&Arc::new(record.clone()));
    }
    let after = world.settled(&record, delivered).await;
    let EffectState::Delivered { at, .. } = after.effects[0].state else { unreachable!("it was delivered") };
    assert!(at >= soon, "{at} is before {soon}");
    assert_eq!(dan.heard().len(), 1);
    let untouched = store.decision("d2", "trattoria").await.unwrap().unwrap();
    assert_eq!(untouched.effects[0].state, EffectState::Pending);
    world.end().await;
}

#[tokio::test]
async fn what_has_no_backend_waits_with_its_reason_and_is_tried_at_every_start() {
    let store = memory().await;
    let world = World::start(&store, only_queue()).await;
    let kafka = EffectKind::KafkaRecord { topic: "orders".to_owned(), key: None, value: vec![1], headers: vec![] };
    let kinds = vec![
        kafka,
        action("resource_action", "table", json!({})),
        action("external_call", "https://pos.example.com", json!({})),
    ];
    let record = decision("d1", kinds);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    let after = world.settled(&record, waiting).await;
    let reasons: Vec<_> = after
        .effects
        .iter()
        .map(|effect| match &effect.state {
            EffectState::Waiting { reason, until: None } => reason.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = ["topic `orders`", "`table`", "pos.example.com"];
    for (reason, part) in reasons.iter().zip(expected) {
        assert!(reason.contains(part), "{reason}");
    }
    world.end().await;
    let waiting = store.queued_effects(&QueuedEffects::Waiting, None, 10).await.unwrap();
    assert_eq!(waiting.items.len(), 1, "nothing is dropped");
    // A start that finds the same missing changes nothing, not even the number of attempts.
    let again = World::start(&store, only_queue()).await;
    let marker = decision("d2", vec![to_user("dan")]);
    store.commit_decision(&marker).await.unwrap();
    again.relay.committed(&Arc::new(marker.clone()));
    again.settled(&marker, delivered).await;
    assert_eq!(store.decision("d1", "trattoria").await.unwrap().unwrap().effects, after.effects);
    again.end().await;
}

#[tokio::test]
async fn effects_that_go_on_waiting_hide_none_that_can_leave_after_a_start() {
    let store = memory().await;
    let kafka = || EffectKind::KafkaRecord { topic: "orders".to_owned(), key: None, value: vec![1], headers: vec![] };
    // More than are read at once, and the one that can leave comes last.
    let mut records: Vec<_> = (0..120).map(|number| decision(&format!("d{number}"), vec![kafka()])).collect();
    let last = decision("last", vec![to_user("dan")]);
    records.push(last.clone());
    for record in &records {
        store.commit_decision(record).await.unwrap();
        let state = EffectState::Waiting { reason: "nothing is configured".to_owned(), until: None };
        let waits = EffectUpdate { effect_id: record.effects[0].id.clone(), state };
        store.update_effects(&record.decision.id, "trattoria", &[waits]).await.unwrap();
    }
    let world = World::start(&store, only_queue()).await;
    world.settled(&last, delivered).await;
    world.end().await;
}

#[tokio::test]
async fn what_waits_for_a_review_is_not_delivered() {
    let store = memory().await;
    let world = World::start(&store, only_queue()).await;
    let dan = world.connect("dan", "manager");
    let mut record = decision("d1", vec![to_user("dan")]);
    record.effects = vec![Effect::withheld("d1-0", to_user("dan"))];
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    let marker = decision("d2", vec![to_user("dan")]);
    store.commit_decision(&marker).await.unwrap();
    world.relay.committed(&Arc::new(marker.clone()));
    world.settled(&marker, delivered).await;
    assert_eq!(dan.heard().iter().map(|frame| frame["id"].clone()).collect::<Vec<_>>(), ["d2-0"]);
    let after = store.decision("d1", "trattoria").await.unwrap().unwrap();
    assert_eq!(after.effects[0].state, EffectState::Withheld);
    world.end().await;
}

#[tokio::test]
async fn the_most_urgent_effects_of_a_decision_leave_first() {
    let store = memory().await;
    let world = World::start(&store, only_queue()).await;
    let dan = world.connect("dan", "manager");
    let with = |priority: &str| action("notification", "user:dan", json!({"priority": priority}));
    let record = decision("d1", vec![with("low"), with("medium"), with("high"), with("medium")]);
    store.commit_decision(&record).await.unwrap();
    world.relay.committed(&Arc::new(record.clone()));
    world.settled(&record, delivered).await;
    let ids: Vec<_> = dan.heard().iter().map(|frame| frame["id"].clone()).collect();
    assert_eq!(ids, ["d1-2", "d1-1", "d1-3", "d1-0"]);
    world.end().await;
}

#[tokio::test]
async fn a_stop_delivers_what_is_still_in_the_queue() {
    let store = memory().await;
    let world = World::start(&store, only_queue()).await;
    let records: Vec<_> = (0..50).map(|n| decision(&format!("d{n}"), vec![to_user("dan")])).collect();
    for record in &records {
        store.commit_decision(record).await.unwrap();
        world.relay.committed(&Arc::new(record.clone()));
    }
    world.end().await;
    for record in &records {
        let after = store.decision(&record.decision.id, "trattoria").await.unwrap().unwrap();
        assert!(delivered(&after.effects[0].state), "{:?}", after.effects);
    }
}
