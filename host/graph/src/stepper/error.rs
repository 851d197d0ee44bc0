use crate::reducer::ReduceError;

/// Why an attempt of a node failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The node cannot accept the input. Not tried again.
    Invalid,
    /// A later attempt may succeed. Tried again.
    Retry,
    /// No later attempt can succeed. Not tried again.
    Fatal,
    /// The plugin trapped, which is a bug in it. Not tried again.
    Trap,
    /// The attempt took too long. Tried again.
    Timeout,
}

impl FailureKind {
    /// Whether another attempt may help.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Retry | Self::Timeout)
    }

    /// Its name in messages, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Retry => "retry",
            Self::Fatal => "fatal",
            Self::Trap => "trap",
            Self::Timeout => "timeout",
        }
    }
}

/// Why a run did not come to its end. Nodes are named by their path.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RunError {
    /// A node failed, its attempts are used up, and no `on-error` takes over.
    #[error("node `{node}` failed ({}) in attempt {attempts}: {message}", kind.as_str())]
    NodeFailed {
        /// The node.
        node: String,
        /// Why its last attempt failed.
        kind: FailureKind,
        /// Why, in the node's words.
        message: String,
        /// How many attempts it had.
        attempts: u32,
    },
    /// The graph took more steps than it may.
    #[error("step limit {limit} reached in {graph} with {active} next; mend the loop, or raise `step-limit`")]
    StepLimit {
        /// The graph, or the path of the node that runs the subgraph.
        graph: String,
        /// The limit.
        limit: u32,
        /// The nodes that would have run.
        active: String,
    },
    /// A node wrote a channel that its `writes` does not list.
    #[error("node `{node}` wrote channel `{channel}`, which is not among its `writes`; declare it there")]
    UndeclaredChannel {
        /// The node.
        node: String,
        /// The channel.
        channel: String,
    },
    /// A node named a node that its `targets` does not list.
    #[error("node `{node}` went to `{target}`, which is not among its `targets`; declare it there")]
    GotoOutsideTargets {
        /// The node.
        node: String,
        /// Where it went.
        target: String,
    },
    /// A value does not fit its channel.
    #[error("node `{node}` wrote channel `{channel}`: {error}")]
    Reduce {
        /// The node.
        node: String,
        /// The channel.
        channel: String,
        /// Why it does not fit.
        error: ReduceError,
    },
    /// Two nodes wrote a channel in the same step, although it takes only one value per step.
    #[error("nodes `{first}` and `{second}` both wrote channel `{channel}` in one step; give it another reducer")]
    ParallelWrite {
        /// The channel.
        channel: String,
        /// The first in declared order.
        first: String,
        /// The second.
        second: String,
    },
    /// A node ended and no edge leads on.
    #[error("no edge from `{node}` matched; add one with `otherwise = true`")]
    NoEdgeMatched {
        /// The node, or start.
        node: String,
    },
    /// A condition could not be evaluated.
    #[error("the condition `{condition}` of an edge from `{node}` failed: {reason}")]
    Condition {
        /// Where the edge leaves.
        node: String,
        /// Its source.
        condition: String,
        /// What went wrong.
        reason: String,
    },
    /// The list of a `for-each` could not be evaluated.
    #[error("`for-each` of node `{node}` failed: {reason}")]
    ForEach {
        /// The node.
        node: String,
        /// What went wrong.
        reason: String,
    },
    /// The list of a `for-each` is too long.
    #[error("`for-each` of node `{node}` has {items} items, more than {limit}; let a node cut it into parts")]
    TooManyItems {
        /// The node.
        node: String,
        /// How many items there are.
        items: usize,
        /// How many items there may be.
        limit: usize,
    },
    /// The run exceeds the limit of node runs.
    #[error(
        "node `{node}` makes it {runs} runs of nodes in this decision, more than {limit}; let a node work on the whole list, \
         or cut the input into several"
    )]
    TooManyRuns {
        /// The node that exceeded the limit.
        node: String,
        /// How many runs there would be.
        runs: usize,
        /// How many runs there may be.
        limit: usize,
    },
    /// The channels of the run, including those of its subgraphs, exceed the limit.
    #[error(
        "node `{node}` wrote channel `{channel}`, and with it the channels of this run hold {bytes} bytes, more than {limit}; \
         keep less in them, or keep it in a table"
    )]
    StateTooLarge {
        /// The node that exceeded the limit.
        node: String,
        /// The channel that it wrote.
        channel: String,
        /// How many bytes they would hold.
        bytes: usize,
        /// How many bytes they may hold.
        limit: usize,
    },
    /// The run has ended already, and its result was returned.
    #[error("the run is over")]
    Over,
}
