use std::sync::Arc;

/// What a node run does right now, for someone who watches.
#[derive(Clone, Debug)]
pub struct NodeEvent {
    /// The decision it belongs to.
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

/// Where a node run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It was handed to the sandbox.
    Started,
    /// It gave a step.
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

/// Someone who watches a decision. Called on the decision's own task, so it must not wait; what it cannot take at once
/// it drops.
pub trait Progress: Send + Sync {
    /// A node started or ended.
    fn node(&self, event: NodeEvent);
}

/// Watches nothing.
pub struct Silent;

impl Progress for Silent {
    fn node(&self, _event: NodeEvent) {}
}
