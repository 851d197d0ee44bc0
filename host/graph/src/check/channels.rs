//! Channels that are never read, and channels that are read but never get a value.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use signalbox_diagnostics::{Problems, TomlString};

use super::subgraph_of;
use crate::definition::GraphDefinition;
use crate::graph::{Graph, NodeBody, When};

/// What the nodes of other graphs do with the channels of a subgraph, by the subgraph's name.
#[derive(Default)]
pub(super) struct Uses {
    /// Subgraphs that at least one node runs.
    pub graphs: HashSet<String>,
    given: HashMap<String, HashSet<usize>>,
    taken: HashMap<String, HashSet<usize>>,
}

impl Uses {
    /// Whether a node of another graph copies a value into a channel of this subgraph.
    pub fn is_given(&self, graph: &str, channel: usize) -> bool {
        self.given.get(graph).is_some_and(|channels| channels.contains(&channel))
    }

    pub fn add_parent(&mut self, parent: &Graph) {
        for node in &parent.nodes {
            if let (Some((name, _)), NodeBody::Graph { copied_in, merged_back, .. }) =
                (subgraph_of(&node.work), &node.work)
            {
                self.graphs.insert(name.to_owned());
                self.given.entry(name.to_owned()).or_default().extend(copied_in.iter().map(|(_, inner)| inner));
                self.taken.entry(name.to_owned()).or_default().extend(merged_back.iter().map(|(_, inner)| inner));
            }
        }
    }
}

pub(super) fn check(definition: &GraphDefinition, graph: &Graph, uses: &Uses, problems: &mut Problems) {
    let place = definition.place();
    let name = definition.name.as_ref().map_or("", |name| name.value.as_str());
    let from_outside = |uses: &HashMap<String, HashSet<usize>>, channel: usize| {
        uses.get(name).is_some_and(|channels| channels.contains(&channel))
    };
    let written: HashSet<usize> = graph.nodes.iter().flat_map(|node| node.writes.iter().copied()).collect();
    let asked = asked(definition, graph);
    let reads_all = definition.nodes.iter().any(|node| node.reads.is_none());
    for (position, channel) in graph.channels.iter().enumerate() {
        let Some(declared) = definition.channels.get(position) else { continue };
        let gets_value = written.contains(&position)
            || channel.initial.is_some()
            || channel.session
            || from_outside(&uses.given, position);
        let is_read = asked.contains_key(&position)
            || (reads_all && gets_value)
            || channel.session
            || from_outside(&uses.taken, position);
        if !written.contains(&position) && !is_read {
            let message = format!("nobody reads or writes channel `{}` of {place}", channel.name);
            problems.add(&declared.name.span, message, "name it in a node's `writes`, or remove it");
        } else if let Some(span) = asked.get(&position).filter(|_| !gets_value) {
            let message = format!("channel `{}` of {place} is read here, but no node writes it", channel.name);
            problems.add(span, message, "name it in a node's `writes`, or give it an `initial` value");
        }
    }
}

/// Channels that conditions, lists and `reads` name, each with the place where it is named first.
fn asked(definition: &GraphDefinition, graph: &Graph) -> HashMap<usize, Range<usize>> {
    let mut asked = HashMap::new();
    let mut ask = |channel: &str, span: &Range<usize>| {
        if let Some(position) = graph.channel_index.get(channel) {
            asked.entry(*position).or_insert_with(|| span.clone());
        }
    };
    for (node, written) in graph.nodes.iter().zip(&definition.nodes) {
        for text in written.reads.iter().flatten() {
            ask(&text.value, &text.span);
        }
        if let (Some(expression), Some(text)) = (&node.for_each, &written.for_each) {
            expression.channels().iter().for_each(|channel| ask(channel, &text.span));
        }
    }
    let mut written: HashMap<&str, &TomlString> = HashMap::new();
    for text in definition.edges.iter().filter_map(|edge| edge.when.as_ref()) {
        written.entry(&text.value).or_insert(text);
    }
    let edges = graph.start.iter().chain(graph.nodes.iter().flat_map(|node| &node.edges));
    for edge in edges {
        if let When::Condition(expression) = &edge.when
            && let Some(text) = written.get(expression.source())
        {
            expression.channels().iter().for_each(|channel| ask(channel, &text.span));
        }
    }
    asked
}
