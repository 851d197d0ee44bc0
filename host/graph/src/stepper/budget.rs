//! How large a run may become: its expressions' work, the runs of its nodes, and what its channels hold.
//!
//! What is counted is what the run's own outcomes make it, added up: it never depends on which node was quicker.

use super::{MAX_NODE_RUNS, MAX_STATE_BYTES, RunError};
use crate::expression::CostMeter;

/// What one run has used so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    pub meter: CostMeter,
    runs: usize,
    held: usize,
    merged: u64,
}

impl Budget {
    /// Takes the runs of one node in one step, before they are made.
    pub fn begin_runs(&mut self, node: &str, count: usize) -> Result<(), RunError> {
        self.runs = self.runs.saturating_add(count);
        if self.runs > MAX_NODE_RUNS {
            return Err(RunError::TooManyRuns { node: node.to_owned(), runs: self.runs, limit: MAX_NODE_RUNS });
        }
        Ok(())
    }

    /// Takes what a channel came to hold beyond what it held before.
    pub fn hold(&mut self, node: &str, channel: &str, bytes: usize) -> Result<(), RunError> {
        self.held = self.held.saturating_add(bytes);
        if self.held > MAX_STATE_BYTES {
            let (node, channel) = (node.to_owned(), channel.to_owned());
            return Err(RunError::StateTooLarge { node, channel, bytes: self.held, limit: MAX_STATE_BYTES });
        }
        Ok(())
    }

    /// Gives back what subgraphs held that have ended.
    pub fn release(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// A value of so many bytes was put together.
    pub fn merged(&mut self, bytes: usize) {
        self.merged = self.merged.saturating_add(bytes as u64);
    }

    /// All work so far, whatever its kind: enough of it is a reason to let others have the thread.
    pub fn work(&self) -> u64 {
        self.meter.spent().saturating_add(self.merged).saturating_add(256 * self.runs as u64)
    }
}
