//! Calls every function of `signalbox:llm`.

use std::time::Duration;

use signalbox_sdk::llm::{Error, Request};
use signalbox_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
enum Call {
    Complete {
        model: String,
        user: String,
        /// A JSON Schema asks for JSON.
        schema: Option<Value>,
        /// In milliseconds.
        timeout: Option<u64>,
    },
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::Complete { model, user, schema, timeout } => {
            let mut request = Request::new(model).system("You answer a probe.").user(user);
            if let Some(timeout) = timeout {
                request = request.timeout(Duration::from_millis(timeout));
            }
            match schema {
                Some(schema) => probe::outcome(request.ask_json::<Value>(&schema), Error::retryable),
                None => probe::outcome(request.ask().map(|completion| completion.text), Error::retryable),
            }
        }
    })
}
