//! What the consumer group has to say: partitions come and go, commits succeed or fail, figures arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use signalbox_delivery::KafkaLog;

use super::flow::{Commit, Flow};
use super::record::Place;
use crate::metrics::{KAFKA_COMMITS_FAILED, KAFKA_LAG, KAFKA_REBALANCES, KAFKA_UP};

/// Hears librdkafka's callbacks, on the reader's thread.
pub(super) struct Group {
    pub flow: Arc<Flow>,
    pub log: KafkaLog,
    /// How long running records are waited for when their partition goes.
    pub revoke_timeout: Duration,
    /// Set when the reader has committed all it will.
    pub closing: AtomicBool,
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, kind: &str, text: &str) {
        self.log.line(level, kind, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let up = statistics.brokers.values().any(|broker| broker.state == "UP");
        ::metrics::gauge!(KAFKA_UP).set(f64::from(u8::from(up)));
        for (topic, partition) in self.flow.places() {
            let of_topic = statistics.topics.get(&*topic);
            let lag = of_topic.and_then(|topic| topic.partitions.get(&partition)).map(|found| found.consumer_lag);
            // Below zero nobody knows yet.
            if let Some(lag) = lag.filter(|lag| *lag >= 0) {
                let labels = [("topic", topic.to_string()), ("partition", partition.to_string())];
                ::metrics::gauge!(KAFKA_LAG, &labels).set(lag as f64);
            }
        }
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                let places = places(list);
                ::metrics::counter!(KAFKA_REBALANCES, "kind" => "assigned").increment(1);
                tracing::info!(partitions = ?names(&places), "partitions were assigned");
                self.flow.assign(places);
            }
            Rebalance::Revoke(list) => self.revoke(consumer, &places(list)),
            Rebalance::Error(error) => {
                ::metrics::counter!(KAFKA_REBALANCES, "kind" => "failed").increment(1);
                tracing::warn!(%error, "a rebalance failed; the group tries again");
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let elements = offsets.elements();
        let failed = elements.iter().filter(|element| result.is_err() || element.error().is_err());
        let failed: Vec<Place> = failed.map(|element| (element.topic().into(), element.partition())).collect();
        if failed.is_empty() {
            return;
        }
        ::metrics::counter!(KAFKA_COMMITS_FAILED).increment(1);
        self.flow.not_committed(&failed);
        let error = result.err().map_or_else(|| "the brokers refused it".to_owned(), |error| error.to_string());
        let text = format!("cannot commit {} partitions, trying again: {error}", failed.len());
        self.log.line(RDKafkaLogLevel::Warning, "COMMIT", &text);
    }
}

impl Group {
    /// The partitions go to another host: what is finished is committed before they do.
    fn revoke(&self, consumer: &BaseConsumer<Self>, places: &[Place]) {
        // Nobody waits for a member that was thrown out, and its commits are refused.
        let lost = consumer.assignment_lost();
        let closing = self.closing.load(Ordering::SeqCst);
        let wait = if lost || closing { Duration::ZERO } else { self.revoke_timeout };
        ::metrics::counter!(KAFKA_REBALANCES, "kind" => if lost { "lost" } else { "revoked" }).increment(1);
        let (commits, running) = self.flow.release(places, wait);
        tracing::info!(partitions = ?names(places), lost, running, "partitions went to another host");
        if !lost && !closing {
            self.commit_now(consumer, &commits);
        }
    }

    /// Commits, and returns once the brokers have it.
    pub fn commit_now(&self, consumer: &BaseConsumer<Self>, commits: &[Commit]) {
        if commits.is_empty() {
            return;
        }
        if let Err(error) = list(commits).and_then(|list| consumer.commit(&list, CommitMode::Sync)) {
            ::metrics::counter!(KAFKA_COMMITS_FAILED).increment(1);
            tracing::warn!(%error, "cannot commit what is finished; it is read again and answered from the record");
        }
    }
}

/// Offsets as librdkafka takes them.
pub(super) fn list(commits: &[Commit]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(commits.len());
    for ((topic, partition), offset) in commits {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}

fn places(list: &TopicPartitionList) -> Vec<Place> {
    list.elements().iter().map(|element| (element.topic().into(), element.partition())).collect()
}

fn names(places: &[Place]) -> Vec<String> {
    places.iter().map(|(topic, partition)| format!("{topic}/{partition}")).collect()
}
