use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signalbox_model::HumanSize;

/// `[sandbox]`: how much of the machine plugins may have together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// Guest calls that may run at the same time; more wait for their turn. Default 128, from 1 to 1000.
    pub instances: u32,
    /// Where compiled components are kept between starts; none compiles again at every start. Default
    /// `.signalbox/compiled`.
    pub cache: Option<PathBuf>,
    /// The largest component that is taken. Default 16 MiB.
    pub component_size: HumanSize,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self { instances: 128, cache: Some(PathBuf::from(".signalbox/compiled")), component_size: HumanSize(16 << 20) }
    }
}
