use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use signalbox_graph::{Inputs, KafkaInput};
use signalbox_intake::IntakeConfig;
use signalbox_kafka::KafkaConnection;
use signalbox_model::{Clock, HumanDuration};
use signalbox_sessions::Sessions;
use signalbox_store::{Config, DecisionQuery, DecisionRecord, Order, Store};
use signalbox_tests_decider::{Script, ScriptedDecider, businesses, handlers};
use signalbox_tests_support::{Kafka, MockKafka, Sent};
use signalbox_trigger_kafka::{KafkaConfig, KafkaConsumer};

/// Far longer than anything here takes, so that only a hang reaches it.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

pub const GROUP: &str = "signalbox";
pub const INPUTS: &str = "inputs";
pub const DEAD: &str = "dead";

const TOPICS: [&str; 5] = [INPUTS, "orders", "events", "till", DEAD];

/// A host with everything but an executor.
pub struct Host {
    pub decider: Arc<ScriptedDecider>,
    pub store: Store,
    consumer: Option<KafkaConsumer>,
}

/// What a test may change.
pub struct Settings {
    pub kafka: KafkaConfig,
    pub intake: IntakeConfig,
}

/// A cluster with the topics of the tests, two partitions each.
pub async fn cluster() -> Kafka {
    let kafka = Kafka::start().unwrap();
    kafka.topics(&TOPICS, 2).await.unwrap();
    kafka
}

/// The same in a cluster that fails when it is told to.
pub async fn mock_cluster() -> MockKafka {
    let kafka = MockKafka::start().unwrap();
    kafka.topics(&TOPICS, 2).await.unwrap();
    kafka
}

/// Every bundle reads `orders` (without a handler) and `events` (with one); only the trattoria's reads `till`.
pub fn inputs(cluster: &Kafka, business_id: &str) -> Inputs {
    let input = |topic: &str, handler: Option<&str>| KafkaInput {
        topic: cluster.name(topic),
        handler: handler.map(str::to_owned),
    };
    let mut kafka = vec![("plain", input("orders", None)), ("read", input("events", Some("reader")))];
    if business_id == "trattoria" {
        kafka.push(("till", input("till", Some("reader"))));
    }
    let kafka = kafka.into_iter().map(|(name, input)| (name.to_owned(), input)).collect();
    Inputs { kafka, ..Inputs::default() }
}

pub async fn memory() -> Store {
    Store::open(Config::memory()).await.unwrap()
}

/// An input for the trattoria with this id and text.
pub fn input(id: &str, text: &str) -> Value {
    json!({
        "id": id,
        "source": "kafka",
        "businessId": "trattoria",
        "type": "api_request",
        "content": {"text": text},
        "timestamp": "2026-11-23T08:00:00Z",
        "correlationId": format!("cor-{id}"),
    })
}

/// Sends an input, with its id as the key.
pub async fn send_input(kafka: &Kafka, id: &str, text: &str) -> (i32, i64) {
    send_keyed(kafka, id, id, text).await
}

pub async fn send_keyed(kafka: &Kafka, key: &str, id: &str, text: &str) -> (i32, i64) {
    let value = input(id, text).to_string();
    let record = Sent { key: Some(key), value: Some(&value), partition: Some(0), ..Sent::default() };
    kafka.send(INPUTS, record).await.unwrap()
}

/// Waits until `happened` is true.
pub async fn until(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !happened().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, wait).await.unwrap_or_else(|_| panic!("it never happened: {what}"));
}

/// Waits until the group has committed this offset of the topic's first partition.
pub async fn committed(kafka: &Kafka, topic: &str, offset: i64) {
    until(&format!("a commit of {offset}"), async || {
        kafka.committed(GROUP, topic, 1).unwrap().get(&0) == Some(&offset)
    })
    .await;
}

impl Host {
    pub async fn start(kafka: &Kafka) -> Self {
        Self::on(kafka, memory().await, |_| {}).await
    }

    pub async fn with(kafka: &Kafka, change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(kafka, memory().await, change).await
    }

    /// A host on a store that may have seen other hosts.
    pub async fn on(kafka: &Kafka, store: Store, change: impl FnOnce(&mut Settings)) -> Self {
        let quick = KafkaConfig {
            brokers: vec![kafka.brokers()],
            group_id: kafka.name(GROUP),
            inputs_topic: Some(kafka.name(INPUTS)),
            dead_letter_topic: kafka.name(DEAD),
            commit_interval: HumanDuration::millis(20),
            retry_after: HumanDuration::millis(5),
            longest_retry_after: HumanDuration::millis(50),
            session_timeout: HumanDuration::secs(6),
            send_timeout: HumanDuration::secs(2),
            ..KafkaConfig::default()
        };
        let mut settings = Settings { kafka: quick, intake: IntakeConfig::default() };
        change(&mut settings);
        let Settings { kafka: config, intake } = settings;
        let script = businesses().iter().fold(Script::of(businesses()), |script, business| {
            script.deploy(&business.business_id, inputs(kafka, &business.business_id))
        });
        let decider = ScriptedDecider::new(store.clone(), script.handler(handlers::instructions));
        let (intake, _) = decider.intake(intake, Sessions::new(1), Clock::system());
        let connection = KafkaConnection::new(&config.brokers, "test", &config.security, None).unwrap();
        let consumer = KafkaConsumer::start(&config, &connection, intake, Clock::system()).unwrap();
        Self { decider, store, consumer: Some(consumer) }
    }

    /// Leaves in order; says how many records were left unfinished.
    pub async fn leave(&mut self) -> usize {
        self.leave_within(TEST_TIMEOUT).await
    }

    pub async fn leave_within(&mut self, deadline: Duration) -> usize {
        self.consumer.take().unwrap().leave(deadline).await
    }

    /// Ends without a commit, like a crash as far as a thread allows it.
    pub fn crash(&mut self) {
        self.consumer = None;
    }

    /// Waits until `count` inputs have begun to be decided, and returns their texts.
    pub async fn started(&self, count: usize) -> Vec<String> {
        until(&format!("{count} started"), async || self.decider.started_texts().len() >= count).await;
        self.decider.started_texts()
    }

    /// Waits until the store has `count` decisions for a business, and returns them; more are a failure.
    pub async fn decided(&self, business_id: &str, count: usize) -> Vec<DecisionRecord> {
        until(&format!("{count} decisions"), async || self.decisions(business_id).await.len() >= count).await;
        let decisions = self.decisions(business_id).await;
        assert_eq!(decisions.len(), count);
        decisions
    }

    pub async fn decisions(&self, business_id: &str) -> Vec<DecisionRecord> {
        let business_id = business_id.to_owned();
        let order = Order::OldestFirst;
        let mut query = DecisionQuery { business_id, before: None, after: None, limit: 100, order };
        let mut found = Vec::new();
        loop {
            let page = self.store.decisions(&query).await.unwrap();
            found.extend(page.items);
            match page.cursor {
                Some(cursor) => query.after = Some(cursor),
                None => return found,
            }
        }
    }

    /// The texts of the trattoria's decided inputs, sorted.
    pub async fn texts(&self) -> Vec<String> {
        let decisions = self.decisions("trattoria").await;
        let text = |decision: DecisionRecord| decision.decision.context.input.content.text.unwrap_or_default();
        let mut texts: Vec<String> = decisions.into_iter().map(text).collect();
        texts.sort();
        texts
    }
}
