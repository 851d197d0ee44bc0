use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};
use signalbox_kafka::KafkaSecurity;
use signalbox_model::{HumanDuration, HumanSize};

/// `[kafka]`: the brokers, and how records are taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// Some of the brokers, `host:port` each; without one nothing is read.
    pub brokers: Vec<String>,
    /// What the host is called in the brokers' logs and quotas.
    pub client_id: String,
    /// How brokers and host know each other.
    pub security: KafkaSecurity,
    /// The consumer group: hosts of one group share the records, each is decided by one of them.
    pub group_id: String,
    /// The topic whose records are inputs as they stand; without it there is none.
    pub inputs_topic: Option<String>,
    /// Where records go that can never be decided.
    pub dead_letter_topic: String,
    /// Where resource actions go.
    #[serde(deserialize_with = "topic")]
    pub resource_actions_topic: String,
    /// Where messages to people go that no connection took in time; without it they stay in the mailbox.
    #[serde(deserialize_with = "topic_if_any")]
    pub fallback_topic: Option<String>,
    /// How long a message to people waits for a connection before it goes there.
    pub fallback_after: HumanDuration,
    /// Where hosts tell each other of decisions whose people may be connected to another host; without it they find
    /// them in the store, a second or two later.
    #[serde(deserialize_with = "topic_if_any")]
    pub fan_out_topic: Option<String>,
    /// The topics that plugins may publish to: the topic by the logical name that grants and plugins use.
    #[serde(deserialize_with = "topics")]
    pub topics: BTreeMap<String, String>,
    /// Where a group begins that has read nothing yet: `earliest` or `latest`.
    pub start_at: StartAt,
    /// The largest record, with its key and headers.
    pub record_size: HumanSize,
    /// Records that are being decided or wait for it; reading pauses while there are more.
    pub in_flight: usize,
    /// The same in bytes.
    pub in_flight_size: HumanSize,
    /// How often what is finished is committed.
    pub commit_interval: HumanDuration,
    /// How often a record is tried with a handler that breaks before it becomes a dead letter.
    pub handler_attempts: u32,
    /// The first pause before something that may work later is tried again; it doubles each time.
    pub retry_after: HumanDuration,
    /// The longest such pause.
    pub longest_retry_after: HumanDuration,
    /// How long a record that the host sends may take to be confirmed before it is sent again: a dead letter, or an
    /// effect.
    pub send_timeout: HumanDuration,
    /// How long the brokers wait for a host that says nothing before others take its partitions.
    pub session_timeout: HumanDuration,
    /// How long running records are waited for when their partition goes to another host.
    pub revoke_timeout: HumanDuration,
}

/// Where a group begins that has read nothing yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StartAt {
    /// At the oldest record there is.
    #[default]
    Earliest,
    /// At what is written from then on.
    Latest,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            client_id: "signalbox".to_owned(),
            security: KafkaSecurity::default(),
            group_id: "signalbox".to_owned(),
            inputs_topic: None,
            dead_letter_topic: "signalbox.dead-letters".to_owned(),
            resource_actions_topic: "signalbox.resource-actions".to_owned(),
            fallback_topic: None,
            fallback_after: HumanDuration::secs(300),
            fan_out_topic: None,
            topics: BTreeMap::new(),
            start_at: StartAt::default(),
            record_size: HumanSize(256 * 1024),
            in_flight: 32,
            in_flight_size: HumanSize(16 * 1024 * 1024),
            commit_interval: HumanDuration::secs(1),
            handler_attempts: 3,
            retry_after: HumanDuration::millis(500),
            longest_retry_after: HumanDuration::secs(30),
            send_timeout: HumanDuration::secs(10),
            session_timeout: HumanDuration::secs(10),
            revoke_timeout: HumanDuration::secs(10),
        }
    }
}

fn topic<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let topic = String::deserialize(deserializer)?;
    check_name(&topic).map_err(de::Error::custom)?;
    Ok(topic)
}

fn topic_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let topic = Option::<String>::deserialize(deserializer)?;
    topic.iter().try_for_each(|topic| check_name(topic)).map_err(de::Error::custom)?;
    Ok(topic)
}

fn topics<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let topics = BTreeMap::<String, String>::deserialize(deserializer)?;
    for (name, topic) in &topics {
        check_name(topic).map_err(|problem| de::Error::custom(format!("`{name}`: {problem}")))?;
    }
    Ok(topics)
}

/// The brokers' own rule; a record for any other name would only be refused when it leaves.
fn check_name(topic: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if topic.is_empty() || topic.len() > 249 || !topic.chars().all(allowed) {
        return Err(format!("`{topic}` is no name of a Kafka topic; use 1 to 249 letters, digits, `.`, `-` and `_`"));
    }
    Ok(())
}
