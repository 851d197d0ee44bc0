//! Calls every function of `signalbox:config`.

use signalbox_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
enum Call {
    Get { path: String },
    All,
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::Get { path } => probe::outcome(config::get::<Value>(&path), |_| false),
        Call::All => probe::outcome(config::all::<Value>(), |_| false),
    })
}
