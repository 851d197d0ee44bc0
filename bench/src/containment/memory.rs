//! This process's memory as Linux counts it, in KiB.

use std::fs;

use anyhow::{Context as _, Result};

/// What is resident now.
pub(super) fn resident() -> Result<u64> {
    field("VmRSS:")
}

/// The most that was resident since [`forget_peak`].
pub(super) fn peak() -> Result<u64> {
    field("VmHWM:")
}

/// Lets the peak begin at what is resident now.
pub(super) fn forget_peak() -> Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("/proc/self/clear_refs")
}

fn field(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("/proc/self/status; this runs on Linux only")?;
    let value =
        status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{name} is missing"))?;
    Ok(value.trim().trim_end_matches(" kB").parse()?)
}
