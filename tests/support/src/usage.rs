use anyhow::{Context, Result};

/// What a process holds of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Resident memory, in bytes.
    pub memory: u64,
    /// Open files and sockets.
    pub files: usize,
}

impl Usage {
    /// Of a process, as Linux tells it.
    pub(crate) fn of(process: u32) -> Result<Self> {
        let folder = format!("/proc/{process}");
        let status =
            std::fs::read_to_string(format!("{folder}/status")).context("only Linux says what a process holds")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        let resident: u64 = resident.context("the process says nothing of its memory")?.parse()?;
        let files = std::fs::read_dir(format!("{folder}/fd")).context("the process has ended")?.count();
        Ok(Self { memory: resident * 1024, files })
    }
}
