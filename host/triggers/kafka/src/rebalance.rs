//! Handles librdkafka's callbacks: partitions are assigned and revoked, offsets are committed, statistics arrive.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use signalbox_kafka::KafkaContext;

use crate::in_flight::{CommitOffset, InFlightRecords};
use crate::metrics::{KAFKA_COMMITS_FAILED, KAFKA_LAG, KAFKA_REBALANCES, KAFKA_UP};
use crate::record::TopicPartition;
use crate::start_position::{StartPosition, StartedPartition};

/// Receives librdkafka's callbacks, on the reader's thread.
pub(super) struct GroupContext {
    pub in_flight_records: Arc<InFlightRecords>,
    pub kafka: KafkaContext,
    /// How long running records may take to end when their partition is revoked.
    pub revoke_timeout: Duration,
    /// Set when the reader has made its last commit.
    pub closing: AtomicBool,
    /// Where partitions begin of which the group has read nothing.
    pub start: StartPosition,
    /// Set when the brokers did not tell or did not store where partitions begin: nothing may be read of those
    /// partitions, and another consumer has to ask again.
    pub unresolved: AtomicBool,
}

impl ClientContext for GroupContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = KafkaContext::ENABLE_REFRESH_OAUTH_TOKEN;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.kafka.generate_oauth_token(config)
    }

    fn log(&self, level: RDKafkaLogLevel, kind: &str, text: &str) {
        self.kafka.log().line(level, kind, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.kafka.log().error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let up = statistics.brokers.values().any(|broker| broker.state == "UP");
        ::metrics::gauge!(KAFKA_UP).set(f64::from(u8::from(up)));
        for ((topic, partition), low_water) in self.in_flight_records.low_waters() {
            let of_topic = statistics.topics.get(&*topic);
            let Some(found) = of_topic.and_then(|topic| topic.partitions.get(&partition)) else { continue };
            // A negative lag means that it is unknown yet.
            let reported = Some(found.consumer_lag).filter(|lag| *lag >= 0);
            let end = Some(found.hi_offset).filter(|end| *end >= 0);
            // librdkafka counts its lag from the committed offset and reports none where nothing is committed.
            let computed = end.zip(low_water).map(|(end, low_water)| end.saturating_sub(low_water).max(0));
            if let Some(lag) = reported.or(computed) {
                lag_of(&topic, partition, lag);
            }
        }
    }
}

fn lag_of(topic: &str, partition: i32, lag: i64) {
    let labels = [("topic", topic.to_owned()), ("partition", partition.to_string())];
    ::metrics::gauge!(KAFKA_LAG, &labels).set(lag as f64);
}

impl ConsumerContext for GroupContext {
    /// Does what the crate's default does, but with the offsets at which partitions begin.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let done = match kind {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.assign(consumer, list);
                if cooperative { consumer.incremental_assign(list) } else { consumer.assign(list) }
            }
            other => {
                if other == RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS {
                    self.revoke(consumer, &topic_partitions(list));
                } else {
                    ::metrics::counter!(KAFKA_REBALANCES, "kind" => "failed").increment(1);
                    let error = KafkaError::Rebalance(RDKafkaErrorCode::from(other));
                    tracing::warn!(%error, "a rebalance failed; the group tries again");
                }
                if cooperative { consumer.incremental_unassign(list) } else { consumer.unassign() }
            }
        };
        if let Err(error) = done {
            self.kafka.log().error(&error, &format!("cannot take or give partitions: {error}"));
        }
    }
}

impl GroupContext {
    /// Partitions are assigned: those of which the group has read nothing begin at the configured start.
    fn assign(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        let topic_partitions = topic_partitions(list);
        ::metrics::counter!(KAFKA_REBALANCES, "kind" => "assigned").increment(1);
        tracing::info!(partitions = ?names(&topic_partitions), "partitions were assigned");
        self.in_flight_records.assign(topic_partitions);
        match self.start.resolve(consumer, list) {
            Ok(started) => {
                for StartedPartition { topic_partition, offset, lag } in started {
                    tracing::info!(
                        topic = &*topic_partition.0,
                        partition = topic_partition.1,
                        offset,
                        "begins a partition"
                    );
                    lag_of(&topic_partition.0, topic_partition.1, lag);
                    self.in_flight_records.begin_at(&topic_partition, offset);
                }
            }
            Err(error) => {
                self.unresolved.store(true, Ordering::SeqCst);
                self.kafka.log().error(&error, &format!("the brokers do not keep where partitions are begun: {error}"));
            }
        }
    }

    /// Partitions are revoked: finished records are committed before another host gets them.
    fn revoke(&self, consumer: &BaseConsumer<Self>, topic_partitions: &[TopicPartition]) {
        // The group does not wait for a member that it has thrown out, and refuses its commits.
        let lost = consumer.assignment_lost();
        let closing = self.closing.load(Ordering::SeqCst);
        let wait = if lost || closing { Duration::ZERO } else { self.revoke_timeout };
        ::metrics::counter!(KAFKA_REBALANCES, "kind" => if lost { "lost" } else { "revoked" }).increment(1);
        let (commits, running) = self.in_flight_records.release(topic_partitions, wait);
        tracing::info!(partitions = ?names(topic_partitions), lost, running, "gave partitions away");
        if !lost && !closing {
            // If the commit fails, the next host reads the records again and finds them decided.
            self.commit(consumer, &commits);
        }
    }

    /// Commits, and returns once the brokers have confirmed or refused it; false when they have not stored it. The
    /// commit is synchronous because rdkafka 0.39 sets no callback for commits: an asynchronous one would fail
    /// unnoticed.
    pub fn commit(&self, consumer: &BaseConsumer<Self>, commits: &[CommitOffset]) -> bool {
        if commits.is_empty() {
            return true;
        }
        let committed = list(commits).and_then(|list| consumer.commit(&list, CommitMode::Sync));
        if let Err(error) = &committed {
            ::metrics::counter!(KAFKA_COMMITS_FAILED).increment(1);
            self.kafka.log().line(
                RDKafkaLogLevel::Warning,
                "COMMIT",
                &format!("cannot commit what is finished: {error}"),
            );
        }
        committed.is_ok()
    }
}

/// Offsets in librdkafka's form.
fn list(commits: &[CommitOffset]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(commits.len());
    for ((topic, partition), offset) in commits {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}

fn topic_partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|element| (element.topic().into(), element.partition())).collect()
}

fn names(topic_partitions: &[TopicPartition]) -> Vec<String> {
    topic_partitions.iter().map(|(topic, partition)| format!("{topic}/{partition}")).collect()
}
