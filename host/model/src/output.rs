use serde::{Deserialize, Serialize};

use crate::{AgentAction, AgentResponse, JsonObject, PathStep};

/// What language models were asked and answered, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// Sent.
    pub input: u64,
    /// Received.
    pub output: u64,
}

/// How a decision came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OutputMetadata {
    /// Digest of the bundle that decided, as `sha256:<hex>`.
    pub generation: String,
    /// The bundle's version, for people.
    pub bundle_version: String,
    /// Every node run, in step order and declared order.
    pub path: Vec<PathStep>,
    /// Under which the journal is stored.
    pub journal_id: String,
    /// Language model usage.
    #[serde(default)]
    pub tokens: Tokens,
    /// What the plugin wants kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<JsonObject>,
}

/// What was decided, and everything it causes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentOutput {
    /// The decision's id, derived from business and input.
    pub id: String,
    /// The input that was decided.
    pub input_id: String,
    /// What was decided, in the bundle's vocabulary.
    pub decision_code: String,
    /// The kind of decision.
    pub decision_type: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Why.
    pub reasoning: String,
    /// What it causes outside.
    pub actions: Vec<AgentAction>,
    /// What is said back.
    pub responses: Vec<AgentResponse>,
    /// Actions wait for a person.
    pub requires_human_review: bool,
    /// From admission to decision, in milliseconds.
    pub processing_time: u64,
    /// How it came about.
    pub metadata: OutputMetadata,
}
