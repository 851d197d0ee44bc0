use anyhow::Result;

use crate::Process;

/// The resources of a process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Resident memory, in bytes.
    pub memory: u64,
    /// Open files and sockets.
    pub files: usize,
}

impl Usage {
    /// The resources of a process, as Linux reports them.
    pub(crate) fn of(process: Process) -> Result<Self> {
        Ok(Self { memory: process.memory()?, files: usize::try_from(process.handles()?)? })
    }
}
