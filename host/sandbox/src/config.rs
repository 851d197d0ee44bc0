use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, HumanSize};

/// `[sandbox]`: the resources of the machine that all plugins share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// The most guest calls that may run at the same time, from 1 to 1000. Further calls wait for their turn. One
    /// business may have half of them.
    pub instances: u32,
    /// The folder in which the host keeps compiled components between starts, so that it compiles each component once.
    pub cache: Option<PathBuf>,
    /// The largest component that the host loads.
    pub component_size: HumanSize,
    /// How long the compilation of one component may take. If it takes longer, the host refuses the component and its
    /// bundle.
    pub compile_time: HumanDuration,
    /// The most memory that the process that compiles one component may use.
    pub compile_memory: HumanSize,
    /// How many traps of a plugin for one business, within `breaker-window`, open the circuit breaker of this plugin
    /// for this business. While it is open, calls of the plugin for this business fail at once. With 0, no circuit
    /// breaker opens.
    pub breaker_traps: u32,
    /// The time within which `breaker-traps` traps of a plugin for one business open its circuit breaker.
    pub breaker_window: HumanDuration,
    /// How long an open circuit breaker refuses calls before it admits one call as a trial. When the plugin answers the
    /// trial call, the circuit breaker closes.
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
