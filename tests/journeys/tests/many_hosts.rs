//! People on several hosts: whatever host decides, the answer reaches each person once on each connection, while hosts
//! come and go and while Kafka is away.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use signalbox_tests_support::{DEADLINE, Host, MockKafka, Setup, StoreServer, Token, bundle};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::webhooks::{HOOK, SECRET, SECRETS, deliver_to};
use super::{text_at, until};

/// How many people there are.
const PEOPLE: usize = 300;

/// How many businesses they belong to.
const BUSINESSES: usize = 10;

/// How many inputs are sent at a time.
const AT_A_TIME: usize = 12;

const TOPIC: &str = "fan-out";

/// The bundle `probes/websocket` with all triggers; the folder is deleted with the returned value.
fn notifying() -> Result<TempDir> {
    let folder = TempDir::new()?;
    for entry in fs::read_dir(bundle("probes/websocket")?)? {
        let entry = entry?;
        fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
    }
    let manifest = folder.path().join("bundle.toml");
    let inputs = format!("[inputs.websocket]\n[inputs.api]\n{HOOK}");
    fs::write(&manifest, fs::read_to_string(&manifest)?.replace("[inputs.websocket]\n", &inputs))?;
    Ok(folder)
}

async fn host(bundle: &Path, store: &StoreServer, kafka: &MockKafka) -> Result<Host> {
    let keys = format!(
        "[kafka]\nbrokers = [{}]\nfan-out-topic = {}\n{SECRETS}\
         [intake]\nrate-per-business = 10000\nburst-per-business = 10000\n\
         [delivery.hosts]\nheartbeat = \"500ms\"\n",
        json!(kafka.brokers()),
        json!(kafka.name(TOPIC)),
    );
    let mut setup = Setup::new()?.bundle(bundle).store(store.config()).config(&keys);
    for business in 0..BUSINESSES {
        setup = setup.business(&business_id(business), "probe-websocket")?;
    }
    fs::write(setup.path().join("events"), SECRET)?;
    setup.start().await
}

/// Waits until each host knows how many there are, and hears of them over Kafka.
async fn settled(hosts: &[&Host]) -> Result<()> {
    for host in hosts {
        until("the hosts know of each other", async || {
            let count = host.metric("signalbox_hosts", &[]).await?;
            let reads = host.metric("signalbox_fan_out_reading", &[]).await?;
            Ok(count == Some(hosts.len() as f64) && reads == Some(1.0))
        })
        .await?;
    }
    Ok(())
}

/// A connection, and every frame that has come on it.
struct Connection {
    user: String,
    frames: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    /// Connects; with a cursor, it asks for what was missed since, again when the store was too busy.
    async fn open(host: &Host, person: usize, cursor: Option<&str>) -> Result<Self> {
        let (user, business) = (user_name(person), business_id(person));
        let mut client = host.coordinator(&user, &business).await?;
        let frames = Arc::new(Mutex::new(Vec::new()));
        let mut is_complete = cursor.is_none();
        while !is_complete {
            client.send(&json!({"type": "resume", "businessId": business, "cursor": cursor})).await?;
            loop {
                let frame = client.next().await?;
                let kind = text_at(&frame, "/type").map(str::to_owned);
                is_complete = kind.as_deref() == Some("resumed");
                frames.lock().unwrap().push(frame);
                if is_complete || kind.as_deref() == Some("error") {
                    break;
                }
            }
        }
        let collected = frames.clone();
        let task = tokio::spawn(async move {
            loop {
                match client.next_or_closed().await {
                    Ok(Ok(frame)) => collected.lock().unwrap().push(frame),
                    Ok(Err(_)) => return,
                    // Nothing came for a while.
                    Err(_) => {}
                }
            }
        });
        Ok(Self { user, frames, task })
    }

    /// What tells the answers and notifications on this connection apart, in their order.
    fn heard(&self) -> Vec<Heard> {
        self.frames.lock().unwrap().iter().filter_map(Heard::of).collect()
    }

    fn cursor(&self) -> Option<String> {
        let frames = self.frames.lock().unwrap();
        frames.iter().rev().find_map(|frame| text_at(frame, "/cursor").map(str::to_owned))
    }
}

/// An answer or a notification.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Heard {
    /// The answer of this decision.
    Answer(String),
    /// A notification with this content.
    News(String),
}

impl Heard {
    fn of(frame: &Value) -> Option<Self> {
        match text_at(frame, "/type")? {
            "response" => Some(Self::Answer(text_at(frame, "/decisionId")?.to_owned())),
            "notification" => Some(Self::News(text_at(frame, "/content/news")?.to_owned())),
            _ => None,
        }
    }
}

/// All people with all their connections, and what each has to hear.
#[derive(Default)]
struct People {
    /// The connections of each person, the present one last.
    connections: Vec<Vec<Connection>>,
    expected: Vec<Vec<Heard>>,
}

impl People {
    async fn connect(hosts: &[&Host]) -> Result<Self> {
        let opened = stream::iter(0..PEOPLE)
            .map(|person| Connection::open(hosts[person % hosts.len()], person, None))
            .buffered(AT_A_TIME);
        let opened: Vec<Connection> = opened.try_collect().await?;
        let connections = opened.into_iter().map(|connection| vec![connection]).collect();
        Ok(Self { connections, expected: vec![Vec::new(); PEOPLE] })
    }

    /// Sends something to each person: a third by WebSocket, by API and by webhook each, on the hosts in turn.
    async fn tell_all(&mut self, round: usize, hosts: &[&Host]) -> Result<()> {
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build()?;
        let told = stream::iter(0..PEOPLE).map(|person| tell(&client, round, person, hosts)).buffered(AT_A_TIME);
        let told: Vec<Vec<Heard>> = told.try_collect().await?;
        for (expected, told) in self.expected.iter_mut().zip(told) {
            expected.extend(told);
        }
        Ok(())
    }

    /// Waits until everyone has heard everything.
    async fn all_hear(&self) -> Result<()> {
        for (person, (connections, expected)) in self.connections.iter().zip(&self.expected).enumerate() {
            let missing = || {
                let heard: HashSet<_> = connections.iter().flat_map(Connection::heard).collect();
                expected.iter().find(|expected| !heard.contains(expected)).cloned()
            };
            let waited = until("everyone hears everything", async || Ok(missing().is_none())).await;
            waited.with_context(|| format!("person {person} lacks {:?}", missing()))?;
        }
        Ok(())
    }

    /// Checks that nothing has come twice on a connection, or to another person, and that answers came in their order.
    fn check(&self) -> Result<()> {
        for (connections, expected) in self.connections.iter().zip(&self.expected) {
            for connection in connections {
                let heard = connection.heard();
                let unique: HashSet<_> = heard.iter().collect();
                ensure!(unique.len() == heard.len(), "{} heard something twice: {heard:?}", connection.user);
                let stranger = heard.iter().find(|heard| !expected.contains(heard));
                ensure!(stranger.is_none(), "{} heard {stranger:?}, which is not for it", connection.user);
                let answers = |all: &[Heard]| {
                    all.iter().filter(|heard| matches!(heard, Heard::Answer(_))).cloned().collect::<Vec<_>>()
                };
                let heard = answers(&heard);
                let mut in_order = answers(expected);
                in_order.retain(|expected| heard.contains(expected));
                ensure!(heard == in_order, "{} heard {heard:?} instead of {in_order:?}", connection.user);
            }
        }
        Ok(())
    }
}

fn user_name(person: usize) -> String {
    format!("user-{person}")
}

/// The business of a person.
fn business_id(person: usize) -> String {
    format!("business-{}", person % BUSINESSES)
}

/// Has a host decide something for a person; says what the person has to hear.
async fn tell(client: &reqwest::Client, round: usize, person: usize, hosts: &[&Host]) -> Result<Vec<Heard>> {
    // Not the host to which the person is connected, mostly.
    let host = hosts[(person + round + 1) % hosts.len()];
    let (user, business) = (user_name(person), business_id(person));
    let news = format!("round {round} for {user}");
    let calls = json!({"calls": [{"call": "send", "user": user, "content": {"news": news}}]});
    match person / hosts.len() % 3 {
        0 => {
            let mut sender = host.coordinator(&format!("sender-of-{user}"), &business).await?;
            let id = format!("message-{round}-{person}");
            sender
                .send(&json!({"type": "message", "id": id, "businessId": business, "content": {"data": calls}}))
                .await?;
            sender.expect_for("response", &id).await?;
            Ok(vec![Heard::News(news)])
        }
        1 => {
            // Two of the person's own inputs, the second one once the first is decided.
            let token = Token::new(&user).business(&business, &["coordinator"]).mint()?;
            let url = format!("{}/v1/businesses/{business}/inputs", host.url());
            let mut answers = Vec::new();
            for _ in 0..2 {
                let body = json!({"content": {"data": {"calls": []}}});
                let request = client.post(&url).bearer_auth(&token).header("prefer", "wait=30").json(&body);
                let response = request.send().await?.error_for_status()?;
                ensure!(response.status() == 200, "it was not decided in time");
                let decision: Value = response.json().await?;
                answers.push(Heard::Answer(text_at(&decision, "/id").context("a decision has an id")?.to_owned()));
            }
            Ok(answers)
        }
        _ => {
            let id = format!("msg-{round}-{person}");
            let (status, answer) = deliver_to(&business, host, &id, &calls.to_string(), SECRET).await?;
            ensure!(status == 202, "{answer}");
            Ok(vec![Heard::News(news)])
        }
    }
}

async fn frames(hosts: &[&Host], path: &str) -> Result<f64> {
    let mut sum = 0.0;
    for host in hosts {
        sum += host.metric("signalbox_change_feed_frames_total", &[&format!("path=\"{path}\"")]).await?.unwrap_or(0.0);
    }
    Ok(sum)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_reaches_its_person_once_on_whichever_host_through_losses_of_hosts_and_kafka() -> Result<()> {
    let (store, kafka, folder) = (StoreServer::start().await?, MockKafka::start()?, notifying()?);
    kafka.topic(TOPIC, 3).await?;
    let start = || host(folder.path(), &store, &kafka);
    let (first, second, third) = tokio::join!(start(), start(), start());
    let (first, second, mut third) = (first?, second?, third?);
    settled(&[&first, &second, &third]).await?;
    let mut people = People::connect(&[&first, &second, &third]).await?;

    people.tell_all(0, &[&first, &second, &third]).await?;
    people.all_hear().await?;
    ensure!(frames(&[&first, &second, &third], "fan_out").await? > 0.0, "hosts hear of each other over Kafka");

    kafka.down()?;
    let before = frames(&[&first, &second, &third], "feed").await?;
    people.tell_all(1, &[&first, &second, &third]).await?;
    people.all_hear().await?;
    ensure!(frames(&[&first, &second, &third], "feed").await? > before, "without Kafka they look into the store");
    kafka.up()?;

    // A host dies while others decide; its people go to the others, and ask for what they have missed.
    let left = [&first, &second];
    let (told, killed) = tokio::join!(people.tell_all(2, &left), third.kill());
    told?;
    killed?;
    let fourth = start().await?;
    for person in (2..PEOPLE).step_by(3) {
        let to = [&first, &second, &fourth][person / 3 % 3];
        let connections = &mut people.connections[person];
        let cursor = connections.last().and_then(Connection::cursor);
        connections.push(Connection::open(to, person, cursor.as_deref()).await?);
    }
    people.all_hear().await?;

    people.tell_all(3, &[&first, &second, &fourth]).await?;
    people.all_hear().await?;

    let calls = json!({"calls": [{"call": "broadcast", "content": {"news": "to all"}}]});
    let business = business_id(0);
    let (status, answer) = deliver_to(&business, &fourth, "msg-to-all", &calls.to_string(), SECRET).await?;
    ensure!(status == 202, "{answer}");
    for person in (0..PEOPLE).filter(|person| business_id(*person) == business) {
        people.expected[person].push(Heard::News("to all".to_owned()));
    }
    people.all_hear().await?;
    people.check()
}
