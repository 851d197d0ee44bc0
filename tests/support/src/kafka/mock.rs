use std::ops::Deref;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::bindings::{
    rd_kafka_handle_mock_cluster, rd_kafka_mock_cluster_t, rd_kafka_mock_get_requests,
    rd_kafka_mock_group_initial_rebalance_delay_ms, rd_kafka_mock_request_api_key, rd_kafka_mock_request_destroy_array,
    rd_kafka_mock_start_request_tracking,
};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer as _};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::Kafka;

/// librdkafka's mock cluster even where the environment has a real one: for tests of brokers that fail, because only
/// the mock cluster fails when it is told to.
#[derive(Debug)]
pub struct MockKafka {
    kafka: Kafka,
    cluster: Arc<Cluster>,
}

impl Deref for MockKafka {
    type Target = Kafka;

    fn deref(&self) -> &Kafka {
        &self.kafka
    }
}

impl MockKafka {
    /// A cluster without topics.
    pub fn start() -> Result<Self> {
        Self::with_brokers(1)
    }

    /// A cluster of several brokers, without topics.
    pub fn with_brokers(count: i32) -> Result<Self> {
        let kafka = Kafka::mock(count)?;
        let cluster = kafka.mock.clone().context("the cluster is no mock")?;
        Ok(Self { kafka, cluster })
    }

    /// Makes the brokers unreachable.
    pub fn down(&self) -> Result<()> {
        self.cluster.handle().broker_down(-1).context("the brokers do not stop")
    }

    /// Makes the brokers reachable again.
    pub fn up(&self) -> Result<()> {
        self.cluster.handle().broker_up(-1).context("the brokers do not come back")
    }

    /// Delays every answer of the brokers.
    pub fn slow(&self, delay: Duration) -> Result<()> {
        self.cluster.handle().broker_round_trip_time(-1, delay).context("the brokers do not slow down")
    }

    /// Makes a broker the leader of a partition; the brokers are numbered from 1.
    pub fn lead(&self, topic: &str, partition: i32, broker: i32) -> Result<()> {
        let name = self.name(topic);
        let moved = self.cluster.handle().partition_leader(&name, partition, Some(broker));
        moved.with_context(|| format!("partition {partition} of {name} does not move to broker {broker}"))
    }

    /// Makes the next requests of this kind fail with these errors, one each.
    pub fn fail(&self, request: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        self.cluster.handle().request_errors(request, errors);
    }

    /// Makes requests that concern a topic fail with this error.
    pub fn topic_error(&self, topic: &str, error: RDKafkaRespErr) -> Result<()> {
        let name = self.name(topic);
        self.cluster.handle().topic_error(&name, error).with_context(|| format!("topic {name} cannot be made to fail"))
    }

    /// Has the brokers do at once what they are asked, and answer this much later.
    pub fn delay_answers(&self, delay: Duration) -> Result<()> {
        self.cluster.handle().broker_round_trip_time(-1, delay).context("the brokers do not slow down")
    }

    /// Counts what the brokers are asked from now on.
    pub fn count_requests(&self) {
        self.cluster.count_requests();
    }

    /// How many requests to store records have come since [`MockKafka::count_requests`].
    pub fn produced(&self) -> usize {
        self.cluster.requests(RDKafkaApiKey::Produce)
    }

    /// Lets requests of this kind succeed again.
    pub fn mend(&self, request: RDKafkaApiKey) {
        self.cluster.handle().clear_request_errors(request);
    }
}

/// The mock cluster, in this process.
pub(super) struct Cluster {
    /// The client that owns the cluster; it sends nothing.
    owner: BaseProducer,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("brokers", &self.brokers()).finish()
    }
}

impl Cluster {
    pub(super) fn start(brokers: i32) -> Result<Self> {
        let owner: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", brokers.to_string())
            .create()
            .context("a mock cluster cannot be started")?;
        owner.client().mock_cluster().context("the client has no cluster")?;
        gather_at_once(&owner);
        Ok(Self { owner })
    }

    pub(super) fn brokers(&self) -> String {
        self.handle().bootstrap_servers()
    }

    pub(super) fn make(&self, topic: &str, partitions: i32) -> Result<()> {
        self.handle().create_topic(topic, partitions, 1).with_context(|| format!("topic {topic} cannot be made"))
    }

    #[allow(unsafe_code, reason = "the crate has no safe name for counting requests")]
    fn count_requests(&self) {
        // SAFETY: the cluster lives as long as this value.
        unsafe { rd_kafka_mock_start_request_tracking(self.native()) }
    }

    #[allow(unsafe_code, reason = "the crate has no safe name for counting requests")]
    fn requests(&self, kind: RDKafkaApiKey) -> usize {
        let mut count = 0;
        // SAFETY: the cluster lives as long as this value; librdkafka returns an array of `count` requests, which is
        // read before it is given back.
        unsafe {
            let requests = rd_kafka_mock_get_requests(self.native(), &raw mut count);
            if requests.is_null() {
                return 0;
            }
            let of_kind = |request: &&_| rd_kafka_mock_request_api_key(**request) == kind as i16;
            let found = slice::from_raw_parts(requests, count).iter().filter(of_kind).count();
            rd_kafka_mock_request_destroy_array(requests, count);
            found
        }
    }

    #[allow(unsafe_code, reason = "the crate has no safe name for the cluster of a client")]
    fn native(&self) -> *mut rd_kafka_mock_cluster_t {
        // SAFETY: the client lives.
        unsafe { rd_kafka_handle_mock_cluster(self.owner.client().native_ptr()) }
    }

    #[allow(clippy::expect_used, reason = "it was there when this value was made, and lives as long as its client")]
    fn handle(&self) -> MockCluster<'_, DefaultProducerContext> {
        self.owner.client().mock_cluster().expect("the client has a cluster")
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
