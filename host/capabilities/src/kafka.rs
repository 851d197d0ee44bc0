//! `signalbox:kafka`: records as effects. No cluster can be configured yet, so calls fail with `not-configured`.

use serde::Serialize;
use signalbox_bindings::signalbox::kafka::kafka::{Entry, Error, Host};

use crate::guard::{EffectError, Function};
use crate::{Calls, Capability};

/// The largest value of a record.
const LARGEST_VALUE: usize = 256 * 1024;

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
            if !calls.policy.grants.allows(Capability::Kafka, summary.topic) {
                let topic = summary.topic;
                return Err(Error::Denied(format!(
                    "plugin {} has no grant `kafka = [\"{topic}\"]`",
                    calls.policy.name
                )));
            }
            if summary.value_bytes > LARGEST_VALUE {
                let size = summary.value_bytes;
                return Err(Error::Invalid(format!("the value has {size} bytes; at most {LARGEST_VALUE} are taken")));
            }
            Err(Error::NotConfigured)
        })
    }
}
