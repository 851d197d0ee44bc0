//! Limits how large a run may become: the work of its expressions, the number of node runs, and the bytes in its
//! channels.
//!
//! The counts follow from the run's outcomes alone. They do not depend on which node was quicker.

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
    /// Counts the runs of one node in one step, before they begin.
    pub fn begin_runs(&mut self, node: &str, count: usize) -> Result<(), RunError> {
        self.runs = self.runs.saturating_add(count);
        if self.runs > MAX_NODE_RUNS {
            return Err(RunError::TooManyRuns { node: node.to_owned(), runs: self.runs, limit: MAX_NODE_RUNS });
        }
        Ok(())
    }

    /// Counts the bytes by which a channel has grown.
    pub fn hold(&mut self, node: &str, channel: &str, bytes: usize) -> Result<(), RunError> {
        self.held = self.held.saturating_add(bytes);
        if self.held > MAX_STATE_BYTES {
            let (node, channel) = (node.to_owned(), channel.to_owned());
            return Err(RunError::StateTooLarge { node, channel, bytes: self.held, limit: MAX_STATE_BYTES });
        }
        Ok(())
    }

    /// Subtracts the bytes that ended subgraphs held.
    pub fn release(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Counts the work of building a value of so many bytes.
    pub fn merged(&mut self, bytes: usize) {
        self.merged = self.merged.saturating_add(bytes as u64);
    }

    /// All work so far, of every kind; after enough of it the stepper returns to let other tasks use the thread.
    pub fn work(&self) -> u64 {
        self.meter.spent().saturating_add(self.merged).saturating_add(256 * self.runs as u64)
    }
}
