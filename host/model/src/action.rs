use serde::{Deserialize, Serialize};

use crate::{JsonObject, Timestamp, UnknownName};

/// The kinds of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActionType {
    /// A change to a resource that another service owns, delivered over Kafka.
    ResourceAction,
    /// A message to people of the business.
    Notification,
    /// A request to an external service.
    ExternalCall,
    /// A kind that only a newer version knows.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

/// The order of waiting actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// After all others.
    Low,
    /// The default.
    #[default]
    Medium,
    /// Before all others.
    High,
    /// A priority that only a newer version knows.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

/// How often and when delivery is tried again. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// The most attempts, including the first.
    pub max_attempts: u32,
    /// The interval before the second attempt.
    pub initial_interval: u64,
    /// The factor from one interval to the next.
    pub backoff_factor: f64,
    /// The longest interval.
    pub max_interval: u64,
    /// Spreads retries of many actions apart.
    #[serde(default)]
    pub jitter: bool,
}

/// An action of a decision outside of the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentAction {
    /// Derived from decision and position: the idempotency key of every delivery.
    pub id: String,
    /// The kind of action.
    #[serde(rename = "type")]
    pub action_type: ActionType,
    /// A resource type, an audience (`user:<id>` or `business`), or a URL.
    pub target: String,
    /// The content.
    pub payload: JsonObject,
    /// Which of two waiting actions is delivered first.
    pub priority: Priority,
    /// The earliest time of delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute_at: Option<Timestamp>,
    /// None is the host's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
}
