//! Calls every function of `signalbox:kafka`.

use signalbox_sdk::kafka::{Error, Record};
use signalbox_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
enum Call {
    Publish { topic: String, key: String, value: String },
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::Publish { topic, key, value } => {
            let published = Record::new(topic, value).key(key).header("from", "probe").publish();
            probe::outcome(published, Error::retryable)
        }
    })
}
