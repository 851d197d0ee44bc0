//! Calls every function of `signalbox:log`.

use signalbox_sdk::log::{self, Level};
use signalbox_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
enum Call {
    Write {
        level: String,
        message: String,
        #[serde(default)]
        fields: Vec<(String, String)>,
        /// How often; once when unset.
        times: Option<u32>,
    },
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::Write { level, message, fields, times } => {
            let level = match level.as_str() {
                "trace" => Level::Trace,
                "debug" => Level::Debug,
                "warn" => Level::Warn,
                "error" => Level::Error,
                _ => Level::Info,
            };
            for _ in 0..times.unwrap_or(1) {
                log::write(level, &message, &fields);
            }
            json!({ "ok": null })
        }
    })
}
