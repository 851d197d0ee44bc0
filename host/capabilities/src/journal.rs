mod wit_names;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use wit_names::to_value;

use crate::answers::weight;

/// The result of a capability call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The return value, with the names of `wit/`. Journals of older hosts have Rust's names for fields and cases.
    Ok(Value),
    /// Its typed error.
    Err(Value),
}

/// One capability call, even if it was refused. A decision's journal is the list of these calls in the order of its
/// node runs, and within a run in the order of its calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    /// Display path of the node that called.
    pub node: String,
    /// The attempt of that node, from 1.
    pub attempt: u32,
    /// The number of the call within the attempt, from 1. With decision and node it is the call's idempotency key.
    pub call: u32,
    /// WIT package, for example `rag`.
    pub capability: String,
    /// WIT function, for example `find-similar-decisions`.
    pub function: String,
    /// The arguments.
    pub request: Value,
    /// The result.
    pub answer: Answer,
    /// How long it took, in microseconds.
    pub micros: u64,
}

impl JournalEntry {
    /// Whether serialising the entry takes so long that it would delay other tasks.
    pub fn is_large(&self) -> bool {
        let (Answer::Ok(answer) | Answer::Err(answer)) = &self.answer;
        weight(answer) + weight(&self.request) > 64 << 10
    }
}
