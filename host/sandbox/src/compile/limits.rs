use std::time::Duration;

use crate::config::SandboxConfig;

/// The most native code of one component: 128 MiB.
pub(super) const LARGEST_CODE: u64 = 128 << 20;

/// Limits for compiling one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Elapsed time.
    pub time: Duration,
    /// The memory of the process that compiles, in bytes.
    pub memory: u64,
    /// The component itself, in bytes.
    pub component_size: u64,
}

impl CompileLimits {
    pub(super) fn of(config: &SandboxConfig) -> Self {
        Self { time: config.compile_time.0, memory: config.compile_memory.0, component_size: config.component_size.0 }
    }

    /// The limit of CPU time. One thread compiles, so its CPU time never exceeds its elapsed time; the limit is rounded
    /// up to the system's unit.
    pub(super) fn cpu_seconds(&self) -> u64 {
        u64::try_from(self.time.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1)
    }
}
