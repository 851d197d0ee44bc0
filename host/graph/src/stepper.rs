//! Steps through a graph: it says which nodes the caller runs next and is told how they ended.
//!
//! Nodes that are active in one step see the same snapshot. Their updates are merged when all of them have ended, in
//! declared order, whatever the order in which they ended: the same outcomes give the same result every time. A step
//! always waits for all its nodes, even after one has failed for good, so that what a failed run reports does not
//! depend on which node was quicker.

mod budget;
mod error;
mod frame;
mod retry;
mod step;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::expression::{STEP_LIMIT, Scope};
use crate::graph::{EdgeTarget, Graph};
use crate::json::Json;

use budget::Budget;
pub use error::{FailureKind, RunError};
use frame::{Frame, Settled};

/// The most items of one `for-each`.
pub const MAX_ITEMS: usize = 1_000;

/// The most runs of nodes in one run of a graph, its subgraphs included. Each item of a `for-each` counts, and so do
/// each further attempt and each run of a subgraph.
pub const MAX_NODE_RUNS: usize = 10_000;

/// The most bytes of JSON that the channels of one run may hold together, including the channels of its subgraphs and
/// the updates of the current step.
pub const MAX_STATE_BYTES: usize = 8 << 20;

/// After this much work, [`Stepper::next`] returns so that the caller's thread can do other work.
const ENOUGH_WORK: u64 = STEP_LIMIT / 2;

/// Names one attempt of one node within one run of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(u64);

/// One attempt of one node.
#[derive(Clone, Debug)]
pub struct Task {
    /// The id under which its outcome is reported.
    pub id: TaskId,
    /// The node's path: `answer`, `orders/check` inside a subgraph, `remind[3]` for an item of a `for-each`.
    pub node: Arc<str>,
    /// The node's name alone, as the plugin sees it.
    pub name: Arc<str>,
    /// What to run.
    pub plugin: Arc<str>,
    /// The step of its graph, from 1.
    pub step: u32,
    /// From 1.
    pub attempt: u32,
    /// How long to wait before it starts.
    pub delay: Duration,
    /// How long this attempt may take; none is the plugin's own limit.
    pub timeout: Option<Duration>,
    /// The channels that the node reads and that have a value, in declared order.
    pub state: Vec<(Arc<str>, Json)>,
    /// The item of the `for-each` it runs for, and its position from 0.
    pub item: Option<(u32, Json)>,
    /// Sorts tasks in step order and declared order, independent of the order in which they end. The attempts of one
    /// run of a node are equal.
    pub order: Vec<u32>,
}

/// The output of a node.
#[derive(Clone, Debug)]
pub struct StepOutput<P> {
    /// Channel and new value.
    pub updates: Vec<(String, Json)>,
    /// Nodes to run next instead of the node's edges.
    pub goto: Vec<String>,
    /// A value that the caller gets back when the run has ended.
    pub payload: P,
}

/// The outcome of one attempt.
#[derive(Clone, Debug)]
pub enum TaskResult<P> {
    /// The node returned a step.
    Done(StepOutput<P>),
    /// The node failed.
    Failed {
        /// The kind of failure, which decides whether the node is tried again.
        kind: FailureKind,
        /// The reason, for people.
        message: String,
    },
}

/// What the caller does next.
#[derive(Debug)]
pub enum Next<P> {
    /// Start these tasks in parallel.
    Run(Vec<Task>),
    /// Let other tasks use the thread, then call [`Stepper::next`] again: the stepper has more to compute.
    Pause,
    /// Wait until one of the started tasks has ended.
    Wait,
    /// The run is over.
    Ended(GraphResult<P>),
}

/// Payloads by node path, in step order and declared order.
pub type Payloads<P> = Vec<(Arc<str>, P)>;

/// The result of a run.
#[derive(Debug)]
pub enum GraphResult<P> {
    /// The run came to its end.
    Finished {
        /// The payloads of the nodes.
        payloads: Payloads<P>,
        /// The final value of every channel that has one.
        state: BTreeMap<String, Json>,
        /// The channels that the next message of the conversation starts with.
        session: BTreeMap<String, Json>,
    },
    /// The run failed.
    Failed {
        /// Why.
        error: RunError,
        /// The payloads of the nodes that ended before and beside the failure.
        payloads: Payloads<P>,
    },
}

/// One run of a graph.
pub struct Stepper<P> {
    scope: Scope,
    /// The graph itself, and one frame for every run of a subgraph that has not ended.
    frames: Vec<Option<Frame<P>>>,
    free: Vec<usize>,
    outstanding: HashMap<TaskId, (usize, usize)>,
    ready: Vec<Task>,
    /// Frames whose tasks have all ended, or have not begun.
    due: Vec<usize>,
    next_id: u64,
    budget: Budget,
    ending: Option<GraphResult<P>>,
}

const ROOT: usize = 0;

impl<P> Stepper<P> {
    /// A run of `graph` that starts with the stored values of the conversation in `session`. A value is dropped when
    /// its channel is not a session channel or does not take such a value, because a conversation may have begun with
    /// another bundle.
    pub fn new(graph: Arc<Graph>, session: BTreeMap<String, Json>, scope: Scope) -> Self {
        let mut root = Frame::new(graph);
        for (name, value) in session {
            root.restore(&name, value);
        }
        Self {
            scope,
            frames: vec![Some(root)],
            free: Vec::new(),
            outstanding: HashMap::new(),
            ready: Vec::new(),
            due: vec![ROOT],
            next_id: 0,
            budget: Budget::default(),
            ending: None,
        }
    }

    /// What the caller does next. Tasks come in declared order.
    #[expect(clippy::should_implement_trait, reason = "it is no iterator: `Wait` is no end")]
    pub fn next(&mut self) -> Next<P> {
        let before = self.budget.work();
        while let Some(frame) = self.due.pop() {
            self.advance(frame);
            if !self.due.is_empty() && self.budget.work() - before > ENOUGH_WORK {
                return Next::Pause;
            }
        }
        if !self.ready.is_empty() {
            let mut tasks = std::mem::take(&mut self.ready);
            tasks.sort_by(|one, other| one.order.cmp(&other.order));
            return Next::Run(tasks);
        }
        if let Some(ending) = self.ending.take() {
            return Next::Ended(ending);
        }
        if self.frames.iter().all(Option::is_none) {
            return Next::Ended(GraphResult::Failed { error: RunError::Over, payloads: Vec::new() });
        }
        Next::Wait
    }

    /// Reports the outcome of a task. The outcome of a task that is not outstanding is ignored.
    pub fn complete(&mut self, task: TaskId, outcome: TaskResult<P>) {
        let Some((at, run)) = self.outstanding.remove(&task) else { return };
        let Some(mut frame) = self.frames.get_mut(at).and_then(Option::take) else { return };
        if frame.settle_task(run, outcome, &mut self.budget) {
            self.hand_out(at, &mut frame, run);
        } else if frame.outstanding == 0 {
            self.due.push(at);
        }
        self.put(at, frame);
    }

    /// Ends the run, and returns the payloads so far.
    pub fn abort(mut self) -> Payloads<P> {
        match self.ending.take() {
            Some(GraphResult::Finished { payloads, .. } | GraphResult::Failed { payloads, .. }) => payloads,
            None => self.collect(ROOT),
        }
    }

    /// The payloads of a frame: those of finished steps, then those of the current step.
    fn collect(&mut self, at: usize) -> Payloads<P> {
        let Some(mut frame) = self.frames.get_mut(at).and_then(Option::take) else { return Vec::new() };
        let mut payloads = std::mem::take(&mut frame.payloads);
        for run in &mut frame.runs {
            payloads.extend(run.take_payloads());
            if let Some(inner) = run.frame {
                payloads.extend(self.collect(inner));
            }
        }
        payloads
    }

    /// Ends the step that a frame is in, if any, and begins the next one.
    fn advance(&mut self, at: usize) {
        let Some(mut frame) = self.frames.get_mut(at).and_then(Option::take) else { return };
        let ended = frame.end_step(&self.scope, &mut self.budget);
        match ended.and_then(|()| frame.begin_step(&self.scope, &mut self.budget)) {
            Ok(true) => {
                for run in 0..frame.runs.len() {
                    self.start(at, &mut frame, run);
                }
                // A step in which every list is empty has no task to wait for.
                if frame.outstanding == 0 {
                    self.due.push(at);
                }
                self.put(at, frame);
            }
            Ok(false) => self.end(at, frame, None),
            Err(error) => self.end(at, frame, Some(error)),
        }
    }

    fn start(&mut self, at: usize, frame: &mut Frame<P>, run: usize) {
        let Some(inner) = frame.inner_frame(at, run) else { return self.hand_out(at, frame, run) };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.frames.push(None);
            self.frames.len() - 1
        });
        if let Some(run) = frame.runs.get_mut(run) {
            run.frame = Some(slot);
        }
        self.put(slot, inner);
        self.due.push(slot);
    }

    fn hand_out(&mut self, at: usize, frame: &mut Frame<P>, run: usize) {
        let id = TaskId(self.next_id);
        self.next_id += 1;
        if let Some(task) = frame.task(run, id) {
            self.outstanding.insert(id, (at, run));
            self.ready.push(task);
        }
    }

    fn end(&mut self, at: usize, mut frame: Frame<P>, error: Option<RunError>) {
        let mut payloads = std::mem::take(&mut frame.payloads);
        if error.is_some() {
            payloads.extend(frame.runs.iter_mut().flat_map(frame::ActiveNode::take_payloads));
        }
        let Some((parent, run)) = frame.parent else {
            self.ending = Some(match error {
                Some(error) => GraphResult::Failed { error, payloads },
                None => GraphResult::Finished { payloads, state: frame.values(false), session: frame.values(true) },
            });
            return;
        };
        self.free.push(at);
        let Some(mut outer) = self.frames.get_mut(parent).and_then(Option::take) else { return };
        outer.ended += frame.held();
        let settled = match error {
            Some(error) => Settled::Failed { error, payloads },
            None => Settled::Done { updates: outer.given_back(run, &frame), goto: Vec::new(), payloads },
        };
        outer.settle(run, settled);
        if outer.outstanding == 0 {
            self.due.push(parent);
        }
        self.put(parent, outer);
    }

    fn put(&mut self, at: usize, frame: Frame<P>) {
        if let Some(slot) = self.frames.get_mut(at) {
            *slot = Some(frame);
        }
    }
}

impl<P> std::fmt::Debug for Stepper<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stepper").field("outstanding", &self.outstanding.len()).finish_non_exhaustive()
    }
}

/// The target of a goto, if the node may go there.
fn resolve_goto(graph: &Graph, targets: &[EdgeTarget], name: &str) -> Option<EdgeTarget> {
    targets.iter().copied().find(|target| graph.target_name(*target) == name)
}
