//! The state of one graph in one run: the values of its channels, the nodes that run, and the nodes that wait.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::{FailureKind, Payloads, RunError, Task, TaskId, TaskResult, resolve_goto, retry};
use crate::graph::{EdgeTarget, Graph, Node, NodeBody};
use crate::json::Json;

pub(super) struct Frame<P> {
    pub graph: Arc<Graph>,
    /// The frame and the run of the node that runs this subgraph.
    pub parent: Option<(usize, usize)>,
    /// The prefix of the paths of its nodes.
    pub prefix: String,
    pub order: Vec<u32>,
    /// The item that every node of a subgraph is given when the subgraph runs once for each item.
    pub item: Option<(u32, Json)>,
    pub state: Vec<Option<Json>>,
    /// Channels that a node of this graph has written.
    pub written: Vec<bool>,
    pub step: u32,
    /// Nodes of this step, in declared order.
    pub active: Vec<usize>,
    /// Joins that were reached and still wait.
    pub held: Vec<usize>,
    /// Runs of this step, in declared order and then item order.
    pub runs: Vec<ActiveNode<P>>,
    pub outstanding: usize,
    pub payloads: Payloads<P>,
    /// The bytes that the nodes of this step have given for its channels, and the most that any step gave so far; and
    /// the same for the bytes that their channels hold. These sizes count for the run until the step above ends.
    pub given: Peak,
    pub kept: Peak,
    /// The bytes that the subgraphs held that ended in this step.
    pub ended: usize,
}

/// A size and its highest value so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peak {
    pub now: usize,
    pub most: usize,
}

impl Peak {
    /// Sets the size, and returns by how much it exceeds the previous highest value.
    pub fn set(&mut self, size: usize) -> usize {
        let rise = size.saturating_sub(self.most);
        (self.now, self.most) = (size, self.most.max(size));
        rise
    }
}

pub(super) struct ActiveNode<P> {
    pub node: usize,
    pub path: Arc<str>,
    pub item: Option<(u32, Json)>,
    pub attempt: u32,
    /// The frame that runs its subgraph.
    pub frame: Option<usize>,
    pub settled: Option<Settled<P>>,
}

pub(super) enum Settled<P> {
    Done { updates: Vec<(usize, Json)>, goto: Vec<EdgeTarget>, payloads: Payloads<P> },
    Failed { error: RunError, payloads: Payloads<P> },
}

impl<P> ActiveNode<P> {
    pub fn take_payloads(&mut self) -> Payloads<P> {
        match &mut self.settled {
            Some(Settled::Done { payloads, .. } | Settled::Failed { payloads, .. }) => std::mem::take(payloads),
            None => Vec::new(),
        }
    }
}

impl<P> Frame<P> {
    pub fn new(graph: Arc<Graph>) -> Self {
        Self {
            parent: None,
            prefix: String::new(),
            order: Vec::new(),
            item: None,
            state: graph.channels.iter().map(|channel| channel.initial.clone()).collect(),
            written: vec![false; graph.channels.len()],
            step: 0,
            active: Vec::new(),
            held: Vec::new(),
            runs: Vec::new(),
            outstanding: 0,
            payloads: Vec::new(),
            given: Peak::default(),
            kept: Peak::default(),
            ended: 0,
            graph,
        }
    }

    /// The bytes to subtract from the run's count when this frame is removed.
    pub fn held(&self) -> usize {
        self.given.most + self.kept.most + self.ended
    }

    /// Sets a session channel to the stored value of the conversation.
    pub fn restore(&mut self, name: &str, value: Json) {
        let Some(index) = self.graph.channel_index.get(name).copied() else { return };
        let fits = |channel: &crate::graph::Channel| channel.session && channel.reducer.check_initial(&value).is_ok();
        if self.graph.channels.get(index).is_some_and(fits)
            && let Some(slot) = self.state.get_mut(index)
        {
            *slot = Some(value);
        }
    }

    pub fn values(&self, session_only: bool) -> BTreeMap<String, Json> {
        let channels = self.graph.channels.iter().zip(&self.state);
        channels
            .filter(|(channel, _)| channel.session || !session_only)
            .filter_map(|(channel, value)| Some((channel.name.to_string(), value.clone()?)))
            .collect()
    }

    pub fn node(&self, run: usize) -> Option<&Node> {
        self.graph.nodes.get(self.runs.get(run)?.node)
    }

    pub fn value(&self, channel: &str) -> Option<&Json> {
        self.state.get(*self.graph.channel_index.get(channel)?)?.as_ref()
    }

    fn order_of(&self, run: &ActiveNode<P>) -> Vec<u32> {
        let node = u32::try_from(run.node).unwrap_or(u32::MAX);
        let mut order = self.order.clone();
        order.extend([self.step, node, run.item.as_ref().map_or(0, |(position, _)| *position)]);
        order
    }

    /// The current attempt of a run, for the caller to start.
    pub fn task(&self, run: usize, id: TaskId) -> Option<Task> {
        let node = self.node(run)?;
        let run = self.runs.get(run)?;
        let NodeBody::Plugin(plugin) = &node.work else { return None };
        let named = |index: &usize| {
            let channel = self.graph.channels.get(*index)?;
            Some((Arc::clone(&channel.name), self.state.get(*index)?.clone()?))
        };
        let delay = if run.attempt > 1 { retry::delay(&node.retry, &run.path, run.attempt) } else { Duration::ZERO };
        Some(Task {
            id,
            node: Arc::clone(&run.path),
            name: Arc::clone(&node.name),
            plugin: Arc::clone(plugin),
            step: self.step,
            attempt: run.attempt,
            delay,
            timeout: node.timeout,
            state: node.reads.iter().filter_map(named).collect(),
            item: run.item.clone().or_else(|| self.item.clone()),
            order: self.order_of(run),
        })
    }

    /// The frame for a run of a subgraph; none for a run of a plugin.
    pub fn inner_frame(&self, at: usize, run: usize) -> Option<Frame<P>> {
        let NodeBody::Graph { graph, copied_in, .. } = &self.node(run)?.work else { return None };
        let position = run;
        let run = self.runs.get(position)?;
        let mut inner = Frame::new(Arc::clone(graph));
        inner.parent = Some((at, position));
        inner.prefix = format!("{}/", run.path);
        inner.order = self.order_of(run);
        inner.item = run.item.clone().or_else(|| self.item.clone());
        for (ours, theirs) in copied_in {
            if let (Some(Some(value)), Some(slot)) = (self.state.get(*ours), inner.state.get_mut(*theirs)) {
                *slot = Some(value.clone());
            }
        }
        Some(inner)
    }

    /// The channels that an ended subgraph gives back: those that its nodes wrote, among the `writes` of the node that
    /// ran it.
    pub fn given_back(&self, run: usize, inner: &Frame<P>) -> Vec<(usize, Json)> {
        let Some(NodeBody::Graph { merged_back, .. }) = self.node(run).map(|node| &node.work) else {
            return Vec::new();
        };
        let written = merged_back.iter().filter(|(_, theirs)| inner.written.get(*theirs) == Some(&true));
        written.filter_map(|(ours, theirs)| Some((*ours, inner.state.get(*theirs)?.clone()?))).collect()
    }

    /// Takes the outcome of an attempt; true when the node is to be tried again.
    pub fn settle_task(&mut self, run: usize, outcome: TaskResult<P>, budget: &mut Budget) -> bool {
        let Some(node) = self.runs.get(run).and_then(|run| self.graph.nodes.get(run.node)) else { return false };
        let attempts = node.retry.max_attempts;
        let settled = match outcome {
            TaskResult::Done(output) => self.check_output(run, output, budget),
            TaskResult::Failed { kind, message } => {
                let Some(run) = self.runs.get_mut(run) else { return false };
                let again = kind.may_pass() && run.attempt < attempts;
                match again.then(|| budget.begin_runs(&run.path, 1)) {
                    Some(Ok(())) => {
                        run.attempt += 1;
                        return true;
                    }
                    Some(Err(error)) => Settled::Failed { error, payloads: Vec::new() },
                    None => failed(run, kind, message),
                }
            }
        };
        self.settle(run, settled);
        false
    }

    pub fn settle(&mut self, run: usize, settled: Settled<P>) {
        if let Some(run) = self.runs.get_mut(run).filter(|run| run.settled.is_none()) {
            run.settled = Some(settled);
            run.frame = None;
            self.outstanding = self.outstanding.saturating_sub(1);
        }
    }

    /// Checks the output of a node against what the manifest allows it.
    fn check_output(&mut self, run: usize, output: super::StepOutput<P>, budget: &mut Budget) -> Settled<P> {
        let path = self.runs.get(run).map_or_else(|| Arc::from(""), |run| Arc::clone(&run.path));
        let payloads = vec![(Arc::clone(&path), output.payload)];
        let node = path.to_string();
        let Some(declared) = self.node(run) else { return Settled::Done { updates: vec![], goto: vec![], payloads } };
        let mut updates = Vec::new();
        let mut given = self.given;
        for (channel, value) in output.updates {
            let index = self.graph.channel_index.get(channel.as_str());
            let Some(index) = index.filter(|index| declared.writes.contains(index)) else {
                return Settled::Failed { error: RunError::UndeclaredChannel { node, channel }, payloads };
            };
            let rise = given.set(given.now + value.text().len());
            if let Err(error) = budget.hold(&node, &channel, rise) {
                return Settled::Failed { error, payloads };
            }
            updates.push((*index, value));
        }
        let mut goto = Vec::new();
        for target in output.goto {
            match resolve_goto(&self.graph, &declared.targets, &target) {
                Some(found) => goto.push(found),
                None => return Settled::Failed { error: RunError::GotoOutsideTargets { node, target }, payloads },
            }
        }
        self.given = given;
        Settled::Done { updates, goto, payloads }
    }
}

fn failed<P>(run: &ActiveNode<P>, kind: FailureKind, message: String) -> Settled<P> {
    let error = RunError::NodeFailed { node: run.path.to_string(), kind, message, attempts: run.attempt };
    Settled::Failed { error, payloads: Vec::new() }
}
