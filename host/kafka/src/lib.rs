//! The way to Kafka: how a connection is configured, what librdkafka has to say, and a producer that knows when the
//! brokers have a record.

mod connection;
mod log;
mod producer;

pub use connection::{KafkaConnection, KafkaConnectionError, KafkaMechanism, KafkaProtocol, KafkaSecurity};
pub use log::KafkaLog;
pub use producer::{KafkaProducer, OutgoingRecord, SendError};
