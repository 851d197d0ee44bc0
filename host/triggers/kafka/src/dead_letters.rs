//! Puts records that can never be decided on the topic of dead letters, with all that is needed to send them again.

use signalbox_kafka::{KafkaProducer, OutgoingRecord, SendError};

use crate::record::{CORRELATION_HEADER, Record};
use crate::record_error::RecordError;

/// The prefix of a dead letter's headers that say why it is one.
pub(crate) const PREFIX: &str = "dead-letter-";

/// The headers that the host adds to a dead letter, and their meaning.
pub const HEADERS: [(&str, &str); 7] = [
    ("dead-letter-reason", "A stable code, see the guide."),
    ("dead-letter-message", "What is wrong and what to do, for people."),
    ("dead-letter-topic", "Where the record was read."),
    ("dead-letter-partition", "Which partition of the topic."),
    ("dead-letter-offset", "Where in the partition."),
    ("dead-letter-timestamp", "When the record was written, in milliseconds since 1970; missing when nobody knows."),
    ("correlation-id", "Under which the host's log tells more."),
];

/// Added when the dead letter has no value, because the topic refused the value for its size.
pub const VALUE_SIZE: &str = "dead-letter-value-size";

/// The topic of dead letters.
pub(super) struct DeadLetters {
    pub producer: KafkaProducer,
    pub topic: String,
}

impl DeadLetters {
    /// Sends a record to the topic, and returns once the brokers have confirmed it.
    pub async fn produce(&self, record: &Record, refusal: &RecordError, correlation_id: &str) -> Result<(), SendError> {
        let mut headers = headers(record, refusal, correlation_id);
        match self.send(record, record.value.as_deref(), &headers).await {
            // A record that no topic accepts would block its partition for ever. It stays on the topic where it was
            // read, and the log says so.
            Err(SendError::TooLarge { .. }) => {
                let size = record.value.as_ref().map_or(0, Vec::len).to_string();
                headers.push((VALUE_SIZE.to_owned(), Some(size.into_bytes())));
                self.send(record, None, &headers).await
            }
            result => result,
        }
    }

    async fn send(
        &self,
        record: &Record,
        value: Option<&[u8]>,
        headers: &[(String, Option<Vec<u8>>)],
    ) -> Result<(), SendError> {
        let outgoing = OutgoingRecord { topic: &self.topic, key: record.key.as_deref(), value, headers };
        self.producer.send(outgoing).await
    }
}

/// The record's own headers, then why it is a dead letter. Headers of an earlier stay on the topic are replaced.
fn headers(record: &Record, refusal: &RecordError, correlation_id: &str) -> Vec<(String, Option<Vec<u8>>)> {
    let own = record.headers.iter().filter(|(name, _)| !name.starts_with(PREFIX) && name != CORRELATION_HEADER);
    let values = [
        Some(refusal.code().to_string()),
        Some(refusal.message()),
        Some(record.topic.to_string()),
        Some(record.partition.to_string()),
        Some(record.offset.to_string()),
        record.written_at.map(|at| at.to_string()),
        Some(correlation_id.to_owned()),
    ];
    let said = HEADERS.iter().zip(values);
    let said = said.filter_map(|((name, _), value)| Some(((*name).to_owned(), Some(value?.into_bytes()))));
    own.cloned().chain(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_keeps_the_headers_of_the_record_and_replaces_those_about_the_reason() {
        let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
        let record = Record {
            headers: vec![
                header("trace", "1"),
                header("trace", "2"),
                ("nothing".to_owned(), None),
                header("dead-letter-reason", "an older one"),
                header("correlation-id", "cor_old"),
            ],
            written_at: Some(5),
            ..Record::at("orders", 3, 14)
        };
        let found = headers(&record, &RecordError::Empty, "cor_new");
        let message = RecordError::Empty.to_string();
        let expected = [
            ("trace", Some("1")),
            ("trace", Some("2")),
            ("nothing", None),
            ("dead-letter-reason", Some("value_empty")),
            ("dead-letter-message", Some(message.as_str())),
            ("dead-letter-topic", Some("orders")),
            ("dead-letter-partition", Some("3")),
            ("dead-letter-offset", Some("14")),
            ("dead-letter-timestamp", Some("5")),
            ("correlation-id", Some("cor_new")),
        ];
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref().map(|value| std::str::from_utf8(value).unwrap())))
            .collect();
        assert_eq!(found, expected);
    }
}
