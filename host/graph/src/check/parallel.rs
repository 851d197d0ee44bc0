//! Finds nodes that may run in the same step and write the same channel, although the channel takes only one value per
//! step.

use std::collections::{BTreeSet, HashSet};

use signalbox_diagnostics::Problems;

use super::Draft;
use super::paths::{any_way, node_of};
use crate::graph::{Edge, Graph, Node, When};

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    let graph = &draft.graph;
    for (position, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.for_each.is_some()) {
        for channel in single_writer(graph, node) {
            let message = format!(
                "node `{}` runs once for each item and writes channel `{}`, where only one value can stand",
                node.name,
                channel_name(graph, channel)
            );
            add(draft, position, channel, &message, problems);
        }
    }
    let written: Vec<Vec<u64>> = graph.nodes.iter().map(|node| bits(&single_writer(graph, node))).collect();
    if written.iter().filter(|channels| !channels.is_empty()).count() < 2 {
        return;
    }
    let mut reported = HashSet::new();
    for (one, other) in pairs(graph) {
        let (Some(first), Some(second)) = (graph.nodes.get(one), graph.nodes.get(other)) else { continue };
        let (Some(ours), Some(theirs)) = (written.get(one), written.get(other)) else { continue };
        if ours.iter().zip(theirs).all(|(ours, theirs)| ours & theirs == 0) {
            continue;
        }
        let theirs: HashSet<usize> = single_writer(graph, second).into_iter().collect();
        for channel in single_writer(graph, first).into_iter().filter(|channel| theirs.contains(channel)) {
            if reported.insert(channel) {
                let message = format!(
                    "nodes `{}` and `{}` may run in the same step and both write channel `{}`, where only one value \
                     can stand",
                    first.name,
                    second.name,
                    channel_name(graph, channel)
                );
                add(draft, other, channel, &message, problems);
            }
        }
    }
}

fn add(draft: &Draft<'_>, node: usize, channel: usize, message: &str, problems: &mut Problems) {
    let name = channel_name(&draft.graph, channel);
    let Some(written) = draft.definition.nodes.get(node) else { return };
    let span = written.writes.iter().find(|text| text.value == name).map_or(&written.name.span, |text| &text.span);
    problems.add(span, message, "use `append`, `merge`, `sum`, `min` or `max`, or let them run one after the other");
}

fn channel_name(graph: &Graph, channel: usize) -> &str {
    graph.channels.get(channel).map_or("", |channel| &channel.name)
}

/// The set as bits, in as few words as it needs.
fn bits(channels: &[usize]) -> Vec<u64> {
    let mut words = vec![0; channels.iter().max().map_or(0, |last| last / 64 + 1)];
    for channel in channels {
        if let Some(word) = words.get_mut(channel / 64) {
            *word |= 1 << (channel % 64);
        }
    }
    words
}

fn single_writer(graph: &Graph, node: &Node) -> Vec<usize> {
    let single = |channel: &usize| graph.channels.get(*channel).is_some_and(|c| c.reducer.takes_one_writer());
    node.writes.iter().copied().filter(single).collect()
}

/// Pairs of different nodes that may be active in the same step, smaller one first, sorted.
///
/// A pair begins where one place leads to two nodes at once; further pairs follow by letting both nodes move on. A join
/// does not move while the other node can still reach it; once any partner makes a join wait, it may wait beside all
/// its other partners.
fn pairs(graph: &Graph) -> Vec<(usize, usize)> {
    let mut search = Search {
        graph,
        size: graph.nodes.len(),
        next: graph
            .nodes
            .iter()
            .map(|node| any_way(node).into_iter().collect::<BTreeSet<_>>().into_iter().collect())
            .collect(),
        found: vec![0; (graph.nodes.len() * graph.nodes.len()).div_ceil(64)],
        waits: vec![false; graph.nodes.len()],
        open: Vec::new(),
    };
    search.fan_out(&graph.start);
    for node in &graph.nodes {
        search.fan_out(&node.edges);
    }
    while let Some((one, other)) = search.open.pop() {
        search.advance(one, other);
    }
    let mut list = Vec::new();
    for one in 0..search.size {
        for other in one + 1..search.size {
            // A join that waits for the other node never runs in the same step as that node.
            if search.is_found(one, other) && !search.holds(one, other) && !search.holds(other, one) {
                list.push((one, other));
            }
        }
    }
    list
}

struct Search<'g> {
    graph: &'g Graph,
    size: usize,
    next: Vec<Vec<usize>>,
    found: Vec<u64>,
    waits: Vec<bool>,
    open: Vec<(usize, usize)>,
}

impl Search<'_> {
    /// Two unconditional edges are followed together. So are an unconditional and a conditional one when the condition
    /// holds, and all targets of one edge. Two conditions are assumed to exclude each other.
    fn fan_out(&mut self, edges: &[Edge]) {
        let ways = |edge: &Edge| -> BTreeSet<usize> { edge.to.iter().filter_map(node_of).collect() };
        let always: BTreeSet<usize> =
            edges.iter().filter(|edge| matches!(edge.when, When::Always)).flat_map(&ways).collect();
        let all: BTreeSet<usize> = edges.iter().flat_map(&ways).collect();
        for one in &always {
            all.iter().for_each(|other| self.add(*one, *other));
        }
        for edge in edges.iter().filter(|edge| !matches!(edge.when, When::Always)) {
            let ways = ways(edge);
            for one in &ways {
                ways.iter().for_each(|other| self.add(*one, *other));
            }
        }
    }

    fn add(&mut self, one: usize, other: usize) {
        let (one, other) = (one.min(other), one.max(other));
        let bit = one * self.size + other;
        if let Some(word) = self.found.get_mut(bit / 64)
            && one != other
            && *word & (1 << (bit % 64)) == 0
        {
            *word |= 1 << (bit % 64);
            self.open.push((one, other));
        }
    }

    fn is_found(&self, one: usize, other: usize) -> bool {
        let (one, other) = (one.min(other), one.max(other));
        let bit = one * self.size + other;
        self.found.get(bit / 64).is_some_and(|word| word & (1 << (bit % 64)) != 0)
    }

    /// Whether `join` is a join that waits for `node`. Two joins that can reach each other do not wait.
    fn holds(&self, join: usize, node: usize) -> bool {
        let (Some(held), Some(other)) = (self.graph.nodes.get(join), self.graph.nodes.get(node)) else { return false };
        held.join && other.reaches_join(held.join_bit) && !(other.join && held.reaches_join(other.join_bit))
    }

    fn advance(&mut self, one: usize, other: usize) {
        let (first_held, second_held) = (self.holds(one, other), self.holds(other, one));
        for (join, held) in [(one, first_held), (other, second_held)] {
            if held && self.waits.get(join) == Some(&false) {
                self.waits.get_mut(join).into_iter().for_each(|waits| *waits = true);
                for partner in 0..self.size {
                    if self.is_found(join, partner) && join != partner {
                        self.open.push((join, partner));
                    }
                }
            }
        }
        let ways = |search: &Self, node: usize| search.next.get(node).cloned().unwrap_or_default();
        let stays = |search: &Self, node: usize| search.waits.get(node).copied().unwrap_or(false);
        let (mut first, mut second) = (ways(self, one), ways(self, other));
        if first_held {
            first.clear();
        }
        if second_held {
            second.clear();
        }
        if stays(self, one) {
            first.push(one);
        }
        if stays(self, other) {
            second.push(other);
        }
        for one in &first {
            for other in &second {
                self.add(*one, *other);
            }
        }
    }
}
