//! The connection to Kafka: its configuration, the log lines of librdkafka, a producer that reports when the brokers
//! have confirmed a record, and a topic of hints, which every reader gets and which may be lost.

mod connection;
mod hints;
mod log;
mod producer;
mod send_error;
mod tail;

pub use connection::{KafkaConnection, KafkaConnectionError, KafkaMechanism, KafkaProtocol, KafkaSecurity};
pub use hints::KafkaHints;
pub use log::KafkaLog;
pub use producer::{KafkaProducer, OutgoingRecord};
pub use send_error::SendError;
pub use tail::{KafkaTail, TailState};
