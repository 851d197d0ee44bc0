use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::UnknownName;

/// What happens when a schedule ticks while its last tick is still being decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// The new tick is left out.
    #[default]
    Skip,
    /// The new tick waits for the last one.
    Queue,
    /// Both are decided side by side.
    Allow,
    /// As a newer version calls it.
    #[serde(untagged)]
    Unknown(UnknownName),
}

/// What happens to ticks that were missed while no host was running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatchUp {
    /// They are left out.
    None,
    /// The newest of them is made up for.
    #[default]
    Last,
    /// Each of them is made up for, up to a bound.
    All {
        /// How many at most; of more, the newest.
        limit: u32,
    },
    /// As a newer version says it.
    #[serde(untagged)]
    Unknown(Value),
}
