use std::time::Duration;

use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::{KafkaConnection, KafkaConnectionError, KafkaContext};

/// How long a record may take to be sent; it is lost then.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The most records that wait to be sent; more are lost.
const WAITING: &str = "10000";

/// Sends records without waiting for the brokers' confirmation, for records that may be lost. It never blocks.
pub struct KafkaHints {
    producer: FutureProducer<KafkaContext>,
    topic: String,
}

impl KafkaHints {
    /// A producer for one topic.
    pub fn new(connection: &KafkaConnection, topic: &str) -> Result<Self, KafkaConnectionError> {
        let mut config = connection.client_config();
        config
            .set("acks", "1")
            .set("linger.ms", "2")
            // A batch that is sent again must not come after the next one.
            .set("max.in.flight.requests.per.connection", "1")
            .set("message.timeout.ms", TIMEOUT.as_millis().to_string())
            .set("queue.buffering.max.messages", WAITING)
            .set("reconnect.backoff.max.ms", "1000");
        let producer = config.create_with_context(connection.context());
        let producer = producer.map_err(|error| KafkaConnectionError::Refused(error.to_string()))?;
        Ok(Self { producer, topic: topic.to_owned() })
    }

    /// Sends a record; false when there is no room for it. Records with the same key keep their order.
    pub fn send(&self, key: &str, value: &[u8]) -> bool {
        let record = FutureRecord::<str, [u8]>::to(&self.topic).key(key).payload(value);
        // The delivery report is of no interest.
        self.producer.send_result(record).is_ok()
    }
}
