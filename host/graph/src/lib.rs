//! Bundles and decision graphs: reads and checks `bundle.toml`, and steps through a graph as a pure state machine.
//!
//! [`parse`] turns the text of a manifest into a [`Manifest`], or into a [`Report`](signalbox_diagnostics::Report) of
//! everything that is wrong with it. A [`Stepper`] says which nodes run next and is told how they ended. It uses no
//! async, no Wasm, no clock and no I/O.
//!
//! A bundle with a parallel step, a join, a condition and a node that handles errors:
//!
//! ```
//! let text = r#"
//! [bundle]
//! business-type = "restaurant"
//! version = "1.0.0"
//!
//! [inputs.websocket]                      # no handler: the host's default mapping
//!
//! [plugins.classify]
//! component = "classify.wasm"
//! grants = { llm = ["default"] }
//! limits = { time = "2s" }
//!
//! [plugins.history]
//! component = "history.wasm"
//! grants = { rag = ["read"] }
//!
//! [plugins.answer]
//! component = "answer.wasm"
//!
//! [graph]
//! session = ["notes"]                     # kept from one message of a conversation to the next
//!
//! [graph.channels]
//! intent = "last"
//! notes = "append"
//!
//! [graph.nodes.classify]
//! plugin = "classify"
//! writes = ["intent"]
//! retry = { max-attempts = 3 }
//! on-error = "apologise"
//!
//! [graph.nodes.history]
//! plugin = "history"
//! writes = ["notes"]
//!
//! [graph.nodes.answer]
//! plugin = "answer"
//! join = "all"
//!
//! [graph.nodes.apologise]
//! plugin = "answer"
//! reads = []
//!
//! [[graph.edges]]
//! from = "start"
//! to = ["classify", "history"]
//!
//! [[graph.edges]]
//! from = "classify"
//! to = "answer"
//! when = 'state.intent != "spam"'
//!
//! [[graph.edges]]
//! from = "classify"
//! to = "end"
//! otherwise = true
//!
//! [[graph.edges]]
//! from = "history"
//! to = "answer"
//!
//! [[graph.edges]]
//! from = "answer"
//! to = "end"
//!
//! [[graph.edges]]
//! from = "apologise"
//! to = "end"
//! "#;
//! let manifest = signalbox_graph::parse("bundle.toml", text).map_err(|report| report.render(false)).unwrap();
//! assert_eq!(manifest.graph.node_names().count(), 4);
//!
//! let report = signalbox_graph::parse("bundle.toml", &text.replace("state.intent", "state.intnt")).unwrap_err();
//! assert_eq!(report.problems().next().and_then(|problem| problem.help), Some("did you mean `intent`?"));
//! ```

mod check;
mod definition;
mod expression;
mod graph;
mod json;
mod manifest;
mod mermaid;
mod reducer;
mod stepper;

pub use expression::{EVALUATION_LIMIT, RUN_LIMIT, STEP_LIMIT, Scope};
pub use graph::Graph;
pub use json::{Json, JsonError, MAX_CHANNEL_BYTES, MAX_DEPTH, MAX_UPDATE_BYTES};
pub use manifest::{
    ApiInput, BUNDLE_SCHEMA, CAPABILITIES, CronCatchUp, CronInput, Examined, InputPlaces, Inputs, KafkaInput,
    MAX_MANIFEST_BYTES, Manifest, PluginLimits, PluginSpec, Verify, VerifyScheme, WebhookInput, WebsocketInput,
    examine, parse,
};
pub use mermaid::mermaid;
pub use reducer::{ReduceError, Reducer};
pub use stepper::{
    FailureKind, GraphResult, MAX_ITEMS, MAX_NODE_RUNS, MAX_STATE_BYTES, Next, Payloads, RunError, StepOutput, Stepper,
    Task, TaskId, TaskResult,
};
