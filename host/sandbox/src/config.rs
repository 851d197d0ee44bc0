use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, HumanSize};

/// `[sandbox]`: how much of the machine plugins may have together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// Guest calls that may run at the same time; more wait for their turn, and one business may have half of them.
    /// Default 128, from 1 to 1000.
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
    /// So many traps of a plugin for one business open its breaker for that business; 0 never does. Default 5.
    pub breaker_traps: u32,
    /// Within this time. Default 1 minute.
    pub breaker_window: HumanDuration,
    /// How long an open breaker refuses calls before it lets one through to see. Default 30 s.
    pub breaker_cool_down: HumanDuration,
    /// How often a computing guest is checked, and so the longest time that it may keep a thread of the runtime. A
    /// program that embeds the sandbox can set it for an environment in which a guest does little in a millisecond:
    /// when instructions are counted one by one, for example, usual calls would otherwise count as long.
    #[serde(skip)]
    pub tick: Duration,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            instances: 128,
            cache: Some(PathBuf::from(".signalbox/compiled")),
            component_size: HumanSize(16 << 20),
            compile_time: HumanDuration::secs(60),
            compile_memory: HumanSize(1 << 30),
            breaker_traps: 5,
            breaker_window: HumanDuration::secs(60),
            breaker_cool_down: HumanDuration::secs(30),
            // A debug build does so little in a millisecond that usual calls would count as long.
            tick: Duration::from_millis(if cfg!(debug_assertions) { 10 } else { 1 }),
        }
    }
}
