use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use thiserror::Error;

use crate::{KafkaConnection, KafkaConnectionError, KafkaLog};

/// Longer than a delivery may take by itself, so that only a hang in librdkafka meets it.
const SLACK: Duration = Duration::from_secs(5);

/// The broker decides what is too large, not the client.
const LARGEST_MESSAGE: &str = "1000000000";

/// Sends records, and knows for each when the brokers have it.
pub struct KafkaProducer {
    config: ClientConfig,
    timeout: Duration,
    current: Mutex<FutureProducer<KafkaLog>>,
}

/// A record on its way out.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutgoingRecord<'a> {
    /// Where it goes.
    pub topic: &'a str,
    /// Chooses the partition.
    pub key: Option<&'a [u8]>,
    /// What it says; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// What is said besides, in order.
    pub headers: &'a [(String, Option<Vec<u8>>)],
}

/// Why a record is not with the brokers, as far as anybody knows.
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
            // Every replica that is in sync has the record, once, before it counts as sent.
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", timeout.as_millis().max(1).to_string())
            .set("message.max.bytes", LARGEST_MESSAGE);
        let current = Mutex::new(create(&config).map_err(|error| KafkaConnectionError::Refused(error.to_string()))?);
        Ok(Self { config, timeout, current })
    }

    /// Sends a record, and returns once the brokers have confirmed it. After an error it may have arrived all the same.
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

    /// The producer in use. One that has met an error it cannot recover from is replaced.
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
