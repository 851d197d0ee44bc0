//! What the consumer group is told and says: partitions come and go, offsets are committed, figures arrive.

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
        tracing::info!(partitions = ?names(places), lost, running, "gave partitions away");
        if !lost && !closing {
            // If it fails, the next host reads them again and finds them decided.
            self.commit(consumer, &commits);
        }
    }

    /// Commits, and returns once the brokers have said whether they have it; false when they have not. It is waited for
    /// because rdkafka 0.39 sets no callback for commits: one that is not waited for fails without a word to us.
    pub fn commit(&self, consumer: &BaseConsumer<Self>, commits: &[Commit]) -> bool {
        if commits.is_empty() {
            return true;
        }
        let committed = list(commits).and_then(|list| consumer.commit(&list, CommitMode::Sync));
        if let Err(error) = &committed {
            ::metrics::counter!(KAFKA_COMMITS_FAILED).increment(1);
            self.log.line(RDKafkaLogLevel::Warning, "COMMIT", &format!("cannot commit what is finished: {error}"));
        }
        committed.is_ok()
    }
}

/// Offsets as librdkafka takes them.
fn list(commits: &[Commit]) -> KafkaResult<TopicPartitionList> {
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
