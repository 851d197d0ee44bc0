use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::bindings::{rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{Header, Headers as _, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, FutureProducer, FutureRecord, Producer as _};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use crate::DEADLINE;

/// One broker of librdkafka's mock cluster, in this process: topics, groups and offsets as a client sees them.
pub struct Kafka {
    /// The client that owns the cluster; it sends nothing.
    owner: BaseProducer,
    producer: FutureProducer,
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
    /// A cluster without topics.
    pub fn start() -> Result<Self> {
        let owner: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            .create()
            .context("a mock cluster cannot be started")?;
        let cluster = owner.client().mock_cluster().context("the client has no cluster")?;
        gather_at_once(&owner);
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("message.max.bytes", "10000000")
            .create()
            .context("a producer cannot be made")?;
        drop(cluster);
        Ok(Self { owner, producer })
    }

    /// The address, `host:port`.
    pub fn brokers(&self) -> String {
        self.cluster().bootstrap_servers()
    }

    #[allow(clippy::expect_used, reason = "it was there when this value was made, and lives as long as its client")]
    fn cluster(&self) -> MockCluster<'_, DefaultProducerContext> {
        self.owner.client().mock_cluster().expect("the client has a cluster")
    }

    /// Makes a topic.
    pub fn topic(&self, name: &str, partitions: i32) -> Result<()> {
        self.cluster().create_topic(name, partitions, 1).with_context(|| format!("topic {name} cannot be made"))
    }

    /// Makes requests that concern a topic fail with this error.
    pub fn topic_error(&self, name: &str, error: RDKafkaRespErr) -> Result<()> {
        self.cluster().topic_error(name, error).with_context(|| format!("topic {name} cannot be made to fail"))
    }

    /// Writes a record, and returns its place: partition and offset.
    pub async fn send(&self, topic: &str, record: Sent<'_>) -> Result<(i32, i64)> {
        let mut headers = OwnedHeaders::new();
        for (key, value) in record.headers {
            headers = headers.insert(Header { key, value: Some(*value) });
        }
        let mut outgoing = FutureRecord::<str, str>::to(topic).headers(headers);
        (outgoing.key, outgoing.payload, outgoing.partition) = (record.key, record.value, record.partition);
        let sent = self.producer.send_result(outgoing).map_err(|(error, _)| error)?.await?;
        let delivery = sent.map_err(|(error, _)| error).context("the brokers did not take a record")?;
        Ok((delivery.partition, delivery.offset))
    }

    /// Makes the brokers unreachable.
    pub fn down(&self) -> Result<()> {
        self.cluster().broker_down(-1).context("the brokers do not stop")
    }

    /// Makes the brokers reachable again.
    pub fn up(&self) -> Result<()> {
        self.cluster().broker_up(-1).context("the brokers do not come back")
    }

    /// Makes the next requests of this kind fail with these errors, one each.
    pub fn fail(&self, request: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        self.cluster().request_errors(request, errors);
    }

    /// Lets requests of this kind succeed again.
    pub fn mend(&self, request: RDKafkaApiKey) {
        self.cluster().clear_request_errors(request);
    }

    /// The offsets that a group has committed, by partition.
    pub fn committed(&self, group: &str, topic: &str, partitions: i32) -> Result<BTreeMap<i32, i64>> {
        let consumer: BaseConsumer = self.client().set("group.id", group).create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition(topic, partition);
        }
        let list = consumer.committed_offsets(list, DEADLINE).context("the offsets cannot be read")?;
        let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        Ok(list.elements().iter().filter_map(|own| Some((own.partition(), offset(own.offset())?))).collect())
    }

    /// Commits for a group, as a host in the group would.
    pub fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64) -> Result<()> {
        let consumer: BaseConsumer = self.client().set("group.id", group).create()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        consumer.commit(&list, CommitMode::Sync).context("the brokers keep no commit")
    }

    /// The first records of a topic, once there are `count` of them; in the order of their partitions.
    pub async fn read(&self, topic: &str, count: usize) -> Result<Vec<Read>> {
        // Reading joins no group, but librdkafka requires a name.
        let consumer: BaseConsumer = self.client().set("group.id", "a test that reads").create()?;
        let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).context("the topic cannot be looked at")?;
        let mut list = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
        }
        consumer.assign(&list)?;
        let until = tokio::time::Instant::now() + DEADLINE;
        let mut found = Vec::new();
        while found.len() < count {
            if tokio::time::Instant::now() > until {
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

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers()).set("enable.auto.commit", "false");
        config
    }
}

/// Lets a group's first members start without waiting for others, which would take three seconds in each test.
#[allow(unsafe_code, reason = "the crate has no safe name for this setting of the mock cluster")]
fn gather_at_once(owner: &BaseProducer) {
    // SAFETY: the cluster belongs to the client, and the client lives.
    unsafe {
        rd_kafka_mock_group_initial_rebalance_delay_ms(rd_kafka_handle_mock_cluster(owner.client().native_ptr()), 50);
    }
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
