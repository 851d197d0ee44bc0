mod mock;

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{Header, Headers as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tokio::time::Instant;

use crate::DEADLINE;
use mock::Cluster;
pub use mock::MockKafka;

/// Holds the address of a real cluster, for example `127.0.0.1:9092`; `cargo xtask services up` prints it.
const VARIABLE: &str = "SIGNALBOX_TEST_KAFKA";

/// A cluster as a client sees it: topics, groups and offsets. It is the real one whose address `SIGNALBOX_TEST_KAFKA`
/// holds, else one broker of librdkafka's mock cluster in this process.
///
/// Tests share a real cluster. Each value of this type therefore has topics and groups of its own: the methods take the
/// short name of a topic or group, and [`Kafka::name`] says what it is called in the cluster.
pub struct Kafka {
    brokers: String,
    /// What the names in the cluster end with.
    suffix: String,
    producer: FutureProducer,
    /// None for a real cluster.
    mock: Option<Arc<Cluster>>,
}

/// A record to send.
#[derive(Clone, Debug, Default)]
pub struct Sent<'a> {
    /// Its key.
    pub key: Option<&'a str>,
    /// Its value; none is a tombstone.
    pub value: Option<&'a str>,
    /// Its headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The partition; none lets the key choose.
    pub partition: Option<i32>,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
}

impl Read {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kafka").field("brokers", &self.brokers()).finish()
    }
}

impl Kafka {
    /// The cluster, without topics under the names of this value.
    pub fn start() -> Result<Self> {
        match env::var(VARIABLE).ok().filter(|brokers| !brokers.is_empty()) {
            Some(brokers) => Self::at(brokers, None),
            None => Self::mock(1),
        }
    }

    fn mock(brokers: i32) -> Result<Self> {
        let cluster = Cluster::start(brokers)?;
        Self::at(cluster.brokers(), Some(Arc::new(cluster)))
    }

    fn at(brokers: String, mock: Option<Arc<Cluster>>) -> Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .set("message.max.bytes", "10000000")
            .create()
            .context("a producer cannot be made")?;
        Ok(Self { brokers, suffix: suffix(), producer, mock })
    }

    /// The address, `host:port`.
    pub fn brokers(&self) -> String {
        self.brokers.clone()
    }

    /// What a topic or group with this short name is called in the cluster.
    pub fn name(&self, short: &str) -> String {
        format!("{short}-{}", self.suffix)
    }

    /// Makes a topic.
    pub async fn topic(&self, topic: &str, partitions: i32) -> Result<()> {
        self.topics(&[topic], partitions).await
    }

    /// Makes topics with this number of partitions each.
    pub async fn topics(&self, topics: &[&str], partitions: i32) -> Result<()> {
        let names: Vec<_> = topics.iter().map(|topic| self.name(topic)).collect();
        if let Some(cluster) = &self.mock {
            return names.iter().try_for_each(|name| cluster.make(name, partitions));
        }
        let admin: AdminClient<_> = self.client().create().context("a client cannot be made")?;
        let new: Vec<_> =
            names.iter().map(|name| NewTopic::new(name, partitions, TopicReplication::Fixed(1))).collect();
        // The answer comes once the brokers know the topics.
        let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
        for made in admin.create_topics(&new, &options).await.context("topics cannot be made")? {
            made.map_err(|(name, error)| anyhow::Error::new(error).context(format!("topic {name} cannot be made")))?;
        }
        Ok(())
    }

    /// Writes a record, and returns its place: partition and offset.
    pub async fn send(&self, topic: &str, record: Sent<'_>) -> Result<(i32, i64)> {
        let topic = self.name(topic);
        let mut headers = OwnedHeaders::new();
        for (key, value) in record.headers {
            headers = headers.insert(Header { key, value: Some(*value) });
        }
        let mut outgoing = FutureRecord::<str, str>::to(&topic).headers(headers);
        (outgoing.key, outgoing.payload, outgoing.partition) = (record.key, record.value, record.partition);
        let sent = self.producer.send_result(outgoing).map_err(|(error, _)| error)?.await?;
        let delivery = sent.map_err(|(error, _)| error).context("the brokers did not take a record")?;
        Ok((delivery.partition, delivery.offset))
    }

    /// The offsets that a group has committed, by partition.
    pub fn committed(&self, group: &str, topic: &str, partitions: i32) -> Result<BTreeMap<i32, i64>> {
        let consumer: BaseConsumer = self.client().set("group.id", self.name(group)).create()?;
        let topic = self.name(topic);
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition(&topic, partition);
        }
        let list = consumer.committed_offsets(list, DEADLINE).context("the offsets cannot be read")?;
        let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        Ok(list.elements().iter().filter_map(|own| Some((own.partition(), offset(own.offset())?))).collect())
    }

    /// Commits for a group, as a host in the group would.
    pub fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64) -> Result<()> {
        let consumer: BaseConsumer = self.client().set("group.id", self.name(group)).create()?;
        let topic = self.name(topic);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, partition, Offset::Offset(offset))?;
        consumer.commit(&list, CommitMode::Sync).context("the brokers keep no commit")
    }

    /// The first records of a topic, once there are `count` of them; in the order of their partitions.
    pub async fn read(&self, topic: &str, count: usize) -> Result<Vec<Read>> {
        let topic = self.name(topic);
        // Reading joins no group, but librdkafka requires a name.
        let consumer: BaseConsumer = self.client().set("group.id", self.name("reading")).create()?;
        let until = Instant::now() + DEADLINE;
        let mut list = TopicPartitionList::new();
        // A topic that brokers make with its first record is not there before.
        while list.count() == 0 {
            if Instant::now() > until {
                bail!("there is no topic {topic}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            let metadata = consumer.fetch_metadata(Some(&topic), DEADLINE).context("the topic cannot be looked at")?;
            for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
                list.add_partition_offset(&topic, partition.id(), Offset::Beginning)?;
            }
        }
        consumer.assign(&list)?;
        let mut found = Vec::new();
        while found.len() < count {
            if Instant::now() > until {
                bail!("topic {topic} has {} records instead of {count}: {found:?}", found.len());
            }
            match consumer.poll(Duration::ZERO) {
                Some(message) => found.push(read(&message?)),
                // The host under test may run on this very thread.
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        Ok(found)
    }

    /// All records that a topic has now.
    pub async fn all(&self, topic: &str) -> Result<Vec<Read>> {
        let consumer: BaseConsumer = self.client().set("group.id", self.name("reading")).create()?;
        let name = self.name(topic);
        let metadata = consumer.fetch_metadata(Some(&name), DEADLINE).context("the topic cannot be looked at")?;
        let mut count = 0;
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            let (first, next) = consumer.fetch_watermarks(&name, partition.id(), DEADLINE)?;
            count += usize::try_from(next - first)?;
        }
        self.read(topic, count).await
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers()).set("enable.auto.commit", "false");
        config
    }
}

/// A suffix that no other test has, in this process or another.
fn suffix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{now:x}-{:x}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn read(message: &rdkafka::message::BorrowedMessage<'_>) -> Read {
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let headers = message
        .headers()
        .map(|headers| headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect());
    Read {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}
