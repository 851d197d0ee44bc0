use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use signalbox_crash_points::{CrashPoint, pass};

use crate::{KafkaConnection, KafkaConnectionError, KafkaContext, SendError};

/// Added to the timeout of a delivery. librdkafka reports a timeout by itself earlier, so only a hang in librdkafka
/// takes this long.
const SLACK: Duration = Duration::from_secs(5);

/// How often the brokers are asked what topics there are; until then librdkafka goes by their last answer.
const METADATA: Duration = Duration::from_secs(15);

/// The client has no limit of its own: the broker decides which record is too large.
const LARGEST_MESSAGE: &str = "1000000000";

/// Sends records, and reports for each when the brokers have confirmed it.
pub struct KafkaProducer {
    config: ClientConfig,
    connection: KafkaConnection,
    timeout: Duration,
    current: Mutex<FutureProducer<KafkaContext>>,
}

/// A record to be sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutgoingRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// Chooses the partition.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [(String, Option<Vec<u8>>)],
}

impl KafkaProducer {
    /// A producer that gives up on a record after `timeout`.
    pub fn new(connection: &KafkaConnection, timeout: Duration) -> Result<Self, KafkaConnectionError> {
        let mut config = connection.client_config();
        config
            // A record counts as sent once every in-sync replica has it, and is stored once only.
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", timeout.as_millis().max(1).to_string())
            .set("message.max.bytes", LARGEST_MESSAGE)
            // Brokers judge the size of a whole batch: no record may be refused for the size of its neighbours.
            .set("batch.num.messages", "1")
            // A topic that was unknown or forbidden is usable this long after the operator has mended it.
            .set("topic.metadata.refresh.interval.ms", METADATA.as_millis().to_string())
            // An unknown topic is reported as such before the record's time is up.
            .set("topic.metadata.propagation.max.ms", (timeout / 2).as_millis().max(1).to_string());
        let refused = |error: KafkaError| KafkaConnectionError::Refused(error.to_string());
        let current = config.create_with_context(connection.context()).map_err(refused)?;
        Ok(Self { config, connection: connection.clone(), timeout, current: Mutex::new(current) })
    }

    /// Sends a record, and returns once the brokers have confirmed it. After an error the record may have arrived
    /// nevertheless.
    pub async fn send(&self, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        let topic = record.topic;
        let error_of = |error: &KafkaError| SendError::of(topic, error);
        let producer = self.producer().map_err(|error| error_of(&error))?;
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in record.headers {
            headers = headers.insert(Header { key, value: value.as_ref() });
        }
        let mut outgoing = FutureRecord::<[u8], [u8]>::to(record.topic).headers(headers);
        outgoing.key = record.key;
        outgoing.payload = record.value;
        let delivery = producer.send_result(outgoing).map_err(|(error, _)| error_of(&error))?;
        pass(CrashPoint::RecordUnconfirmed);
        match tokio::time::timeout(self.timeout + SLACK, delivery).await {
            Ok(Ok(Ok(_))) => Ok(()),
            Ok(Ok(Err((error, _)))) => Err(error_of(&error)),
            Ok(Err(_)) => {
                Err(SendError::Failed { topic: topic.to_owned(), reason: "the producer has ended".to_owned() })
            }
            Err(_) => Err(SendError::silent(topic, self.timeout + SLACK)),
        }
    }

    /// The current producer. A producer that has met a fatal error is replaced.
    fn producer(&self) -> Result<FutureProducer<KafkaContext>, KafkaError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, reason)) = current.client().fatal_error() {
            tracing::error!(reason, "the producer cannot go on and is replaced");
            *current = self.config.create_with_context(self.connection.context())?;
        }
        Ok(current.clone())
    }
}
