//! Paths through one graph: every node must be reachable and have a path to `end`, and no loop may be endless.

use signalbox_diagnostics::Problems;

use super::Draft;
use crate::graph::{EdgeTarget, Graph, Node, When};

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    let graph = &draft.graph;
    let place = draft.definition.place();
    let span = |node: usize| draft.definition.nodes.get(node).map_or(0..0, |node| node.name.span.clone());
    let name = |node: usize| graph.nodes.get(node).map_or("", |node| node.name.as_ref());
    let reachable = reachable(draft);
    // A node called `start` or `end` is a problem of its own, because an edge cannot refer to it.
    let is_lost = |node: &usize| !is_set(&reachable, *node) && !matches!(name(*node), "start" | "end");
    for node in (0..graph.nodes.len()).filter(is_lost) {
        let message = format!("node `{}` of {place} cannot be reached from start", name(node));
        problems.add(&span(node), message, "add an edge that leads to it, or remove it");
    }

    let dead = without_way_out(graph);
    let stuck = |node: usize| is_set(&dead, node) && is_set(&reachable, node);
    let onward = |node: usize| -> Vec<usize> { graph.nodes.get(node).map(forward).unwrap_or_default() };
    let mut reported = vec![false; graph.nodes.len()];
    for circle in circles(graph.nodes.len(), &|node| if stuck(node) { onward(node) } else { Vec::new() }) {
        let leaves = circle.iter().any(|node| onward(*node).iter().any(|next| !circle.contains(next)));
        let Some(first) = circle.iter().copied().min().filter(|first| stuck(*first) && !leaves) else { continue };
        for node in &circle {
            reported.get_mut(*node).into_iter().for_each(|seen| *seen = true);
        }
        if circle.len() > 1 || onward(first).contains(&first) {
            let message = format!("the cycle {} has no way out", drawn(&circle, &name));
            problems.add(&span(first), message, "add an edge with a condition that leads on, or to `end`");
        } else {
            let message = format!("node `{}` of {place} has no way to end", name(first));
            problems.add(&span(first), message, "add an edge from it to a node or to `end`");
        }
    }
    let always = |node: usize| -> Vec<usize> { graph.nodes.get(node).map(unconditional).unwrap_or_default() };
    for circle in circles(graph.nodes.len(), &always) {
        let Some(first) = circle.iter().copied().min() else { continue };
        let turns = circle.len() > 1 || always(first).contains(&first);
        if turns && !is_set(&reported, first) {
            let message = format!("the cycle {} runs for ever: no edge on it has a condition", drawn(&circle, &name));
            problems.add(&span(first), message, "give one of its edges a `when`, or let a node choose with `targets`");
        }
    }
}

/// Notes for each node which joins it can reach, so that a run does not have to search.
pub(super) fn mark_joins(graph: &mut Graph) {
    let joins: Vec<usize> = (0..graph.nodes.len()).filter(|n| graph.nodes.get(*n).is_some_and(|n| n.join)).collect();
    let mut backward: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for (from, node) in graph.nodes.iter().enumerate() {
        for to in any_way(node) {
            backward.get_mut(to).into_iter().for_each(|list| list.push(from));
        }
        debug_assert!(node.reaches_joins.is_empty());
    }
    for node in &mut graph.nodes {
        node.reaches_joins = vec![0; joins.len().div_ceil(64)];
    }
    for (bit, join) in joins.iter().copied().enumerate() {
        let ahead = spread(graph.nodes.len(), &[join], &|node| backward.get(node).cloned().unwrap_or_default());
        for (position, node) in graph.nodes.iter_mut().enumerate() {
            if position == join {
                node.join_bit = bit;
            }
            if is_set(&ahead, position)
                && let Some(word) = node.reaches_joins.get_mut(bit / 64)
            {
                *word |= 1 << (bit % 64);
            }
        }
    }
}

/// Nodes that edges and gotos of this node lead to.
pub(super) fn forward(node: &Node) -> Vec<usize> {
    let edges = node.edges.iter().flat_map(|edge| edge.to.iter());
    edges.chain(&node.targets).filter_map(node_of).collect()
}

/// The nodes of [`forward`] and the node's `on-error`.
pub(super) fn any_way(node: &Node) -> Vec<usize> {
    let mut list = forward(node);
    list.extend(node.on_error);
    list
}

pub(super) fn node_of(target: &EdgeTarget) -> Option<usize> {
    match target {
        EdgeTarget::End => None,
        EdgeTarget::Node(node) => Some(*node),
    }
}

/// The nodes that follow whatever the conditions give.
fn unconditional(node: &Node) -> Vec<usize> {
    let always = node.edges.iter().filter(|edge| matches!(edge.when, When::Always));
    let list = always.flat_map(|edge| edge.to.iter()).filter_map(node_of);
    // A goto replaces the edges, so a node with `targets` can always leave the loop.
    if node.targets.is_empty() { list.collect() } else { Vec::new() }
}

fn reachable(draft: &Draft<'_>) -> Vec<bool> {
    let graph = &draft.graph;
    let mut first: Vec<usize> = graph.start.iter().flat_map(|edge| edge.to.iter()).filter_map(node_of).collect();
    first.extend(&draft.assumed_reachable);
    let mut seen = spread(graph.nodes.len(), &first, &|node| graph.nodes.get(node).map(any_way).unwrap_or_default());
    for node in first {
        seen.get_mut(node).into_iter().for_each(|seen| *seen = true);
    }
    seen
}

/// Nodes from which no edge or goto leads to `end`.
fn without_way_out(graph: &Graph) -> Vec<bool> {
    let mut backward: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    let mut ends = Vec::new();
    for (from, node) in graph.nodes.iter().enumerate() {
        for to in forward(node) {
            backward.get_mut(to).into_iter().for_each(|list| list.push(from));
        }
        if node.edges.iter().flat_map(|edge| edge.to.iter()).chain(&node.targets).any(|to| *to == EdgeTarget::End) {
            ends.push(from);
        }
    }
    let mut alive = spread(graph.nodes.len(), &ends, &|node| backward.get(node).cloned().unwrap_or_default());
    for node in ends {
        alive.get_mut(node).into_iter().for_each(|alive| *alive = true);
    }
    alive.into_iter().map(|alive| !alive).collect()
}

/// Every node that can be reached in one or more moves.
fn spread(count: usize, from: &[usize], next: &dyn Fn(usize) -> Vec<usize>) -> Vec<bool> {
    let mut seen = vec![false; count];
    let mut open = from.to_vec();
    while let Some(node) = open.pop() {
        for to in next(node) {
            if let Some(seen) = seen.get_mut(to).filter(|seen| !**seen) {
                *seen = true;
                open.push(to);
            }
        }
    }
    seen
}

fn is_set(flags: &[bool], node: usize) -> bool {
    flags.get(node).copied().unwrap_or(false)
}

fn drawn<'a>(circle: &[usize], name: &dyn Fn(usize) -> &'a str) -> String {
    let mut names: Vec<&str> = circle.iter().map(|node| name(*node)).collect();
    names.extend(names.first().copied());
    format!("`{}`", names.join(" -> "))
}

/// The strongly connected components, by Tarjan's algorithm. The nodes of a simple cycle are in the order of the cycle.
pub(super) fn circles(count: usize, next: &dyn Fn(usize) -> Vec<usize>) -> Vec<Vec<usize>> {
    let mut search =
        Tarjan { next, order: vec![None; count], low: vec![0; count], stack: Vec::new(), found: Vec::new() };
    for node in 0..count {
        if search.order.get(node) == Some(&None) {
            search.visit(node);
        }
    }
    for circle in &mut search.found {
        circle.reverse();
        let smallest = circle.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(position, _)| position);
        circle.rotate_left(smallest);
    }
    search.found
}

struct Tarjan<'n> {
    next: &'n dyn Fn(usize) -> Vec<usize>,
    order: Vec<Option<usize>>,
    low: Vec<usize>,
    stack: Vec<usize>,
    found: Vec<Vec<usize>>,
}

impl Tarjan<'_> {
    /// Keeps its own stack, because recursion over a chain of 2,000 nodes would overflow the thread's stack.
    fn visit(&mut self, root: usize) {
        let mut counter = self.order.iter().flatten().count();
        let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
        self.enter(root, &mut counter, &mut open);
        while let Some((node, rest)) = open.last_mut() {
            let node = *node;
            if let Some(to) = rest.pop() {
                match self.order.get(to).copied().flatten() {
                    None => self.enter(to, &mut counter, &mut open),
                    Some(order) if self.stack.contains(&to) => self.lower(node, order),
                    Some(_) => {}
                }
                continue;
            }
            open.pop();
            let low = self.low.get(node).copied().unwrap_or_default();
            if let Some((parent, _)) = open.last() {
                self.lower(*parent, low);
            }
            if self.order.get(node).copied().flatten() == Some(low) {
                let from = self.stack.iter().position(|member| *member == node).unwrap_or_default();
                self.found.push(self.stack.split_off(from).into_iter().rev().collect());
            }
        }
    }

    fn enter(&mut self, node: usize, counter: &mut usize, open: &mut Vec<(usize, Vec<usize>)>) {
        if let (Some(order), Some(low)) = (self.order.get_mut(node), self.low.get_mut(node)) {
            *order = Some(*counter);
            *low = *counter;
            *counter += 1;
            self.stack.push(node);
            open.push((node, (self.next)(node)));
        }
    }

    fn lower(&mut self, node: usize, to: usize) {
        self.low.get_mut(node).into_iter().for_each(|low| *low = (*low).min(to));
    }
}
