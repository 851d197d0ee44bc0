use serde::{Deserialize, Serialize};

use crate::{AgentAction, AgentResponse, JsonObject, PathStep};

/// The tokens that language models have read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// Tokens of requests.
    pub input: u64,
    /// Tokens of answers.
    pub output: u64,
}

/// How a decision was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OutputMetadata {
    /// Digest of the bundle that made it, as `sha256:<hex>`.
    pub generation: String,
    /// The bundle's version, for people.
    pub bundle_version: String,
    /// Every node run, in step order and declared order.
    pub path: Vec<PathStep>,
    /// The id under which the journal is stored.
    pub journal_id: String,
    /// Language model usage.
    #[serde(default)]
    pub tokens: Tokens,
    /// Metadata that the plugin wants to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<JsonObject>,
}

/// A decision with its actions and responses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentOutput {
    /// The decision's id, derived from business and input.
    pub id: String,
    /// The input.
    pub input_id: String,
    /// The decision code, in the bundle's vocabulary.
    pub decision_code: String,
    /// The kind of decision.
    pub decision_type: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// The reasoning.
    pub reasoning: String,
    /// The actions outside of the host.
    pub actions: Vec<AgentAction>,
    /// The responses to people.
    pub responses: Vec<AgentResponse>,
    /// Whether the actions wait for a review.
    pub requires_human_review: bool,
    /// The time from admission to decision, in milliseconds.
    pub processing_time: u64,
    /// How the decision was made.
    pub metadata: OutputMetadata,
}
