use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

/// Why the host cannot be sure that the brokers have a record.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SendError {
    /// The broker or topic does not take a record of this size.
    #[error("topic {topic} takes no record of this size")]
    TooLarge {
        /// The topic.
        topic: String,
    },
    /// The brokers have no such topic, and do not create it.
    #[error("the brokers have no topic {topic}: {reason}")]
    UnknownTopic {
        /// The topic.
        topic: String,
        /// What the brokers or librdkafka said.
        reason: String,
    },
    /// The brokers do not let the host write to the topic.
    #[error("the brokers do not let the host write to topic {topic}: {reason}")]
    Forbidden {
        /// The topic.
        topic: String,
        /// What the brokers said.
        reason: String,
    },
    /// The brokers refuse the record itself, for example because the topic takes only records with a key.
    #[error("topic {topic} does not take the record: {reason}")]
    Invalid {
        /// The topic.
        topic: String,
        /// What the brokers said.
        reason: String,
    },
    /// No broker has confirmed the record in time, or none can be reached or lets the host in. The record is not the
    /// cause, and other records would fare the same.
    #[error("no broker has confirmed a record for topic {topic}: {reason}")]
    Unreachable {
        /// The topic.
        topic: String,
        /// Why.
        reason: String,
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

impl SendError {
    /// What librdkafka's error means for a record on its way to `topic`.
    pub(crate) fn of(topic: &str, error: &KafkaError) -> Self {
        use RDKafkaErrorCode as Code;
        let (topic, reason) = (topic.to_owned(), error.to_string());
        let Some(code) = error.rdkafka_error_code() else { return Self::Failed { topic, reason } };
        match code {
            Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
                Self::TooLarge { topic }
            }
            Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicOrPartition | Code::InvalidTopic => {
                Self::UnknownTopic { topic, reason }
            }
            Code::TopicAuthorizationFailed => Self::Forbidden { topic, reason },
            Code::InvalidRecord
            | Code::InvalidMessage
            | Code::InvalidTimestamp
            | Code::UnsupportedForMessageFormat
            | Code::PolicyViolation => Self::Invalid { topic, reason },
            Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::SSL
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::ClusterAuthorizationFailed
            | Code::MessageTimedOut
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::TimedOutQueue
            | Code::QueueFull
            | Code::NetworkException
            | Code::BrokerNotAvailable
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ISRInsufficient
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::KafkaStorageError
            | Code::ThrottlingQuotaExceeded => Self::Unreachable { topic, reason },
            _ => Self::Failed { topic, reason },
        }
    }

    /// No confirmation came, not even librdkafka's own word that there is none.
    pub(crate) fn silent(topic: &str, timeout: Duration) -> Self {
        let reason = format!("no confirmation came within {timeout:?}");
        Self::Unreachable { topic: topic.to_owned(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_whether_the_record_the_topic_or_the_brokers_are_the_cause() {
        let of = |code| SendError::of("orders", &KafkaError::MessageProduction(code));
        type Fits = fn(&SendError) -> bool;
        let cases: [(RDKafkaErrorCode, Fits); 7] = [
            (RDKafkaErrorCode::MessageSizeTooLarge, |error| matches!(error, SendError::TooLarge { .. })),
            (RDKafkaErrorCode::UnknownTopic, |error| matches!(error, SendError::UnknownTopic { .. })),
            (RDKafkaErrorCode::TopicAuthorizationFailed, |error| matches!(error, SendError::Forbidden { .. })),
            (RDKafkaErrorCode::InvalidRecord, |error| matches!(error, SendError::Invalid { .. })),
            (RDKafkaErrorCode::AllBrokersDown, |error| matches!(error, SendError::Unreachable { .. })),
            (RDKafkaErrorCode::MessageTimedOut, |error| matches!(error, SendError::Unreachable { .. })),
            (RDKafkaErrorCode::Fatal, |error| matches!(error, SendError::Failed { .. })),
        ];
        for (code, fits) in cases {
            let error = of(code);
            assert!(fits(&error), "{code:?} is {error:?}");
            assert!(error.to_string().contains("orders"), "{error}");
        }
    }
}
