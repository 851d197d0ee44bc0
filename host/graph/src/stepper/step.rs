//! The two halves of a superstep: running its nodes, and merging their updates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::budget::Budget;
use super::frame::{ActiveNode, Frame, Settled};
use super::{MAX_ITEMS, RunError};
use crate::expression::Scope;
use crate::graph::{Edge, EdgeTarget, Node, When};
use crate::json::{Json, JsonError};

impl<P> Frame<P> {
    /// Merges the updates of this step's nodes and finds the nodes of the next step. Before the first step it follows
    /// the edges out of start.
    pub fn end_step(&mut self, scope: &Scope, budget: &mut Budget) -> Result<(), RunError> {
        let mut next = BTreeSet::new();
        budget.meter.begin_step();
        if self.step == 0 {
            let graph = Arc::clone(&self.graph);
            self.follow(&graph.start, "start", scope, budget, &mut next)?;
        } else {
            let failed = self.failed_nodes()?;
            for node in &failed {
                next.extend(self.graph.nodes.get(*node).and_then(|node| node.on_error).map(EdgeTarget::Node));
            }
            self.merge(&failed, budget)?;
            self.route(&failed, scope, budget, &mut next)?;
            self.runs.clear();
            self.given.set(0);
            budget.release(std::mem::take(&mut self.ended));
        }
        self.active.clear();
        for target in next {
            let EdgeTarget::Node(node) = target else { continue };
            if self.graph.nodes.get(node).is_some_and(|node| node.join) {
                if !self.held.contains(&node) {
                    self.held.push(node);
                }
            } else {
                self.active.push(node);
            }
        }
        Ok(())
    }

    /// Prepares the runs of the next step; false when there is none.
    pub fn begin_step(&mut self, scope: &Scope, budget: &mut Budget) -> Result<bool, RunError> {
        self.release_joins();
        if self.active.is_empty() {
            return Ok(false);
        }
        if self.step >= self.graph.step_limit {
            let names: Vec<String> = self.active.iter().map(|node| format!("`{}`", self.path(*node))).collect();
            let graph = self.prefix.strip_suffix('/').map_or("the graph".to_owned(), |path| format!("`{path}`"));
            return Err(RunError::StepLimit { graph, limit: self.graph.step_limit, active: names.join(", ") });
        }
        self.step += 1;
        let graph = Arc::clone(&self.graph);
        for index in self.active.clone() {
            let Some(node) = graph.nodes.get(index) else { continue };
            let path = self.path(index);
            match self.items(node, &path, scope, budget)? {
                None => {
                    budget.begin_runs(&path, 1)?;
                    self.runs.push(ActiveNode::new(index, path, None));
                }
                Some(items) => {
                    budget.begin_runs(&path, items.len())?;
                    for (position, item) in (0_u32..).zip(items) {
                        let path = Arc::from(format!("{path}[{position}]"));
                        self.runs.push(ActiveNode::new(index, path, Some((position, item))));
                    }
                }
            }
        }
        self.outstanding = self.runs.len();
        Ok(true)
    }

    fn path(&self, node: usize) -> Arc<str> {
        match self.graph.nodes.get(node) {
            Some(node) if self.prefix.is_empty() => Arc::clone(&node.name),
            Some(node) => Arc::from(format!("{}{}", self.prefix, node.name)),
            None => Arc::from(""),
        }
    }

    /// The items of a node; none for a node that runs once.
    fn items(
        &self,
        node: &Node,
        path: &str,
        scope: &Scope,
        budget: &mut Budget,
    ) -> Result<Option<Vec<Json>>, RunError> {
        let Some(list) = &node.for_each else { return Ok(None) };
        let failed = |reason: String| RunError::ForEach { node: path.to_owned(), reason };
        let items = list.items(|channel| self.value(channel), scope, &mut budget.meter).map_err(failed)?;
        if items.len() > MAX_ITEMS {
            return Err(RunError::TooManyItems { node: path.to_owned(), items: items.len(), limit: MAX_ITEMS });
        }
        let items: Result<Vec<Json>, JsonError> = items.into_iter().map(Json::from_value).collect();
        items.map(Some).map_err(|error| failed(error.to_string()))
    }

    /// Lets a join run when no active node and no other waiting join can still reach it. Joins that can reach each
    /// other do not wait for each other, because then none of them would ever run.
    fn release_joins(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let node = |index: usize| self.graph.nodes.get(index);
        let free = |join: usize| {
            let Some(held) = node(join) else { return true };
            let reached = |other: usize| node(other).is_some_and(|other| other.reaches_join(held.join_bit));
            let mutual = |other: usize| node(other).is_some_and(|other| held.reaches_join(other.join_bit));
            !self.active.iter().any(|other| reached(*other))
                && !self.held.iter().any(|other| *other != join && reached(*other) && !mutual(*other))
        };
        let (now, later): (Vec<usize>, Vec<usize>) = self.held.iter().copied().partition(|join| free(*join));
        self.held = later;
        self.active.extend(now);
        self.active.sort_unstable();
    }

    /// Nodes whose failure `on-error` handles; the first other failure ends the run. A node that runs once for each
    /// item fails as a whole, and the outputs of its other items are dropped.
    fn failed_nodes(&self) -> Result<BTreeSet<usize>, RunError> {
        let mut failed = BTreeSet::new();
        for run in &self.runs {
            if let Some(Settled::Failed { error, .. }) = &run.settled {
                let on_error = self.graph.nodes.get(run.node).and_then(|node| node.on_error);
                // `on-error` handles a failing node. It does not handle a forbidden operation of the node or a mistake
                // in the graph.
                if on_error.is_none() || !matches!(error, RunError::NodeFailed { .. }) {
                    return Err(error.clone());
                }
                failed.insert(run.node);
            }
        }
        Ok(failed)
    }

    fn merge(&mut self, failed: &BTreeSet<usize>, budget: &mut Budget) -> Result<(), RunError> {
        let graph = Arc::clone(&self.graph);
        let mut by_channel: BTreeMap<usize, Vec<(&Arc<str>, &Json)>> = BTreeMap::new();
        for run in self.runs.iter().filter(|run| !failed.contains(&run.node)) {
            if let Some(Settled::Done { updates, .. }) = &run.settled {
                for (channel, value) in updates {
                    by_channel.entry(*channel).or_default().push((&run.path, value));
                }
            }
        }
        let mut merged = Vec::new();
        for (index, updates) in by_channel {
            let Some(channel) = graph.channels.get(index) else { continue };
            let named = || channel.name.to_string();
            if let Some((first, _)) = updates.first()
                && channel.reducer.takes_one_writer()
                && let Some((second, _)) = updates.iter().find(|(path, _)| path != first)
            {
                let (first, second) = (first.to_string(), second.to_string());
                return Err(RunError::ParallelWrite { channel: named(), first, second });
            }
            let values: Vec<&Json> = updates.iter().map(|(_, value)| *value).collect();
            let current = self.state.get(index).and_then(Option::as_ref);
            let reduced = channel.reducer.reduce(current, &values).map_err(|(position, error)| {
                let node = updates.get(position).map_or_else(String::new, |(path, _)| path.to_string());
                RunError::Reduce { node, channel: named(), error }
            })?;
            let writer = updates.last().map_or_else(String::new, |(path, _)| path.to_string());
            merged.push((index, reduced, writer));
        }
        for (index, value, writer) in merged {
            let channel = graph.channels.get(index).map_or("", |channel| &channel.name);
            self.keep(index, value, (&writer, channel), budget)?;
        }
        for run in &mut self.runs {
            let payloads = run.take_payloads();
            if !failed.contains(&run.node) {
                self.payloads.extend(payloads);
            }
        }
        Ok(())
    }

    /// Gives a channel its new value, and counts the bytes by which it grows.
    fn keep(
        &mut self,
        index: usize,
        value: Option<Json>,
        (writer, channel): (&str, &str),
        budget: &mut Budget,
    ) -> Result<(), RunError> {
        let size = |json: Option<&Json>| json.map_or(0, |json| json.text().len());
        let (Some(slot), Some(written)) = (self.state.get_mut(index), self.written.get_mut(index)) else {
            return Ok(());
        };
        // A value from outside or from the manifest is shared with its source, so it does not count.
        let before = if *written { size(slot.as_ref()) } else { 0 };
        let after = size(value.as_ref());
        (*slot, *written) = (value, true);
        budget.merged(after);
        let rise = self.kept.set(self.kept.now.saturating_sub(before) + after);
        budget.hold(writer, channel, rise)
    }

    /// Each run goes to its `goto`, or follows the node's edges. The edges are evaluated once for all runs of a node.
    fn route(
        &self,
        failed: &BTreeSet<usize>,
        scope: &Scope,
        budget: &mut Budget,
        next: &mut BTreeSet<EdgeTarget>,
    ) -> Result<(), RunError> {
        let mut follows: BTreeSet<usize> = self.active.iter().copied().filter(|node| !failed.contains(node)).collect();
        let mut by_edges = BTreeSet::new();
        for run in self.runs.iter().filter(|run| !failed.contains(&run.node)) {
            match &run.settled {
                Some(Settled::Done { goto, .. }) if !goto.is_empty() => {
                    next.extend(goto);
                    follows.remove(&run.node);
                }
                _ => {
                    by_edges.insert(run.node);
                }
            }
        }
        follows.extend(by_edges);
        for node in follows {
            if let Some(found) = self.graph.nodes.get(node) {
                self.follow(&found.edges, &self.path(node), scope, budget, next)?;
            }
        }
        Ok(())
    }

    fn follow(
        &self,
        edges: &[Edge],
        from: &str,
        scope: &Scope,
        budget: &mut Budget,
        next: &mut BTreeSet<EdgeTarget>,
    ) -> Result<(), RunError> {
        let (mut followed, mut matched) = (false, false);
        for edge in edges {
            let holds = match &edge.when {
                When::Always => true,
                When::Otherwise => continue,
                When::Condition(condition) => {
                    let read = |channel: &str| self.value(channel);
                    let holds = condition.condition(read, scope, &mut budget.meter).map_err(|reason| {
                        let condition = condition.source().to_owned();
                        RunError::Condition { node: from.to_owned(), condition, reason }
                    })?;
                    matched |= holds;
                    holds
                }
            };
            if holds {
                followed = true;
                next.extend(&edge.to);
            }
        }
        for edge in edges.iter().filter(|edge| !matched && matches!(edge.when, When::Otherwise)) {
            followed = true;
            next.extend(&edge.to);
        }
        if followed { Ok(()) } else { Err(RunError::NoEdgeMatched { node: self.named_place(from) }) }
    }

    /// The name of a place in errors. In a subgraph, start is named by the path of the subgraph.
    fn named_place(&self, from: &str) -> String {
        if self.step == 0 { format!("{}{from}", self.prefix) } else { from.to_owned() }
    }
}

impl<P> ActiveNode<P> {
    fn new(node: usize, path: Arc<str>, item: Option<(u32, Json)>) -> Self {
        Self { node, path, item, attempt: 1, frame: None, settled: None }
    }
}
