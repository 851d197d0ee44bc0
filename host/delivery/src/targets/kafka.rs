use async_trait::async_trait;
use signalbox_kafka::{KafkaProducer, OutgoingRecord, SendError};

use super::effect_record::{EffectRecord, KafkaTopics, UnmappedTopic};
use crate::{AttemptResult, DueEffect, EffectTarget};

/// Sends resource actions and plugins' records to Kafka. An effect is delivered once the brokers have confirmed its
/// record. After an attempt that failed, the record may be there nevertheless, and a second time after the next
/// attempt: consumers go by the header `signalbox-idempotency-key`.
pub struct KafkaTarget {
    producer: KafkaProducer,
    topics: KafkaTopics,
}

impl KafkaTarget {
    /// A target that sends by this producer, whose timeout is the deadline of an attempt.
    pub fn new(producer: KafkaProducer, topics: KafkaTopics) -> Self {
        Self { producer, topics }
    }
}

#[async_trait]
impl EffectTarget for KafkaTarget {
    fn name(&self) -> &'static str {
        "kafka"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        let EffectRecord { topic, key, headers, value } =
            match EffectRecord::of(due, &self.topics, UnmappedTopic::IsRefused) {
                Ok(record) => record,
                Err(unsendable) => return AttemptResult::Refused { reason: unsendable.to_string() },
            };
        let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name, Some(value.into_bytes()))).collect();
        let record =
            OutgoingRecord { topic: &topic, key: Some(key.as_bytes()), value: Some(&value), headers: &headers };
        match self.producer.send(record).await {
            Ok(()) => AttemptResult::Delivered,
            Err(error) => result_of(&error, value.len()),
        }
    }
}

/// What an error means for the effect; `size` is that of the record's value in bytes.
fn result_of(error: &SendError, size: usize) -> AttemptResult {
    let reason = match error {
        SendError::TooLarge { .. } => format!(
            "{error}: its value has {size} bytes; raise the topic's max.message.bytes, or have the plugin write a \
             reference to the data"
        ),
        SendError::UnknownTopic { .. } => format!("{error}; create it, or correct [kafka]"),
        SendError::Forbidden { .. } => format!("{error}; grant the host WRITE and DESCRIBE on it"),
        SendError::Invalid { .. } => format!("{error}; compare the topic's settings with what the plugin writes"),
        SendError::Unreachable { .. } | SendError::Failed { .. } => error.to_string(),
    };
    match error {
        SendError::TooLarge { .. }
        | SendError::UnknownTopic { .. }
        | SendError::Forbidden { .. }
        | SendError::Invalid { .. } => AttemptResult::Refused { reason },
        SendError::Unreachable { .. } => AttemptResult::Unavailable { reason },
        SendError::Failed { .. } => AttemptResult::Failed { reason, retry_after: None },
    }
}
