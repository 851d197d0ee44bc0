//! The connection to Kafka: its configuration, the log lines of librdkafka, a producer that reports when the brokers
//! have confirmed a record, and a topic of hints, which every reader gets and which may be lost.

mod connection;
mod context;
mod hints;
mod log;
#[cfg(feature = "kafka-tls")]
mod msk;
mod producer;
#[cfg(all(test, feature = "kafka-tls"))]
mod sasl_tests;
mod security;
mod send_error;
mod tail;

pub use connection::KafkaConnection;
pub use context::{KafkaContext, TokenError};
pub use hints::KafkaHints;
pub use log::KafkaLog;
pub use producer::{KafkaProducer, OutgoingRecord};
pub use security::{KafkaConnectionError, KafkaMechanism, KafkaProtocol, KafkaSecurity};
pub use send_error::SendError;
pub use tail::{KafkaTail, TailState};
