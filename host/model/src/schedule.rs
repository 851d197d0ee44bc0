use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::UnknownName;

/// What happens when a schedule ticks while its last tick is still being decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// The new tick is not fired.
    #[default]
    Skip,
    /// The new tick waits for the last one.
    Queue,
    /// Both are decided in parallel.
    Allow,
    /// A policy that only a newer version knows.
    #[serde(untagged)]
    Unknown(UnknownName),
}

/// What happens to ticks that were missed while no host was running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatchUp {
    /// They are not fired.
    None,
    /// Only the newest of them is fired.
    #[default]
    Last,
    /// Each of them is fired, up to a limit.
    All {
        /// The limit; of more ticks, the newest are fired.
        limit: u32,
    },
    /// A policy that only a newer version knows.
    #[serde(untagged)]
    Unknown(Value),
}
