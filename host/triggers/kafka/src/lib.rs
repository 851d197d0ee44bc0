//! Kafka: records of topics become inputs, each decided once. `docs/guide/kafka.md` describes it for senders and
//! operators.
//!
//! The way of a record: the [`consumer_thread`]'s thread takes it from librdkafka and enters it into the [`in_flight`],
//! which runs records with the same key one after the other. A task [`work`]s on it: the record is decided
//! ([`record_intake`]), or becomes one of the [`dead_letters`]. Only offsets below every unfinished record of a
//! partition are committed. After a crash the next reader therefore begins with the first unfinished record, and
//! answers records that are decided already from the store.

mod business;
mod config;
mod consumer_thread;
mod dead_letters;
mod in_flight;
mod key_queues;
mod metrics;
mod partition_progress;
mod read;
mod rebalance;
mod record;
mod record_error;
mod record_intake;
mod start_position;
mod work;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use signalbox_graph::Inputs;
use signalbox_intake::Intake;
use signalbox_kafka::{KafkaConnection, KafkaConnectionError, KafkaProducer};
use signalbox_model::Clock;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use consumer_thread::{ConsumerThread, ShutdownPhase};
use dead_letters::DeadLetters;
use in_flight::InFlightRecords;
use record_intake::RecordIntake;
use start_position::StartPosition;
use work::{RetryLimits, Worker};

pub use config::{KafkaConfig, StartAt};
pub use dead_letters::{HEADERS as DEAD_LETTER_HEADERS, VALUE_SIZE as DEAD_LETTER_VALUE_SIZE};
pub use metrics::describe_metrics;

/// How often librdkafka reports how far the group lags.
const STATISTICS: Duration = Duration::from_secs(5);

/// How often the brokers are asked for topics that did not exist.
const METADATA: Duration = Duration::from_secs(15);

/// The part of a deadline that is kept for committing and leaving the group.
const CLOSE_MARGIN: Duration = Duration::from_secs(2);

/// Reads Kafka for this host. Dropping it ends the reading as a crash would: nothing more is committed.
pub struct KafkaConsumer {
    shutdown: watch::Sender<ShutdownPhase>,
    ended: Option<oneshot::Receiver<usize>>,
}

/// Why Kafka cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KafkaError {
    /// The brokers' configuration cannot be used.
    #[error(transparent)]
    Connection(#[from] KafkaConnectionError),
    /// A topic is used for two things.
    #[error("topic {topic} is {one} and {other}; each needs a topic of its own")]
    Topic {
        /// The topic.
        topic: String,
        /// Its first use.
        one: String,
        /// Its second use.
        other: &'static str,
    },
    /// The operating system refuses another thread.
    #[error("the thread that reads Kafka cannot be started: {0}")]
    Thread(String),
}

impl KafkaConfig {
    /// Checks that each topic of the configuration has one use. Plugins must not publish to a topic of the host itself:
    /// records on the topic of inputs speak for every user and business.
    pub fn check_own_topics(&self) -> Result<(), KafkaError> {
        let own = self.own_topics();
        for (index, (key, topic)) in own.iter().enumerate() {
            let before = own.iter().take(index).find(|(_, other)| other == topic);
            if let Some((other, _)) = before {
                return Err(KafkaError::Topic { topic: (*topic).to_owned(), one: (*key).to_owned(), other });
            }
        }
        self.topics.iter().try_for_each(|(name, topic)| self.check_use(topic, || format!("kafka.topics.{name}")))
    }

    /// Checks that the host itself uses none of a bundle's topics.
    pub fn check(&self, bundle: &str, inputs: &Inputs) -> Result<(), KafkaError> {
        let place = |name: &str| format!("[inputs.kafka.{name}] of {bundle}");
        inputs.kafka.iter().try_for_each(|(name, input)| self.check_use(&input.topic, || place(name)))
    }

    fn check_use(&self, topic: &str, place: impl FnOnce() -> String) -> Result<(), KafkaError> {
        match self.own_topics().into_iter().find(|(_, own)| *own == topic) {
            Some((other, _)) => Err(KafkaError::Topic { topic: topic.to_owned(), one: place(), other }),
            None => Ok(()),
        }
    }

    /// The topics of the host itself, with their keys.
    fn own_topics(&self) -> Vec<(&'static str, &str)> {
        let mut own = vec![
            ("kafka.dead-letter-topic", self.dead_letter_topic.as_str()),
            ("kafka.resource-actions-topic", self.resource_actions_topic.as_str()),
        ];
        own.extend(self.inputs_topic.as_deref().map(|topic| ("kafka.inputs-topic", topic)));
        own.extend(self.fallback_topic.as_deref().map(|topic| ("kafka.fallback-topic", topic)));
        own.extend(self.fan_out_topic.as_deref().map(|topic| ("kafka.fan-out-topic", topic)));
        own
    }

    /// The topics to subscribe to at this moment: the host's own, and those of every business's bundle.
    fn topics(&self, intake: &Intake) -> BTreeSet<String> {
        let businesses = intake.businesses();
        let inputs = businesses.iter().filter_map(|business| intake.inputs(&business.business_id).ok());
        let mut topics: BTreeSet<String> = inputs
            .flat_map(|(_, inputs)| inputs.kafka.values().map(|input| input.topic.clone()).collect::<Vec<_>>())
            .collect();
        topics.extend(self.inputs_topic.clone());
        // Even when a bundle names it: dead letters that are read would come back for ever.
        topics.remove(&self.dead_letter_topic);
        topics
    }

    fn consumer(&self, connection: &KafkaConnection) -> ClientConfig {
        let millis = |duration: Duration| duration.as_millis().max(1).to_string();
        let session = self.session_timeout.0;
        // How much is read ahead; librdkafka counts in KiB and up to 2 GiB.
        let queue = (self.in_flight_size.0 / 1024).clamp(1, 2_097_151);
        let mut config = connection.client_config();
        config
            .set("group.id", &self.group_id)
            .set("partition.assignment.strategy", "cooperative-sticky")
            // Only the host commits an offset, once the record is done.
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // Where nothing is committed, the host itself chooses the start. This setting is for a committed offset
            // that no longer exists, because the brokers have deleted the record: reading goes on with the oldest
            // record that they have.
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", millis(session))
            .set("heartbeat.interval.ms", millis(session / 3))
            // The reader polls all the time, except while it gives partitions away.
            .set("max.poll.interval.ms", millis(Duration::from_secs(300).max(session * 2 + self.revoke_timeout.0)))
            .set("queued.max.messages.kbytes", queue.to_string())
            // How long a commit to unreachable brokers blocks the reader.
            .set("socket.timeout.ms", millis(session))
            .set("topic.metadata.refresh.interval.ms", millis(METADATA))
            .set("statistics.interval.ms", millis(STATISTICS));
        config
    }
}

impl KafkaConsumer {
    /// Begins to read; must be called within a runtime, on which the tasks for records run. Unreachable brokers are no
    /// error: connecting is tried again until it works.
    pub fn start(
        config: &KafkaConfig,
        connection: &KafkaConnection,
        intake: Intake,
        clock: Clock,
    ) -> Result<Self, KafkaError> {
        let in_flight_records = Arc::new(InFlightRecords::new(config.in_flight, config.in_flight_size.0));
        let producer = KafkaProducer::new(connection, config.send_timeout.0)?;
        let worker = Worker {
            record_intake: RecordIntake {
                intake: intake.clone(),
                clock,
                inputs_topic: config.inputs_topic.clone(),
                limit: config.record_size.0,
            },
            dead_letters: DeadLetters { producer, topic: config.dead_letter_topic.clone() },
            in_flight_records: in_flight_records.clone(),
            retry_limits: RetryLimits {
                attempts: config.handler_attempts,
                first: config.retry_after.0,
                max_delay: config.longest_retry_after.0,
            },
        };
        let (shutdown, shutdown_receiver) = watch::channel(ShutdownPhase::Running);
        let own = config.clone();
        let reader = ConsumerThread {
            config: config.consumer(connection),
            connection: connection.clone(),
            in_flight_records,
            worker: Arc::new(worker),
            topics: Box::new(move || own.topics(&intake)),
            commit_interval: config.commit_interval.0,
            revoke_timeout: config.revoke_timeout.0,
            start: StartPosition { at: config.start_at, timeout: config.session_timeout.0 / 2 },
            runtime: Handle::current(),
            shutdown: shutdown_receiver,
        };
        // A configuration that librdkafka refuses is reported now.
        let session = reader.connect().map_err(|error| KafkaConnectionError::Refused(error.to_string()))?;
        let (ended_sender, ended) = oneshot::channel();
        let run = move || {
            let _ = ended_sender.send(reader.run(session));
        };
        let thread = std::thread::Builder::new().name("kafka-reader".to_owned()).spawn(run);
        thread.map_err(|error| KafkaError::Thread(error.to_string()))?;
        Ok(Self { shutdown, ended: Some(ended) })
    }

    /// Stops reading, lets running records end, commits and leaves the group, all within the deadline; returns how many
    /// records were left unfinished. The next host of their partitions reads them again.
    pub async fn leave(mut self, deadline: Duration) -> usize {
        let until = tokio::time::Instant::now() + deadline;
        self.shutdown.send_replace(ShutdownPhase::Graceful(Instant::now() + deadline.saturating_sub(CLOSE_MARGIN)));
        let Some(ended) = self.ended.take() else { return 0 };
        match tokio::time::timeout_at(until, ended).await {
            Ok(unfinished) => unfinished.unwrap_or_default(),
            Err(_) => {
                tracing::warn!(
                    "the Kafka group could not be left in time; the brokers give up on this host by themselves"
                );
                1
            }
        }
    }
}

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        if self.ended.is_some() {
            self.shutdown.send_replace(ShutdownPhase::Immediate);
        }
    }
}

impl fmt::Debug for KafkaConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KafkaConsumer")
    }
}

#[cfg(test)]
mod tests {
    use signalbox_graph::KafkaInput;

    use super::*;

    #[test]
    fn a_topic_with_two_uses_is_refused_and_both_are_named() {
        let config = KafkaConfig { inputs_topic: Some("inputs".to_owned()), ..KafkaConfig::default() };
        let check = |topic: &str| {
            let input = KafkaInput { topic: topic.to_owned(), handler: None };
            config.check("the bundle", &Inputs { kafka: [("k".to_owned(), input)].into(), ..Inputs::default() })
        };
        check("orders").unwrap();
        for (topic, other) in [
            ("inputs", "kafka.inputs-topic"),
            ("signalbox.dead-letters", "kafka.dead-letter-topic"),
            ("signalbox.resource-actions", "kafka.resource-actions-topic"),
        ] {
            let error = check(topic).unwrap_err().to_string();
            assert!(error.contains("[inputs.kafka.k] of the bundle") && error.contains(other), "{error}");
        }
    }

    #[test]
    fn topics_of_the_configuration_are_used_once_and_plugins_publish_to_none_of_the_hosts() {
        let default = KafkaConfig::default;
        default().check_own_topics().unwrap();
        let dead = Some("signalbox.dead-letters".to_owned());
        let error = KafkaConfig { inputs_topic: dead, ..default() }.check_own_topics().unwrap_err().to_string();
        assert!(error.contains("kafka.inputs-topic and kafka.dead-letter-topic"), "{error}");
        let topics = |topic: &str| [("orders".to_owned(), topic.to_owned())].into();
        KafkaConfig { topics: topics("prod.orders"), ..default() }.check_own_topics().unwrap();
        let fallback = Some("orders".to_owned());
        let error = KafkaConfig { topics: topics("orders"), fallback_topic: fallback, ..default() }.check_own_topics();
        assert!(error.unwrap_err().to_string().contains("kafka.topics.orders and kafka.fallback-topic"));
        let config = KafkaConfig { topics: topics("inputs"), inputs_topic: Some("inputs".to_owned()), ..default() };
        let error = config.check_own_topics().unwrap_err().to_string();
        assert!(error.contains("kafka.topics.orders and kafka.inputs-topic"), "{error}");
    }
}
