//! Finds conditions and lists that read a channel on a path on which no node has given it a value. Such an expression
//! fails the decision.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use signalbox_diagnostics::{Problems, TomlString};

use super::assemble::within_string;
use super::channels::Uses;
use super::paths::{any_way, forward, node_of};
use crate::definition::GraphDefinition;
use crate::expression::{Expression, ask_for};
use crate::graph::{Edge, Graph, When};

/// The most channels of one graph that are checked, so that no manifest keeps the check busy for long.
const MOST_CHANNELS: usize = 256;
/// The most writers of a channel that are examined and named for one place.
const MOST_WRITERS: usize = 16;
/// The most places of one graph that are reported.
const MOST_REPORTED: usize = 20;

/// A place in the graph where an expression reads a channel.
struct Read {
    channel: usize,
    /// The node; none for start.
    node: Option<usize>,
    /// Whether the expression is evaluated after the node has written. A list is evaluated before.
    after: bool,
    span: Range<usize>,
}

pub(super) fn check(definition: &GraphDefinition, graph: &Graph, uses: &Uses, source: &str, problems: &mut Problems) {
    let name = definition.name.as_ref().map_or("", |name| name.value.as_str());
    let written: HashSet<usize> = graph.nodes.iter().flat_map(|node| node.writes.iter().copied()).collect();
    // A channel that no node writes is a problem of its own, and a channel given from outside may have a value from the
    // start.
    let may_lack = |read: &Read| {
        let channel = graph.channels.get(read.channel);
        channel.is_some_and(|channel| channel.initial.is_none())
            && (written.contains(&read.channel) || channel.is_some_and(|channel| channel.session))
            && !uses.is_given(name, read.channel)
    };
    let reads: Vec<Read> = reads(definition, graph, source).into_iter().filter(may_lack).collect();
    let channels: BTreeSet<usize> = reads.iter().map(|read| read.channel).collect();
    let backward = backward(graph);
    let mut told = HashSet::new();
    for channel in channels.into_iter().take(MOST_CHANNELS) {
        let without = without_value(graph, channel);
        let lacks = |read: &&Read| {
            read.channel == channel
                && match read.node.and_then(|node| Some((node, graph.nodes.get(node)?))) {
                    None => true,
                    Some((index, node)) => {
                        without.get(index) == Some(&true) && !(read.after && node.writes.contains(&channel))
                    }
                }
        };
        for read in reads.iter().filter(lacks) {
            if told.len() < MOST_REPORTED && told.insert((read.node, channel)) {
                report(graph, &backward, read, problems);
            }
        }
    }
}

fn report(graph: &Graph, backward: &[Vec<usize>], read: &Read, problems: &mut Problems) {
    let Some(channel) = graph.channels.get(read.channel) else { return };
    let name = &channel.name;
    let at = read.node.and_then(|node| graph.nodes.get(node)).map_or("start", |node| node.name.as_ref());
    let help = match ask_for(name) {
        Some(ask) => format!("give it an `initial` value, or ask with `{ask} && …` first"),
        None => "give it an `initial` value".to_owned(),
    };
    if channel.session {
        let message = format!("channel `{name}` may have no value at `{at}` in the first message of a conversation");
        problems.warn(&read.span, message, help);
        return;
    }
    let writers = || graph.nodes.iter().enumerate().filter(|(_, node)| node.writes.contains(&read.channel));
    let before = ancestors(backward, read.node);
    let is_before = |node: usize| before.get(node) == Some(&true) || (read.after && read.node == Some(node));
    let beside = |writer: usize| runs_beside(graph, &ancestors(backward, Some(writer)), writer, &before, read.node);
    // A node that runs in parallel may have written the value by then.
    if writers().take(MOST_WRITERS).any(|(writer, _)| beside(writer)) {
        return;
    }
    let before = writers().filter(|(writer, _)| is_before(*writer)).take(MOST_WRITERS);
    let names: Vec<String> = before.map(|(_, node)| format!("`{}`", node.name)).collect();
    if names.is_empty() {
        let message = format!("channel `{name}` cannot have a value at `{at}`: no node before it writes it");
        problems.add(&read.span, message, help);
    } else {
        let writers = names.join(", ");
        let message = format!("channel `{name}` may have no value at `{at}`: there is a way that avoids {writers}");
        problems.warn(&read.span, message, help);
    }
}

/// Every place where a condition or list reads a channel without first asking whether it has a value.
fn reads(definition: &GraphDefinition, graph: &Graph, source: &str) -> Vec<Read> {
    let mut reads = Vec::new();
    let mut add = |expression: &Expression, text: &TomlString, node: Option<usize>, after: bool| {
        for channel in expression.channels().iter().filter(|channel| !expression.asks_for(channel)) {
            if let Some(channel_index) = graph.channel_index.get(channel.as_str()) {
                let span = within_string(source, text, expression.place_of(channel));
                reads.push(Read { channel: *channel_index, node, after, span });
            }
        }
    };
    for (index, (node, written)) in graph.nodes.iter().zip(&definition.nodes).enumerate() {
        if let (Some(expression), Some(text)) = (&node.for_each, &written.for_each) {
            add(expression, text, Some(index), false);
        }
    }
    let nodes = graph.nodes.iter().enumerate().map(|(index, node)| (Some(index), node.name.as_ref(), &node.edges));
    for (node, name, edges) in nodes.chain([(None, "start", &graph.start)]) {
        let conditional = edges.iter().filter_map(|edge| match &edge.when {
            When::Condition(expression) => Some(expression),
            When::Always | When::Otherwise => None,
        });
        let from_here =
            |edge: &&crate::definition::EdgeDefinition| edge.from.as_ref().is_some_and(|from| from.value == name);
        let mut texts = definition.edges.iter().filter(from_here).filter_map(|edge| edge.when.as_ref());
        for expression in conditional {
            // Definition and graph have the edges of a place in the same order. Edges whose conditions are wrong are
            // missing in the graph and are skipped here.
            if let Some(text) = texts.by_ref().find(|text| text.value == expression.source()) {
                add(expression, text, node, true);
            }
        }
    }
    reads
}

/// The nodes that a run can reach while a channel has no value yet.
fn without_value(graph: &Graph, channel: usize) -> Vec<bool> {
    let mut reached = vec![false; graph.nodes.len()];
    let mut joins: Option<Vec<bool>> = None;
    let mut open: Vec<usize> = targets(&graph.start);
    while let Some(index) = open.pop() {
        let (Some(node), Some(seen)) = (graph.nodes.get(index), reached.get_mut(index)) else { continue };
        if *seen {
            continue;
        }
        // A join waits for all of its branches, so it is enough when one of them writes.
        if node.join {
            let filled = joins.get_or_insert_with(|| after_writers(graph, channel));
            if filled.get(index) == Some(&true) {
                continue;
            }
        }
        *seen = true;
        if node.writes.binary_search(&channel).is_ok() {
            // The updates of a failed node are dropped.
            open.extend(node.on_error);
        } else {
            open.extend(any_way(node));
        }
    }
    reached
}

/// The nodes that come after a node that writes a channel.
fn after_writers(graph: &Graph, channel: usize) -> Vec<bool> {
    let mut after = vec![false; graph.nodes.len()];
    let mut open: Vec<usize> =
        graph.nodes.iter().filter(|node| node.writes.contains(&channel)).flat_map(forward).collect();
    while let Some(index) = open.pop() {
        if let (Some(seen), Some(node)) = (after.get_mut(index).filter(|seen| !**seen), graph.nodes.get(index)) {
            *seen = true;
            open.extend(any_way(node));
        }
    }
    after
}

/// For each node, the nodes that lead to it.
fn backward(graph: &Graph) -> Vec<Vec<usize>> {
    let mut backward: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for (from, source) in graph.nodes.iter().enumerate() {
        for to in any_way(source) {
            backward.get_mut(to).into_iter().for_each(|list| list.push(from));
        }
    }
    backward
}

/// The nodes from which a path leads to `node`; includes the node itself only when it is on a cycle.
fn ancestors(backward: &[Vec<usize>], node: Option<usize>) -> Vec<bool> {
    let mut found = vec![false; backward.len()];
    let mut open = node.and_then(|node| backward.get(node)).cloned().unwrap_or_default();
    while let Some(index) = open.pop() {
        if let Some(seen) = found.get_mut(index).filter(|seen| !**seen) {
            *seen = true;
            open.extend(backward.get(index).into_iter().flatten());
        }
    }
    found
}

/// Whether the two lists hold two different nodes.
fn differ(ones: &[usize], others: &[usize]) -> bool {
    let (Some(one), Some(other)) = (ones.first(), others.first()) else { return false };
    ones.iter().any(|one| one != other) || others.iter().any(|other| other != one)
}

/// Whether some place starts two parallel branches, of which one leads to the writer and the other to the reader.
fn runs_beside(graph: &Graph, to_writer: &[bool], writer: usize, to_reader: &[bool], reader: Option<usize>) -> bool {
    let Some(reader) = reader else { return false };
    let leads = |before: &[bool], last: usize, target: usize| target == last || before.get(target) == Some(&true);
    let forks = |edges: &[Edge]| {
        // The targets of all edges, and those of the unconditional edges, collected in time linear in the number of
        // edges.
        let (mut all, mut always) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        for edge in edges {
            let of = |before: &[bool], last| -> Vec<usize> {
                edge.to.iter().filter_map(node_of).filter(|target| leads(before, last, *target)).collect()
            };
            let (writers, readers) = (of(to_writer, writer), of(to_reader, reader));
            if differ(&writers, &readers) {
                return true;
            }
            if matches!(edge.when, When::Always) {
                always.0.extend(&writers);
                always.1.extend(&readers);
            }
            all.0.extend(writers);
            all.1.extend(readers);
        }
        differ(&always.0, &all.1) || differ(&all.0, &always.1)
    };
    forks(&graph.start) || graph.nodes.iter().any(|node| forks(&node.edges))
}

fn targets(edges: &[Edge]) -> Vec<usize> {
    edges.iter().flat_map(|edge| &edge.to).filter_map(node_of).collect()
}
