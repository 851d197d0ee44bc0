//! Reads what is written to a topic from now on.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tokio::sync::{Notify, mpsc, watch};

use crate::{KafkaConnection, KafkaConnectionError, KafkaContext};

/// The longest that one poll waits.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// The longest wait for an answer about the topic's partitions.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);

/// How often brokers that were lost are asked whether they are back, and how often a missing topic is looked for.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How often new partitions are looked for.
const PARTITIONS_INTERVAL: Duration = Duration::from_secs(30);

/// Records that were read and wait to be taken; more are left out.
const WAITING: usize = 10_000;

/// Whether the records of a topic arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailState {
    /// The brokers do not answer, or do not have the topic.
    Lost,
    /// Records arrive.
    Reading,
}

/// The values of the records that are written to all partitions of a topic from now on. It joins no consumer group, so
/// every reader gets every record. Records may be missing: it is for hints.
#[derive(Debug)]
pub struct KafkaTail {
    /// The values, each partition's in order. Dropping the receiver ends the reader.
    pub records: mpsc::Receiver<Vec<u8>>,
    /// Whether records arrive.
    pub state: watch::Receiver<TailState>,
    /// Told when records may have been left out.
    pub gaps: Arc<Notify>,
}

impl ConsumerContext for KafkaContext {}

impl KafkaTail {
    /// Starts to read, on a thread of its own.
    pub fn start(connection: &KafkaConnection, topic: &str) -> Result<Self, KafkaConnectionError> {
        let mut config = connection.client_config();
        config
            // librdkafka wants a name, although no group is joined and nothing is committed.
            .set("group.id", "signalbox-tail")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "latest")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.error.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "1000");
        let consumer =
            create(&config, connection.context()).map_err(|error| KafkaConnectionError::Refused(error.to_string()))?;
        let (sender, records) = mpsc::channel(WAITING);
        let (told, state) = watch::channel(TailState::Lost);
        let gaps = Arc::new(Notify::new());
        let reader = TailThread { consumer, topic: topic.to_owned(), sender, state: told, gaps: gaps.clone() };
        thread::Builder::new()
            .name("kafka-tail".to_owned())
            .spawn(move || reader.run())
            .map_err(|error| KafkaConnectionError::Refused(format!("no thread can be started: {error}")))?;
        Ok(Self { records, state, gaps })
    }
}

struct TailThread {
    consumer: BaseConsumer<KafkaContext>,
    topic: String,
    sender: mpsc::Sender<Vec<u8>>,
    state: watch::Sender<TailState>,
    gaps: Arc<Notify>,
}

impl TailThread {
    fn run(self) {
        let mut assigned: HashSet<i32> = HashSet::new();
        let mut next_check = Instant::now();
        while !self.sender.is_closed() {
            if Instant::now() >= next_check {
                let interval = match self.assign(&mut assigned) {
                    Ok(()) => {
                        self.tell(TailState::Reading);
                        PARTITIONS_INTERVAL
                    }
                    Err(error) => {
                        tracing::debug!(topic = self.topic, %error, "the topic cannot be read; trying again");
                        self.tell(TailState::Lost);
                        RETRY_INTERVAL
                    }
                };
                next_check = Instant::now() + interval;
            }
            match self.consumer.poll(POLL_TIMEOUT) {
                None => {}
                Some(Ok(message)) => {
                    let value = message.payload().unwrap_or_default().to_vec();
                    if self.sender.try_send(value).is_err() {
                        self.gaps.notify_one();
                    }
                }
                Some(Err(error)) => {
                    tracing::debug!(topic = self.topic, %error, "an error while reading a topic");
                    if *self.state.borrow() == TailState::Reading {
                        self.tell(TailState::Lost);
                        next_check = Instant::now() + RETRY_INTERVAL;
                    }
                }
            }
        }
    }

    fn tell(&self, state: TailState) {
        self.state.send_if_modified(|known| {
            let changed = *known != state;
            *known = state;
            changed
        });
    }

    /// Reads all partitions: those there are at first from their ends, those that are added later from their beginning.
    fn assign(&self, assigned: &mut HashSet<i32>) -> KafkaResult<()> {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), METADATA_TIMEOUT)?;
        let partitions: Vec<i32> =
            metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id()).collect();
        if partitions.is_empty() {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition));
        }
        let is_first = assigned.is_empty();
        let mut added = TopicPartitionList::new();
        for partition in partitions.iter().filter(|partition| !assigned.contains(partition)) {
            let offset = if is_first {
                let (_, end) = self.consumer.fetch_watermarks(&self.topic, *partition, METADATA_TIMEOUT)?;
                Offset::Offset(end)
            } else {
                Offset::Beginning
            };
            added.add_partition_offset(&self.topic, *partition, offset)?;
        }
        if added.count() > 0 {
            if is_first {
                self.consumer.assign(&added)?;
            } else {
                self.consumer.incremental_assign(&added)?;
            }
            assigned.extend(partitions);
        }
        Ok(())
    }
}

fn create(config: &ClientConfig, context: KafkaContext) -> KafkaResult<BaseConsumer<KafkaContext>> {
    config.create_with_context(context)
}
