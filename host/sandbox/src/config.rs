use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, HumanSize};

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
    /// How long one component may take to compile. Default 1 minute.
    pub compile_time: HumanDuration,
    /// How much memory the process may take that compiles one component. Default 1 GiB.
    pub compile_memory: HumanSize,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            instances: 128,
            cache: Some(PathBuf::from(".signalbox/compiled")),
            component_size: HumanSize(16 << 20),
            compile_time: HumanDuration::secs(60),
            compile_memory: HumanSize(1 << 30),
        }
    }
}
