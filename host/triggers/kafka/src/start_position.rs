//! Where a partition begins of which the group has committed nothing. The chosen offset is committed before anything is
//! read, so that a host that crashes before its first commit skips nothing: with `latest` the next host would otherwise
//! begin after all records that were written meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use crate::StartAt;
use crate::record::TopicPartition;

/// How often the brokers are asked to store where a partition begins.
const COMMIT_ATTEMPTS: u32 = 3;

/// Where partitions begin of which the group has read nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct StartPosition {
    /// The operator's choice for a topic that the group has never read.
    pub at: StartAt,
    /// How long one request to the brokers may take. A rebalance waits for it.
    pub timeout: Duration,
}

/// A partition with its first offset, and how much there is to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StartedPartition {
    pub topic_partition: TopicPartition,
    /// The first record that is read.
    pub offset: i64,
    /// How many records there are to read already.
    pub lag: i64,
}

impl StartPosition {
    /// Gives every partition of the list that has no commit its first offset, and has the brokers store it.
    pub fn resolve<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        list: &mut TopicPartitionList,
    ) -> KafkaResult<Vec<StartedPartition>> {
        let mut started = Vec::new();
        for topic in self.without_commit(consumer, list.clone())? {
            started.extend(self.begin(consumer, &topic, list)?);
        }
        let mut commits = TopicPartitionList::with_capacity(started.len());
        for StartedPartition { topic_partition: (topic, partition), offset, .. } in &started {
            commits.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        if !started.is_empty() {
            commit(consumer, &commits)?;
        }
        started.retain(|started| list.find_partition(&started.topic_partition.0, started.topic_partition.1).is_some());
        Ok(started)
    }

    /// The topics of the partitions in the list of which the group has committed nothing.
    fn without_commit<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        list: TopicPartitionList,
    ) -> KafkaResult<BTreeSet<String>> {
        if list.count() == 0 {
            return Ok(BTreeSet::new());
        }
        let committed = consumer.committed_offsets(list, self.timeout)?;
        let fresh = committed.elements().into_iter().filter(|element| !is_position(element.offset()));
        Ok(fresh.map(|element| element.topic().to_owned()).collect())
    }

    /// Chooses the first offsets of a topic's partitions. When the topic is new to the group, this includes the
    /// partitions of other hosts. A partition without a commit is then one that was added later, and none of its
    /// records is skipped, whatever the configured start is.
    fn begin<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        topic: &str,
        list: &mut TopicPartitionList,
    ) -> KafkaResult<Vec<StartedPartition>> {
        let metadata = consumer.fetch_metadata(Some(topic), self.timeout)?;
        let mut all = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            all.add_partition(topic, partition.id());
        }
        let committed = consumer.committed_offsets(all, self.timeout)?;
        let is_new = !committed.elements().iter().any(|element| is_position(element.offset()));
        let mut started = Vec::new();
        for element in committed.elements() {
            let partition = element.partition();
            let ours = list.find_partition(topic, partition).is_some();
            let at = if is_new { self.at } else { StartAt::Earliest };
            if is_position(element.offset()) || !(ours || is_new && at == StartAt::Latest) {
                continue;
            }
            let (low, high) = consumer.fetch_watermarks(topic, partition, self.timeout)?;
            let offset = match at {
                StartAt::Earliest => low,
                StartAt::Latest => high,
            };
            if ours {
                list.set_partition_offset(topic, partition, Offset::Offset(offset))?;
            }
            started.push(StartedPartition {
                topic_partition: (topic.into(), partition),
                offset,
                lag: high.saturating_sub(offset).max(0),
            });
        }
        Ok(started)
    }
}

fn is_position(offset: Offset) -> bool {
    matches!(offset, Offset::Offset(_))
}

fn commit<C: ConsumerContext>(consumer: &BaseConsumer<C>, commits: &TopicPartitionList) -> KafkaResult<()> {
    let mut result = Ok(());
    for _ in 0..COMMIT_ATTEMPTS {
        result = consumer.commit(commits, CommitMode::Sync);
        if result.is_ok() {
            break;
        }
    }
    result
}
