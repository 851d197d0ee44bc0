//! Bundles and decision graphs: `bundle.toml` read and checked, and the pure machine that steps through a graph.
//!
//! [`parse`] turns the text of a manifest into a [`Manifest`], or into a [`Report`] of everything that is wrong with it.
//! A [`Stepper`] says which nodes run next and is told how they ended: no async, no wasm, no clock, no I/O.

mod check;
mod definition;
mod expression;
mod graph;
mod json;
mod manifest;
mod mermaid;
mod reader;
mod reducer;
mod report;
mod stepper;
pub mod units;

pub use expression::Scope;
pub use graph::Graph;
pub use json::{Json, JsonError, MAX_CHANNEL_BYTES, MAX_DEPTH, MAX_UPDATE_BYTES};
pub use manifest::{
    ApiInput, CAPABILITIES, CatchUp, CronInput, Inputs, KafkaInput, Limits, Manifest, Overlap, PluginSpec, Verify,
    VerifyScheme, WebhookInput, WebsocketInput, parse,
};
pub use mermaid::mermaid;
pub use reducer::{ReduceError, Reducer};
pub use report::{PlacedProblem, Problem, Report};
pub use stepper::{
    Ending, FailureKind, MAX_ITEMS, Next, Outcome, Payloads, RunError, StepOutput, Stepper, Task, TaskId,
};
