use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use thiserror::Error;

use crate::{KafkaConnection, KafkaConnectionError, KafkaLog};

/// Added to the timeout of a delivery. librdkafka reports a timeout by itself earlier, so only a hang in librdkafka
/// takes this long.
const SLACK: Duration = Duration::from_secs(5);

/// The client has no limit of its own: the broker decides which record is too large.
const LARGEST_MESSAGE: &str = "1000000000";

/// Sends records, and reports for each when the brokers have confirmed it.
pub struct KafkaProducer {
    config: ClientConfig,
    timeout: Duration,
    current: Mutex<FutureProducer<KafkaLog>>,
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

/// Why the host cannot be sure that the brokers have a record.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SendError {
    /// The broker or topic does not take a record of this size.
    #[error("topic {topic} takes no record of this size")]
    TooLarge {
        /// The topic.
        topic: String,
    },
    /// Anything else, which may work later.
    #[error("a record cannot be sent to topic {topic}: {reason}")]
    Failed {
        /// The topic.
        topic: String,
        /// Why.
        reason: String,
    },
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
            .set("message.max.bytes", LARGEST_MESSAGE);
        let current = Mutex::new(create(&config).map_err(|error| KafkaConnectionError::Refused(error.to_string()))?);
        Ok(Self { config, timeout, current })
    }

    /// Sends a record, and returns once the brokers have confirmed it. After an error the record may have arrived
    /// nevertheless.
    pub async fn send(&self, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        let failed = |reason: String| SendError::Failed { topic: record.topic.to_owned(), reason };
        let too_large = |error: &KafkaError| {
            let code = error.rdkafka_error_code();
            matches!(code, Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize))
        };
        let refused = |error: KafkaError| {
            if too_large(&error) {
                SendError::TooLarge { topic: record.topic.to_owned() }
            } else {
                failed(error.to_string())
            }
        };
        let producer = self.producer().map_err(|error| failed(error.to_string()))?;
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in record.headers {
            headers = headers.insert(Header { key, value: value.as_ref() });
        }
        let mut outgoing = FutureRecord::<[u8], [u8]>::to(record.topic).headers(headers);
        outgoing.key = record.key;
        outgoing.payload = record.value;
        let delivery = producer.send_result(outgoing).map_err(|(error, _)| refused(error))?;
        match tokio::time::timeout(self.timeout + SLACK, delivery).await {
            Ok(Ok(Ok(_))) => Ok(()),
            Ok(Ok(Err((error, _)))) => Err(refused(error)),
            Ok(Err(_)) => Err(failed("the producer has ended".to_owned())),
            Err(_) => Err(failed("no confirmation came in time".to_owned())),
        }
    }

    /// The current producer. A producer that has met a fatal error is replaced.
    fn producer(&self) -> Result<FutureProducer<KafkaLog>, KafkaError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, reason)) = current.client().fatal_error() {
            tracing::error!(reason, "the producer cannot go on and is replaced");
            *current = create(&self.config)?;
        }
        Ok(current.clone())
    }
}

fn create(config: &ClientConfig) -> Result<FutureProducer<KafkaLog>, KafkaError> {
    config.create_with_context(KafkaLog::default())
}
