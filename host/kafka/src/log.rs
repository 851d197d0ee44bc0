use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

/// The shortest time between two log lines of the same kind, so that an unreachable broker is not logged at every
/// attempt.
const QUIET: Duration = Duration::from_secs(10);

/// The most kinds of lines that are counted separately; librdkafka has some dozens.
const MOST_KINDS: usize = 128;

/// Writes what librdkafka reports as log lines, and leaves out most repetitions.
#[derive(Debug, Default)]
pub struct KafkaLog {
    said: Mutex<HashMap<String, Said>>,
}

#[derive(Debug)]
struct Said {
    at: Instant,
    left_out: u64,
}

impl KafkaLog {
    /// How many lines of this kind were left out since the last one that was written; none when this line is to be left
    /// out too.
    fn admit(&self, kind: &str, now: Instant) -> Option<u64> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match said.get_mut(kind) {
            Some(last) if now.saturating_duration_since(last.at) < QUIET => {
                last.left_out += 1;
                None
            }
            Some(last) => {
                let left_out = std::mem::take(&mut last.left_out);
                last.at = now;
                Some(left_out)
            }
            None => {
                if said.len() < MOST_KINDS {
                    said.insert(kind.to_owned(), Said { at: now, left_out: 0 });
                }
                Some(0)
            }
        }
    }

    /// A line that librdkafka writes.
    pub fn line(&self, level: RDKafkaLogLevel, kind: &str, text: &str) {
        let Some(left_out) = self.admit(kind, Instant::now()) else { return };
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(kind, left_out, "librdkafka: {text}");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => tracing::warn!(kind, left_out, "librdkafka: {text}"),
            RDKafkaLogLevel::Notice => tracing::info!(kind, left_out, "librdkafka: {text}"),
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => tracing::debug!(kind, left_out, "librdkafka: {text}"),
        }
    }

    /// An error that librdkafka reports apart from its log, for example that no broker can be reached.
    pub fn error(&self, error: &KafkaError, reason: &str) {
        let kind = error.rdkafka_error_code().map_or_else(|| "error".to_owned(), |code| format!("{code:?}"));
        if let Some(left_out) = self.admit(&kind, Instant::now()) {
            tracing::warn!(kind, left_out, "Kafka: {reason}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_over_and_over_is_written_now_and_then() {
        let (log, start) = (KafkaLog::default(), Instant::now());
        assert_eq!(log.admit("FAIL", start), Some(0));
        for second in 1..10 {
            assert_eq!(log.admit("FAIL", start + Duration::from_secs(second)), None);
        }
        assert_eq!(log.admit("OTHER", start), Some(0), "another kind is heard at once");
        assert_eq!(log.admit("FAIL", start + QUIET), Some(9), "and says how many there were");
        assert_eq!(log.admit("FAIL", start + QUIET * 2), Some(0));
    }
}
