use serde::{Deserialize, Serialize};
use signalbox_model::HumanDuration;

/// `[executor]`: how long the host remembers conversations and caches message models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ExecutorConfig {
    /// How long the host remembers a conversation after its last message.
    pub session_lifetime: HumanDuration,
    /// How long the host caches a message model before it reads the model from the store again.
    pub message_model_lifetime: HumanDuration,
}

impl Default for ExecutorConfig {
    fn default() -> Self {
        Self { session_lifetime: HumanDuration::secs(12 * 3_600), message_model_lifetime: HumanDuration::secs(5) }
    }
}

/// `[review]`: how long decisions wait for a review by a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ReviewConfig {
    /// How long a decision waits for a review before the host rejects it. A changed value applies only to decisions
    /// that are made afterwards.
    pub expires_after: HumanDuration,
    /// How often the host searches for decisions that have waited for a review too long.
    pub expiry_interval: HumanDuration,
}

impl Default for ReviewConfig {
    fn default() -> Self {
        Self { expires_after: HumanDuration::secs(72 * 3_600), expiry_interval: HumanDuration::secs(30) }
    }
}
