//! Turns the tables of all graphs, as they are written, into checked graphs. Every problem of every graph is collected.
//! A name that does not exist is replaced by the existing name that the author most likely meant, so that one
//! misspelling does not cause a dozen reports.

mod assemble;
mod assigned;
mod channels;
mod expressions;
mod onward;
mod parallel;
mod paths;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use signalbox_diagnostics::Problems;

use crate::definition::{GraphDefinition, NodeDefinition};
use crate::graph::{Graph, NodeBody};

/// How deep subgraphs may run subgraphs.
const MAX_LEVELS: usize = 16;

/// A graph with its definition; nodes and channels have the same positions in both.
struct Draft<'d> {
    definition: &'d GraphDefinition,
    graph: Graph,
    /// Nodes that an edge from an unknown node leads to: they will be reachable once that name is corrected.
    assumed_reachable: Vec<usize>,
}

/// The names from elsewhere in the manifest that a graph may use.
#[derive(Clone, Copy)]
pub(crate) struct DeclaredNames<'a> {
    /// The plugins.
    pub plugins: &'a BTreeSet<&'a str>,
    /// The permissions that the bundle declares.
    pub permissions: &'a [String],
}

/// Checks `[graph]` and all `[graphs.…]` against each other and against the declared plugins.
pub(crate) fn check(
    root: &GraphDefinition,
    subgraphs: &[GraphDefinition],
    known: DeclaredNames<'_>,
    source: &str,
    problems: &mut Problems,
) -> Arc<Graph> {
    let order = innermost_first(root, subgraphs, problems);
    let declared = expressions::Declared::new(root, subgraphs);
    let around =
        |definition| expressions::Around { channels: declared.of(definition), permissions: known.permissions, source };
    let mut finished: BTreeMap<&str, Arc<Graph>> = BTreeMap::new();
    let mut used = channels::Uses::default();
    for definition in order {
        let draft = check_one(definition, &finished, known.plugins, around(definition), problems);
        used.add_parent(&draft.graph);
        if let Some(name) = &definition.name {
            finished.insert(&name.value, Arc::new(draft.graph));
        }
    }
    let draft = check_one(root, &finished, known.plugins, around(root), problems);
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
    plugins: &BTreeSet<&str>,
    around: expressions::Around<'_>,
    problems: &mut Problems,
) -> Draft<'d> {
    let mut draft = assemble::assemble(definition, subgraphs, plugins, around, problems);
    paths::check(&draft, problems);
    paths::mark_joins(&mut draft.graph);
    parallel::check(&draft, problems);
    onward::check(&draft, problems);
    draft
}

/// Subgraphs in an order in which each comes after those that it runs. Subgraphs that run themselves, directly or
/// through others, are problems and come last, and so do those that nest too deep.
fn innermost_first<'d>(
    root: &GraphDefinition,
    subgraphs: &'d [GraphDefinition],
    problems: &mut Problems,
) -> Vec<&'d GraphDefinition> {
    let names: BTreeSet<&str> = subgraphs.iter().filter_map(name_of).collect();
    for node in std::iter::once(root).chain(subgraphs).flat_map(|graph| &graph.nodes) {
        unknown_subgraph(node, &names, problems);
    }
    let positions: HashMap<&str, usize> =
        subgraphs.iter().enumerate().filter_map(|(position, graph)| Some((name_of(graph)?, position))).collect();
    let runs: Vec<Vec<usize>> = subgraphs
        .iter()
        .map(|graph| {
            let inner = graph.nodes.iter().filter_map(|node| node.graph.as_ref());
            inner
                .filter_map(|name| positions.get(name.value.as_str()).copied())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect()
        })
        .collect();
    // The strongly connected components come innermost first.
    let parts = paths::circles(subgraphs.len(), &|graph| runs.get(graph).cloned().unwrap_or_default());
    let (mut ordered, mut last) = (Vec::new(), Vec::new());
    let mut levels = vec![0_usize; subgraphs.len()];
    for part in &parts {
        let within = |graph: &usize| part.contains(graph);
        let circle =
            part.len() > 1 || part.iter().any(|graph| runs.get(*graph).is_some_and(|runs| runs.contains(graph)));
        for position in part {
            let Some(definition) = subgraphs.get(*position) else { continue };
            let inner = runs.get(*position).into_iter().flatten().filter(|inner| !within(inner));
            let level = 1 + inner.filter_map(|inner| levels.get(*inner)).max().copied().unwrap_or(0);
            levels.get_mut(*position).into_iter().for_each(|known| *known = level);
            if circle {
                let theirs = |node: &&NodeDefinition| {
                    node.graph.as_ref().and_then(|name| positions.get(name.value.as_str())).is_some_and(within)
                };
                for node in definition.nodes.iter().filter(theirs) {
                    runs_itself(node, definition, problems);
                }
                last.push(definition);
            } else if level > MAX_LEVELS {
                // The subgraphs above would only repeat the problem.
                if level == MAX_LEVELS + 1
                    && let Some(name) = &definition.name
                {
                    let message =
                        format!("subgraph `{}` runs subgraphs within subgraphs, {level} levels deep", name.value);
                    problems.add(
                        &name.span,
                        message,
                        format!("nest at most {MAX_LEVELS} levels: flatten some of them"),
                    );
                }
                last.push(definition);
            } else {
                ordered.push(definition);
            }
        }
    }
    // In the order of the file, like all problems.
    last.sort_by_key(|definition| definition.span.start);
    if last.iter().any(|definition| levels_of(definition, &positions, &levels) > MAX_LEVELS) {
        // Dropping graphs that contain each other this deep would overflow the thread's stack.
        return ordered;
    }
    ordered.extend(last);
    ordered
}

fn levels_of(definition: &GraphDefinition, positions: &HashMap<&str, usize>, levels: &[usize]) -> usize {
    let position = name_of(definition).and_then(|name| positions.get(name));
    position.and_then(|position| levels.get(*position)).copied().unwrap_or_default()
}

fn runs_itself(node: &NodeDefinition, definition: &GraphDefinition, problems: &mut Problems) {
    if let Some(graph) = &node.graph {
        let name = name_of(definition).unwrap_or_default();
        let message =
            format!("node `{}` makes subgraph `{name}` run itself, through `{}`", node.name.value, graph.value);
        problems.add(&graph.span, message, "use an edge back to an earlier node for a loop");
    }
}

fn name_of(definition: &GraphDefinition) -> Option<&str> {
    definition.name.as_ref().map(|name| name.value.as_str())
}

fn unknown_subgraph(node: &NodeDefinition, names: &BTreeSet<&str>, problems: &mut Problems) {
    if let Some(graph) = &node.graph
        && !names.contains(graph.value.as_str())
        && !problems.is_full()
    {
        let message = format!("node `{}` runs subgraph `{}`, which is not declared", node.name.value, graph.value);
        let help = match signalbox_diagnostics::nearest(&graph.value, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it as [graphs.{}]", graph.value),
        };
        problems.add(&graph.span, message, help);
    }
}

/// The subgraph that a node runs, with its name.
fn subgraph_of(work: &NodeBody) -> Option<(&str, &Graph)> {
    match work {
        NodeBody::Plugin(_) => None,
        NodeBody::Graph { graph, name, .. } => Some((name, graph)),
    }
}
