use std::ops::Deref;
use std::sync::Arc;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::bindings::{rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms};
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
        let kafka = Kafka::mock()?;
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

    /// Makes the next requests of this kind fail with these errors, one each.
    pub fn fail(&self, request: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        self.cluster.handle().request_errors(request, errors);
    }

    /// Makes requests that concern a topic fail with this error.
    pub fn topic_error(&self, topic: &str, error: RDKafkaRespErr) -> Result<()> {
        let name = self.name(topic);
        self.cluster.handle().topic_error(&name, error).with_context(|| format!("topic {name} cannot be made to fail"))
    }

    /// Lets requests of this kind succeed again.
    pub fn mend(&self, request: RDKafkaApiKey) {
        self.cluster.handle().clear_request_errors(request);
    }
}

/// One broker of the mock cluster, in this process.
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
    pub(super) fn start() -> Result<Self> {
        let owner: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
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
