use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AgentContext, JsonObject, Timestamp, UnknownName};

/// The outcome of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Made; its effects are delivered.
    Decided,
    /// Made; its actions wait for a review.
    ReviewPending,
    /// A reviewer approved its actions.
    Approved,
    /// A reviewer replaced its actions.
    Edited,
    /// A reviewer rejected it.
    Rejected,
    /// No decision was made; the operator finds the reason in its record.
    Failed,
    /// An outcome that only a newer version knows.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

/// How one run of a node ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StepResult {
    /// It returned a step.
    Done,
    /// It failed; another attempt or `on-error` may have followed.
    Failed(String),
    /// A result that only a newer version knows.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(Value),
}

impl StepResult {
    /// The result that people without operator access are shown: the kind of failure. The plugin's own message is for
    /// operators.
    pub fn told(&self) -> Self {
        match self {
            Self::Done => Self::Done,
            Self::Unknown(_) => self.clone(),
            Self::Failed(reason) => Self::Failed(reason.split_once(':').map_or("failed", |(kind, _)| kind).to_owned()),
        }
    }
}

/// One run of a node on a decision's path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PathStep {
    /// Node name; nodes of a subgraph as `subgraph/node`, runs of a `for-each` as `node[3]`.
    pub node: String,
    /// The step it ran in, from 1.
    pub step: u32,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The duration in microseconds, including waiting.
    pub micros: u64,
    /// The result.
    pub result: StepResult,
}

/// The key in a decision's metadata for an input that was given up, with the `reason` and the number of `attempts`.
pub const DEAD_LETTER: &str = "deadLetter";

impl DecisionModel {
    /// Whether its input was given up, so that an operator has to look at it.
    pub fn is_dead_letter(&self) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| metadata.contains_key(DEAD_LETTER))
    }
}

/// A decision as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DecisionModel {
    /// Derived from business and input (partition key).
    pub id: String,
    /// The business (sort key).
    pub business_id: String,
    /// The decision code.
    pub decision_code: String,
    /// The kind of decision.
    pub decision_type: String,
    /// The context that it was made from.
    pub context: AgentContext,
    /// The reasoning.
    pub reasoning: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// The outcome.
    pub outcome: Outcome,
    /// The business's type.
    pub business_type: String,
    /// The location that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Further data to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<JsonObject>,
}

impl DecisionModel {
    /// The text that people are shown when no decision was made; none for another outcome. The reasoning has the cause,
    /// but it may hold details of the plugin and is for operators.
    pub fn told_failure(&self) -> Option<String> {
        let correlation_id = self.context.input.correlation_id.as_deref();
        let place = correlation_id.map_or_else(|| "decision id".to_owned(), |id| format!("correlation id {id}"));
        (self.outcome == Outcome::Failed).then(|| {
            format!(
                "no decision came out, because of an error at the business; its operator finds why under the {place}"
            )
        })
    }
}
