use serde::{Deserialize, Serialize};

use crate::{JsonObject, Timestamp, UnknownName};

/// What kind of thing an action does outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActionType {
    /// A change to a resource that another service owns; leaves over Kafka.
    ResourceAction,
    /// A message to people of the business.
    Notification,
    /// A request to an external service.
    ExternalCall,
    /// As a newer version calls it.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

/// Which of two waiting actions goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// When nothing else waits.
    Low,
    /// The usual.
    #[default]
    Medium,
    /// Before everything else.
    High,
    /// As a newer version calls it.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

/// How often and when delivery is tried again. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// Includes the first.
    pub max_attempts: u32,
    /// Before the second attempt.
    pub initial_interval: u64,
    /// Each interval is this times the one before.
    pub backoff_factor: f64,
    /// No interval is longer.
    pub max_interval: u64,
    /// Spreads retries of many actions apart.
    #[serde(default)]
    pub jitter: bool,
}

/// Something a decision causes outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentAction {
    /// Derived from decision and position: the idempotency key of every delivery.
    pub id: String,
    /// What kind of thing it does.
    #[serde(rename = "type")]
    pub action_type: ActionType,
    /// A resource type, an audience (`user:<id>` or `business`), or a URL.
    pub target: String,
    /// What it says.
    pub payload: JsonObject,
    /// Which of two waiting actions goes first.
    pub priority: Priority,
    /// Not before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute_at: Option<Timestamp>,
    /// None takes the host's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
}
