//! The connection to Kafka: its configuration, the log lines of librdkafka, and a producer that reports when the
//! brokers have confirmed a record.

mod connection;
mod log;
mod producer;
mod send_error;

pub use connection::{KafkaConnection, KafkaConnectionError, KafkaMechanism, KafkaProtocol, KafkaSecurity};
pub use log::KafkaLog;
pub use producer::{KafkaProducer, OutgoingRecord};
pub use send_error::SendError;
