use anyhow::Result;

use crate::Process;

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
    pub(crate) fn of(process: Process) -> Result<Self> {
        Ok(Self { memory: process.memory()?, files: usize::try_from(process.handles()?)? })
    }
}
