use serde::{Deserialize, Serialize};
use signalbox_model::HumanDuration;

/// `[delivery]`: how effects leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RelayConfig {
    /// How often the store is searched for effects that are due and were not delivered, for example because the host
    /// died before it could.
    pub scan_interval: HumanDuration,
    /// Decisions that wait for their effects to be delivered; those beyond are found by the search.
    pub queue: usize,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self { scan_interval: HumanDuration::secs(5), queue: 1_024 }
    }
}
