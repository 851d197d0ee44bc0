use std::sync::Arc;

/// What a node run does at this moment, for the watchers of a decision.
#[derive(Clone, Debug)]
pub struct NodeEvent {
    /// The decision that the node runs for.
    pub decision_id: Arc<str>,
    /// Display path, for example `triage/ask` or `check[2]`.
    pub node: Arc<str>,
    /// The step it runs in, from 1.
    pub step: u32,
    /// The attempt, from 1.
    pub attempt: u32,
    /// What happened.
    pub phase: Phase,
    /// How long the run took, in microseconds; 0 while it runs.
    pub micros: u64,
}

/// The state of a node run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The sandbox has been given the run.
    Started,
    /// The node returned a step.
    Done,
    /// It failed; a retry or `on-error` may follow.
    Failed,
}

impl Phase {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// Watches a decision. The decision's own task calls it, so it must not wait; it drops what it cannot take at once.
pub trait Progress: Send + Sync {
    /// A node started or ended.
    fn node(&self, event: NodeEvent);
}

/// A [`Progress`] that does nothing.
pub struct Silent;

impl Progress for Silent {
    fn node(&self, _event: NodeEvent) {}
}
