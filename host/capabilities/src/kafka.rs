//! `signalbox:kafka`: records as effects. The relay sends them once the decision is stored.

use std::collections::BTreeMap;

use serde::Serialize;
use signalbox_bindings::signalbox::kafka::kafka::{Entry, Error, Host};
use signalbox_model::find_named;
use signalbox_store::EffectKind;

use crate::guard::{EffectError, Function};
use crate::{Calls, Capability};

/// The largest value of a record.
const LARGEST_VALUE: usize = 256 * 1024;
/// The longest key of a record, in bytes.
const LONGEST_KEY: usize = 1024;
/// The most headers of a record, and their largest size with their names, in bytes.
const MOST_HEADERS: usize = 64;
const LARGEST_HEADERS: usize = 16 * 1024;
/// How names of the host's own headers begin.
const HOSTS_HEADERS: &str = "signalbox-";

/// The topics that plugins can publish to, by their logical names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PublishableTopics {
    /// None: no Kafka cluster is configured.
    #[default]
    None,
    /// Those that the operator has mapped, each with its topic of the cluster.
    Mapped(BTreeMap<String, String>),
    /// All, because a file stands in for Kafka.
    All,
}

impl PublishableTopics {
    fn contains(&self, topic: &str) -> bool {
        match self {
            Self::None => false,
            Self::Mapped(topics) => find_named(topics, topic).is_some(),
            Self::All => true,
        }
    }
}

/// A record in the journal: everything except the bytes of its value.
#[derive(Serialize)]
struct Summary<'a> {
    topic: &'a str,
    key: Option<&'a str>,
    headers: &'a [(String, String)],
    value_bytes: usize,
}

impl EffectError for Error {
    fn denied(reason: String) -> Self {
        Self::Denied(reason)
    }
}

impl Host for Calls {
    async fn publish(&mut self, entry: Entry) -> wasmtime::Result<Result<(), Error>> {
        let summary = Summary {
            topic: &entry.topic,
            key: entry.key.as_deref(),
            headers: &entry.headers,
            value_bytes: entry.value.len(),
        };
        self.guard_effect(Function::new("kafka", "publish"), summary, |calls, summary| {
            check(calls, &summary)?;
            let Entry { topic, key, value, headers } = entry.clone();
            Ok(EffectKind::KafkaRecord { topic, key, value, headers })
        })
    }
}

fn check(calls: &Calls, record: &Summary<'_>) -> Result<(), Error> {
    let topic = record.topic;
    if !calls.policy.grants.allows(Capability::Kafka, topic) {
        return Err(Error::Denied(format!("plugin {} has no grant `kafka = [\"{topic}\"]`", calls.policy.name)));
    }
    if record.value_bytes > LARGEST_VALUE {
        let size = record.value_bytes;
        return Err(Error::Invalid(format!("the value has {size} bytes; at most {LARGEST_VALUE} are taken")));
    }
    if let Some(size) = record.key.map(str::len).filter(|size| *size > LONGEST_KEY) {
        return Err(Error::Invalid(format!("the key has {size} bytes; at most {LONGEST_KEY} are taken")));
    }
    check_headers(record.headers)?;
    match calls.services.topics.contains(topic) {
        true => Ok(()),
        false => Err(Error::NotConfigured),
    }
}

fn check_headers(headers: &[(String, String)]) -> Result<(), Error> {
    let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > MOST_HEADERS || size > LARGEST_HEADERS {
        let count = headers.len();
        return Err(Error::Invalid(format!(
            "{count} headers with {size} bytes; at most {MOST_HEADERS} with {LARGEST_HEADERS} are taken"
        )));
    }
    for (name, _) in headers {
        let start = name.get(..HOSTS_HEADERS.len());
        if start.is_some_and(|start| start.eq_ignore_ascii_case(HOSTS_HEADERS)) {
            let name = name.chars().take(64).collect::<String>();
            let name = name.escape_debug();
            return Err(Error::Invalid(format!("header `{name}` is the host's own; give it another name")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_header_passes_for_one_of_the_hosts_and_all_of_them_are_bounded() {
        let check = |name: &str, value: &str, count| check_headers(&vec![(name.to_owned(), value.to_owned()); count]);
        check("trace", "1", MOST_HEADERS).unwrap();
        check("ăsignalbox-", "1", 1).unwrap();
        for name in ["signalbox-business-id", "Signalbox-Anything"] {
            let Err(Error::Invalid(reason)) = check(name, "1", 1) else { panic!("{name} is taken") };
            assert!(reason.contains(name), "{reason}");
        }
        assert!(check("trace", "1", MOST_HEADERS + 1).is_err());
        assert!(check("trace", &"x".repeat(LARGEST_HEADERS), 1).is_err());
    }
}
