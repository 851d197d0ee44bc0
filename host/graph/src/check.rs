//! Turns the written tables of all graphs into checked ones. Every problem of every graph is collected; a wrong name is
//! taken for the one that was most likely meant, so that one slip does not cause a dozen reports.

mod assemble;
mod assigned;
mod channels;
mod onward;
mod parallel;
mod paths;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::definition::GraphDefinition;
use crate::graph::{Graph, Work};
use crate::reader::Problems;

/// A graph with the definition it was made from; nodes and channels stand at the same positions in both.
struct Draft<'d> {
    definition: &'d GraphDefinition,
    graph: Graph,
    /// Nodes that an edge from an unknown place leads to: reachable once that name is mended.
    assumed_reachable: Vec<usize>,
}

/// What a graph may name that stands elsewhere in the manifest.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// The plugins.
    pub plugins: &'a BTreeSet<&'a str>,
    /// The permissions that the bundle declares.
    pub permissions: &'a [String],
}

/// Checks `[graph]` and all `[graphs.…]` against each other and against the plugins there are.
pub(crate) fn check(
    root: &GraphDefinition,
    subgraphs: &[GraphDefinition],
    known: Known<'_>,
    source: &str,
    problems: &mut Problems,
) -> Arc<Graph> {
    let order = innermost_first(root, subgraphs, problems);
    let mut finished: BTreeMap<&str, Arc<Graph>> = BTreeMap::new();
    let mut used = channels::Uses::default();
    for definition in order {
        let draft = check_one(definition, &finished, known, source, problems);
        used.add_parent(&draft.graph);
        if let Some(name) = &definition.name {
            finished.insert(&name.value, Arc::new(draft.graph));
        }
    }
    let draft = check_one(root, &finished, known, source, problems);
    used.add_parent(&draft.graph);
    for definition in subgraphs {
        let Some(name) = &definition.name else { continue };
        if let Some(graph) = finished.get(name.value.as_str()) {
            channels::check(definition, graph, &used, problems);
            assigned::check(definition, graph, &used, source, problems);
        }
        if !used.graphs.contains(name.value.as_str()) {
            let message = format!("no node runs subgraph `{}`", name.value);
            problems.add(&name.span, message, "use it in a node with `graph`, or remove it");
        }
    }
    channels::check(root, &draft.graph, &used, problems);
    assigned::check(root, &draft.graph, &used, source, problems);
    Arc::new(draft.graph)
}

fn check_one<'d>(
    definition: &'d GraphDefinition,
    subgraphs: &BTreeMap<&str, Arc<Graph>>,
    known: Known<'_>,
    source: &str,
    problems: &mut Problems,
) -> Draft<'d> {
    let mut draft = assemble::assemble(definition, subgraphs, known, source, problems);
    paths::check(&draft, problems);
    paths::mark_joins(&mut draft.graph);
    parallel::check(&draft, problems);
    onward::check(&draft, problems);
    draft
}

/// Subgraphs in an order in which each comes after those it runs. Those that run themselves, by whatever detour, are
/// problems and come last.
fn innermost_first<'d>(
    root: &GraphDefinition,
    subgraphs: &'d [GraphDefinition],
    problems: &mut Problems,
) -> Vec<&'d GraphDefinition> {
    let names: BTreeSet<&str> = subgraphs.iter().filter_map(name_of).collect();
    for node in &root.nodes {
        unknown_subgraph(node, &names, problems);
    }
    let mut ordered: Vec<&GraphDefinition> = Vec::new();
    let mut waiting: Vec<&GraphDefinition> = subgraphs.iter().collect();
    for definition in subgraphs {
        for node in &definition.nodes {
            unknown_subgraph(node, &names, problems);
        }
    }
    loop {
        let done: BTreeSet<&str> = ordered.iter().copied().filter_map(name_of).collect();
        let ready = |definition: &&GraphDefinition| {
            let mut runs = definition.nodes.iter().filter_map(|node| node.graph.as_ref());
            runs.all(|graph| done.contains(graph.value.as_str()) || !names.contains(graph.value.as_str()))
        };
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(ready);
        waiting = later;
        if now.is_empty() {
            break;
        }
        ordered.extend(now);
    }
    let circle: BTreeSet<&str> = waiting.iter().copied().filter_map(name_of).collect();
    for definition in &waiting {
        for (node, graph) in definition.nodes.iter().filter_map(|node| Some((node, node.graph.as_ref()?))) {
            if circle.contains(graph.value.as_str()) && reaches(&graph.value, name_of(definition), subgraphs) {
                let name = name_of(definition).unwrap_or_default();
                let message =
                    format!("node `{}` makes subgraph `{name}` run itself, through `{}`", node.name.value, graph.value);
                problems.add(&graph.span, message, "use an edge back to an earlier node for a loop");
            }
        }
    }
    ordered.extend(waiting);
    ordered
}

/// Whether subgraph `from` runs subgraph `to`, itself or through others.
fn reaches(from: &str, to: Option<&str>, subgraphs: &[GraphDefinition]) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        if Some(name) == to {
            return true;
        }
        let nodes = subgraphs.iter().filter(|graph| name_of(graph) == Some(name)).flat_map(|graph| &graph.nodes);
        for inner in nodes.filter_map(|node| node.graph.as_ref()) {
            if seen.insert(&inner.value) {
                open.push(&inner.value);
            }
        }
    }
    false
}

fn name_of(definition: &GraphDefinition) -> Option<&str> {
    definition.name.as_ref().map(|name| name.value.as_str())
}

fn unknown_subgraph(node: &crate::definition::NodeDefinition, names: &BTreeSet<&str>, problems: &mut Problems) {
    if let Some(graph) = &node.graph
        && !names.contains(graph.value.as_str())
    {
        let message = format!("node `{}` runs subgraph `{}`, which is not declared", node.name.value, graph.value);
        let help = match crate::reader::nearest(&graph.value, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it as [graphs.{}]", graph.value),
        };
        problems.add(&graph.span, message, help);
    }
}

/// The subgraph that a node runs, with its name.
fn subgraph_of(work: &Work) -> Option<(&str, &Graph)> {
    match work {
        Work::Plugin(_) => None,
        Work::Graph { graph, name, .. } => Some((name, graph)),
    }
}
