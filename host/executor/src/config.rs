use serde::{Deserialize, Serialize};
use signalbox_model::HumanDuration;

/// `[executor]`: how decisions are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ExecutorConfig {
    /// How long a conversation is remembered after its last message. Default 12h.
    pub session_lifetime: HumanDuration,
    /// How long a message model is used before the store is asked again. Default 5s.
    pub message_model_lifetime: HumanDuration,
}

impl Default for ExecutorConfig {
    fn default() -> Self {
        Self { session_lifetime: HumanDuration::secs(12 * 3_600), message_model_lifetime: HumanDuration::secs(5) }
    }
}

/// `[review]`: decisions that wait for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ReviewConfig {
    /// How long a decision waits for a person before it is rejected. Default 72h.
    pub expires_after: HumanDuration,
    /// How often the host looks for those whose time is over. Default 30s.
    pub expiry_interval: HumanDuration,
}

impl Default for ReviewConfig {
    fn default() -> Self {
        Self { expires_after: HumanDuration::secs(72 * 3_600), expiry_interval: HumanDuration::secs(30) }
    }
}
