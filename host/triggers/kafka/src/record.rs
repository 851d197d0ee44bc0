use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use jiff::Timestamp;
use rdkafka::Message as _;
use rdkafka::message::{BorrowedMessage, Headers as _};
use signalbox_executor::HandlerEvent;

/// The header with a record's correlation id.
pub(super) const CORRELATION_HEADER: &str = "correlation-id";

/// The longest correlation id that is taken from a record.
const MAX_CORRELATION_ID_BYTES: usize = 128;

/// A partition of a topic.
pub(super) type TopicPartition = (Arc<str>, i32);

/// A record that was read, copied out of librdkafka's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    /// None for a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Whether it also has headers whose names are not text.
    pub has_unreadable_headers: bool,
    /// Milliseconds since 1970, by the sender's clock or the broker's.
    pub written_at: Option<i64>,
}

impl Record {
    pub fn of(message: &BorrowedMessage<'_>) -> Self {
        let (mut headers, mut has_unreadable_headers) = (Vec::new(), false);
        if let Some(sent) = message.headers() {
            for index in 0..sent.count() {
                // The crate panics at a header name that is not UTF-8, which any sender may write.
                let read = AssertUnwindSafe(|| {
                    sent.try_get(index).map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                });
                match std::panic::catch_unwind(read) {
                    Ok(header) => headers.extend(header),
                    Err(_) => has_unreadable_headers = true,
                }
            }
        }
        Self {
            topic: message.topic().into(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers,
            has_unreadable_headers,
            written_at: message.timestamp().to_millis(),
        }
    }

    #[cfg(test)]
    pub fn at(topic: &str, partition: i32, offset: i64) -> Self {
        Self { topic: topic.into(), partition, offset, ..Self::default() }
    }

    pub fn topic_partition(&self) -> TopicPartition {
        (self.topic.clone(), self.partition)
    }

    /// The record's size in memory, in bytes.
    pub fn size(&self) -> u64 {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + length(value)).sum();
        (length(&self.key) + length(&self.value) + headers) as u64
    }

    /// The values of every header of that name; null is an empty value.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.headers.iter().filter(move |(own, _)| own == name);
        named.map(|(_, value)| value.as_deref().unwrap_or_default())
    }

    /// The sender's correlation id, if it is one that may stand in a log.
    pub fn correlation_id(&self) -> Option<String> {
        let id = self.headers(CORRELATION_HEADER).next()?;
        is_correlation_id(id).then(|| String::from_utf8_lossy(id).into_owned())
    }

    /// When the record was written, if its timestamp is valid.
    pub fn timestamp(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.written_at?).ok()
    }

    /// The record's id. It is the same whenever the record is read again, and differs for a record at the same offset
    /// of a topic that was deleted and created again.
    pub fn id(&self) -> String {
        signalbox_model::record_id(&self.topic, self.partition, self.offset, self.written_at)
    }

    /// The record in the form that a handler gets.
    pub fn event(&self) -> HandlerEvent {
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.clone().unwrap_or_default()));
        HandlerEvent::Kafka {
            topic: self.topic.to_string(),
            partition: self.partition,
            offset: self.offset,
            key: self.key.clone(),
            headers: headers.collect(),
            value: self.value.clone(),
            timestamp: self.timestamp(),
        }
    }
}

pub(super) fn is_correlation_id(id: &[u8]) -> bool {
    (1..=MAX_CORRELATION_ID_BYTES).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_one_id_wherever_it_is_read_and_no_other_record_has_it() {
        let record = |topic: &str, partition, offset, written_at| Record {
            written_at: Some(written_at),
            ..Record::at(topic, partition, offset)
        };
        let id = record("t", 1, 12, 5).id();
        assert_eq!(id, Record { key: Some(vec![1]), ..record("t", 1, 12, 5) }.id());
        for other in [record("u", 1, 12, 5), record("t", 11, 2, 5), record("t", 1, 13, 5), record("t", 1, 12, 6)] {
            assert_ne!(id, other.id(), "{other:?}");
        }
    }

    #[test]
    fn only_a_correlation_id_that_fits_a_log_line_is_taken_over() {
        let long = "x".repeat(129);
        for (value, taken) in [("cor_1", true), ("", false), ("two words", false), ("é", false), (&*long, false)] {
            let headers = vec![(CORRELATION_HEADER.to_owned(), Some(value.as_bytes().to_vec()))];
            let record = Record { headers, ..Record::default() };
            assert_eq!(record.correlation_id().is_some(), taken, "{value}");
        }
    }
}
