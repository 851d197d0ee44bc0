//! Several hosts on one store: what one of them decides reaches the people who are connected to another.

#[path = "cost.rs"]
mod cost;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use signalbox_delivery::{FanOut, FanOutReader, FanOutSender, HostsConfig, Presence};
use signalbox_kafka::{KafkaTail, TailState};
use signalbox_model::{HumanDuration, Outcome, ReviewVerdict, Timestamp};
use signalbox_store::{
    Backend, Config, DecisionRecord, DeliveredTo, EffectState, EffectUpdate, Resolved, ReviewDecision, Store, Wider,
};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Person, World, broadcast, decision, delivered, only_queue, to_user};

/// The longest wait for something that has to happen.
const DEADLINE: Duration = Duration::from_secs(60);

/// Frequent looks, so that tests are quick.
fn config() -> HostsConfig {
    let often = HumanDuration::millis(10);
    HostsConfig { heartbeat: HumanDuration::millis(50), poll: often, quiet_poll: often, fan_out_poll: often }
}

/// Looks so rare that they never come.
fn hardly_ever() -> HostsConfig {
    let never = HumanDuration::secs(3_600);
    HostsConfig { heartbeat: HumanDuration::millis(50), poll: never, quiet_poll: never, fan_out_poll: never }
}

/// Hosts on one store.
pub(super) struct Cluster {
    backend: Backend,
    pub topic: Topic,
    _folder: Option<TempDir>,
}

/// A topic of the fan-out in this process.
#[derive(Clone, Default)]
pub(super) struct Topic {
    readers: Arc<Mutex<Vec<TopicReader>>>,
    records: Arc<AtomicU64>,
}

/// Where the records of one reader go, and what tells it that they arrive.
type TopicReader = (mpsc::Sender<Vec<u8>>, watch::Sender<TailState>);

impl FanOutSender for Topic {
    fn send(&self, _key: &str, value: &[u8]) -> bool {
        self.records.fetch_add(1, Ordering::Relaxed);
        self.readers.lock().unwrap().iter().all(|(reader, _)| reader.try_send(value.to_vec()).is_ok())
    }
}

impl Topic {
    /// How many records were sent.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    fn reader(&self, store: &Store) -> FanOutReader {
        let (sender, records) = mpsc::channel(1_000);
        let (told, state) = watch::channel(TailState::Reading);
        self.readers.lock().unwrap().push((sender, told));
        FanOutReader::new(KafkaTail { records, state, gaps: Arc::new(Notify::new()) }, store)
    }
}

impl Cluster {
    /// Hosts on one file.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::Embedded { path: Some(folder.path().join("store.db")) };
        Self { backend, topic: Topic::default(), _folder: Some(folder) }
    }

    /// Hosts on the store at an address.
    pub fn at(url: &str) -> Self {
        let (url, region) = (url.to_owned(), "us-east-1".to_owned());
        let backend = Backend::Endpoint { url, region, access_key: None, secret: None };
        Self { backend, topic: Topic::default(), _folder: None }
    }

    async fn store(&self) -> Store {
        Store::open(Config::new(self.backend.clone())).await.unwrap()
    }

    async fn host(&self, config: HostsConfig) -> Host {
        self.host_with(config, false).await
    }

    pub async fn host_with(&self, config: HostsConfig, fan_out: bool) -> Host {
        let store = self.store().await;
        let mut world = World::start(&store, only_queue()).await;
        let stop = CancellationToken::new();
        let (mut presence, neighbours) = Presence::new(store.clone(), config.heartbeat.0);
        presence.first().await;
        let mut follower = world.relay.follower(config, neighbours.clone());
        if fan_out {
            follower = follower.with_fan_out(self.topic.reader(&store));
            world.relay = world.relay.with_fan_out(FanOut::new(Arc::new(self.topic.clone()), store.clone()));
        }
        tokio::spawn(presence.run(stop.clone()));
        tokio::spawn(follower.run(stop.clone()));
        Host { world, store, neighbours, _stop: stop.drop_guard() }
    }
}

pub(super) struct Host {
    pub world: World,
    store: Store,
    neighbours: watch::Receiver<signalbox_delivery::Neighbours>,
    _stop: tokio_util::sync::DropGuard,
}

impl Host {
    /// Stores a decision of now, and hands it over.
    pub async fn decide(&self, mut record: DecisionRecord) -> DecisionRecord {
        record.decision.created_at = self.store.moment().await.unwrap();
        self.store.commit_decision(&record).await.unwrap();
        self.world.relay.committed(&Arc::new(record.clone()));
        record
    }

    pub async fn sees_others(&mut self) {
        let seen = |known: &signalbox_delivery::Neighbours| {
            matches!(known, signalbox_delivery::Neighbours::Some { all_announce: true })
        };
        tokio::time::timeout(DEADLINE, self.neighbours.wait_for(seen)).await.unwrap().unwrap();
    }
}

/// What a person hears until a frame with this id has come.
pub(super) async fn heard_until(person: &Person, last: &str) -> Vec<Value> {
    let mut heard = Vec::new();
    let wait = async {
        while !heard.iter().any(|frame| id_of(frame) == last) {
            heard.extend(person.heard());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, wait).await;
    waited.unwrap_or_else(|_| panic!("{last} never came, but {heard:#?}"));
    heard
}

fn id_of(frame: &Value) -> &str {
    let id = frame["id"].as_str().or_else(|| frame["decisionId"].as_str());
    id.unwrap_or_default()
}

fn ids(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(id_of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_host_decides_reaches_the_people_of_every_host_once_and_in_order() {
    let cluster = Cluster::new();
    let (mut here, mut there, mut third) =
        (cluster.host(config()).await, cluster.host(config()).await, cluster.host(config()).await);
    for host in [&mut here, &mut there, &mut third] {
        host.sees_others().await;
    }
    let (ana, ana_too, dan, eva) = (
        there.world.connect("ana", "coordinator"),
        third.world.connect("ana", "coordinator"),
        third.world.connect("dan", "manager"),
        there.world.connect("eva", "coordinator"),
    );
    let mut expected = Vec::new();
    for number in 0..10 {
        let id = format!("d{number}");
        let managers = broadcast(None, Some("review"), Wider::default());
        let record = here.decide(decision(&id, vec![to_user("eva"), managers])).await;
        here.world.settled(&record, delivered).await;
        expected.push(format!("rsp_{id}"));
    }
    here.decide(decision("last", Vec::new())).await;
    expected.push("rsp_last".to_owned());
    assert_eq!(ids(&heard_until(&ana, "rsp_last").await), expected);
    assert_eq!(ids(&heard_until(&ana_too, "rsp_last").await), expected);
    assert_eq!(ids(&heard_until(&eva, "d9-0").await), (0..10).map(|n| format!("d{n}-0")).collect::<Vec<_>>());
    assert_eq!(ids(&heard_until(&dan, "d9-1").await), (0..10).map(|n| format!("d{n}-1")).collect::<Vec<_>>());
    for person in [&ana, &ana_too, &dan, &eva] {
        assert!(person.heard().is_empty(), "nothing twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_is_told_on_every_host_when_it_is_requested_and_when_it_ends() {
    let cluster = Cluster::new();
    let (mut here, mut there) = (cluster.host(config()).await, cluster.host(config()).await);
    here.sees_others().await;
    there.sees_others().await;
    let (dan, dan_here) = (there.world.connect("dan", "manager"), here.world.connect("dan", "manager"));
    let mut record = decision("d1", Vec::new());
    record.output.responses.clear();
    record.decision.outcome = Outcome::ReviewPending;
    record.review = Some(serde_json::from_value(json!({"requestedAt": Timestamp::now(), "resolution": null})).unwrap());
    let record = here.decide(record).await;
    let heard = heard_until(&dan, "d1").await;
    assert_eq!(heard.iter().map(|frame| frame["state"].as_str().unwrap()).collect::<Vec<_>>(), ["requested"]);
    let verdict = ReviewDecision {
        by: "dan".to_owned(),
        verdict: ReviewVerdict::Approve,
        ..ReviewDecision::expiry(&record.decision.id, Timestamp::now())
    };
    let resolved = there.store.resolve_review("d1", "trattoria", &verdict).await.unwrap();
    let Resolved::Done(resolved) = resolved else { panic!("{resolved:?}") };
    there.world.relay.reviewed(&Arc::new(*resolved));
    let mut states = Vec::new();
    while states.len() < 2 {
        for frame in heard_until(&dan_here, "d1").await {
            states.push(frame["state"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(states, ["requested", "resolved"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_host_finds_what_a_host_decides_that_takes_itself_to_be_alone() {
    let cluster = Cluster::new();
    // The first one looks for others once, and never again.
    let rarely = || HostsConfig { heartbeat: HumanDuration::secs(3_600), ..config() };
    let here = cluster.host(rarely()).await;
    assert!(!here.store.announces_changes());
    let there = cluster.host(rarely()).await;
    let ana = there.world.connect("ana", "coordinator");
    for number in 0..5 {
        here.decide(decision(&format!("d{number}"), Vec::new())).await;
    }
    let heard = heard_until(&ana, "rsp_d4").await;
    assert_eq!(ids(&heard), ["rsp_d0", "rsp_d1", "rsp_d2", "rsp_d3", "rsp_d4"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_another_host_brings_its_decision_before_the_next_look() {
    let cluster = Cluster::new();
    let mut here = cluster.host_with(hardly_ever(), true).await;
    let mut there = cluster.host_with(hardly_ever(), true).await;
    here.sees_others().await;
    there.sees_others().await;
    let (ana, ana_here) = (there.world.connect("ana", "coordinator"), here.world.connect("ana", "coordinator"));
    // Of a version that does more.
    cluster.topic.send("trattoria", br#"{"kind": "song", "host": "other", "verse": 1}"#);
    cluster.topic.send("trattoria", b"no record at all");
    let mut expected = Vec::new();
    for number in 0..20 {
        here.decide(decision(&format!("d{number}"), Vec::new())).await;
        expected.push(format!("rsp_d{number}"));
    }
    for person in [&ana, &ana_here] {
        assert_eq!(ids(&heard_until(person, "rsp_d19").await), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_alone_announces_nothing_and_begins_with_the_second_host() {
    let cluster = Cluster::new();
    let mut here = cluster.host(config()).await;
    assert!(!here.store.announces_changes());
    let there = cluster.host(config()).await;
    here.sees_others().await;
    assert!(here.store.announces_changes() && there.store.announces_changes());
    drop(there);
    let alone = |known: &signalbox_delivery::Neighbours| matches!(known, signalbox_delivery::Neighbours::None(_));
    tokio::time::timeout(DEADLINE, here.neighbours.wait_for(alone)).await.unwrap().unwrap();
    assert!(!here.store.announces_changes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_decided_before_a_client_connected_is_left_to_its_resume() {
    let cluster = Cluster::new();
    let (mut here, mut there) = (cluster.host(config()).await, cluster.host(config()).await);
    here.sees_others().await;
    there.sees_others().await;
    let mut old = decision("old", Vec::new());
    // Made before, and indexed only now.
    old.decision.created_at = here.store.moment().await.unwrap() - Duration::from_secs(10);
    let _eva = there.world.connect("eva", "coordinator");
    let ana = there.world.connect("ana", "coordinator");
    here.store.commit_decision(&old).await.unwrap();
    here.decide(decision("new", Vec::new())).await;
    let heard = heard_until(&ana, "rsp_new").await;
    let unique: HashSet<_> = ids(&heard).into_iter().collect();
    assert_eq!(unique, HashSet::from(["rsp_new"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_a_connection_of_another_host_takes_does_not_go_to_the_fallback_topic() {
    let cluster = Cluster::new();
    let (mut here, mut there) = (cluster.host(config()).await, cluster.host(config()).await);
    here.sees_others().await;
    there.sees_others().await;
    let eva = there.world.connect("eva", "coordinator");
    let mut record = decision("d1", vec![to_user("eva")]);
    record.decision.created_at = here.store.moment().await.unwrap();
    here.store.commit_decision(&record).await.unwrap();
    let now = Timestamp::now();
    let kept = EffectState::Kept { at: now, until: now + Duration::from_secs(3_600) };
    let update = EffectUpdate { effect_id: "d1-0".to_owned(), state: kept };
    here.store.update_effects("d1", "trattoria", &[update]).await.unwrap();
    assert_eq!(ids(&heard_until(&eva, "d1-0").await), ["d1-0"]);
    let taken = |state: &EffectState| matches!(state, EffectState::Delivered { to: Some(DeliveredTo::Connection), .. });
    here.world.settled(&record, taken).await;
}
