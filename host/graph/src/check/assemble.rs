//! Looks up every name of one graph.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use signalbox_diagnostics::{Problems, TomlString, nearest, suggestion};

use super::Draft;
use super::expressions::Around;
use crate::definition::{EdgeDefinition, GraphDefinition, NodeDefinition};
use crate::expression::{Expression, ExpressionPurpose};
use crate::graph::{Channel, Edge, EdgeTarget, Graph, Node, NodeBody, Retry, When};

/// The names that a graph may refer to.
struct Names<'a> {
    place: String,
    nodes: HashMap<&'a str, usize>,
    channels: HashMap<Arc<str>, usize>,
    around: Around<'a>,
}

pub(super) fn assemble<'d>(
    definition: &'d GraphDefinition,
    subgraphs: &BTreeMap<&str, Arc<Graph>>,
    plugins: &BTreeSet<&str>,
    around: Around<'_>,
    problems: &mut Problems,
) -> Draft<'d> {
    let channels = channels(definition, problems);
    let names = Names {
        place: definition.place(),
        nodes: definition.nodes.iter().enumerate().map(|(i, node)| (node.name.value.as_str(), i)).collect(),
        channels: channels.iter().enumerate().map(|(i, channel)| (Arc::clone(&channel.name), i)).collect(),
        around,
    };
    let mut nodes: Vec<Node> = definition
        .nodes
        .iter()
        .enumerate()
        .map(|(position, node)| names.node(position, node, &channels, subgraphs, plugins, problems))
        .collect();
    let mut start = Vec::new();
    let mut assumed_reachable = Vec::new();
    let mut seen: HashSet<Written<'_>> = HashSet::new();
    for edge in &definition.edges {
        let (from, assembled) = names.edge(edge, &mut seen, problems);
        match from {
            From::Start => start.push(assembled),
            From::Node(node) => {
                if let Some(node) = nodes.get_mut(node) {
                    node.edges.push(assembled);
                }
            }
            From::Unknown => assumed_reachable.extend(assembled.to.iter().filter_map(|target| match target {
                EdgeTarget::End => None,
                EdgeTarget::Node(node) => Some(*node),
            })),
        }
    }
    if start.is_empty() && assumed_reachable.is_empty() && !nodes.is_empty() {
        let message = format!("no edge of {} leaves start", names.place);
        problems.add(&definition.span, message, "add an edge with `from = \"start\"`");
    }
    lonely_otherwise(definition, problems);
    let graph = Graph {
        step_limit: definition.step_limit,
        deadline: definition.deadline,
        channels,
        channel_index: names.channels,
        nodes,
        start,
    };
    Draft { definition, graph, assumed_reachable }
}

fn channels(definition: &GraphDefinition, problems: &mut Problems) -> Vec<Channel> {
    let declared: HashSet<&str> = definition.channels.iter().map(|channel| channel.name.value.as_str()).collect();
    let mut session: HashSet<&str> = HashSet::new();
    for name in &definition.session {
        if declared.contains(name.value.as_str()) {
            session.insert(&name.value);
        } else if !problems.is_full() {
            let channels = definition.channels.iter().map(|channel| channel.name.value.as_str());
            let help = suggestion(&name.value, "channels", channels);
            problems.add(&name.span, format!("`session` names channel `{}`, which is not declared", name.value), help);
        }
    }
    let channel = |channel: &crate::definition::ChannelDefinition| Channel {
        name: Arc::from(channel.name.value.as_str()),
        reducer: channel.reducer,
        initial: channel.initial.clone(),
        session: session.contains(channel.name.value.as_str()),
    };
    definition.channels.iter().map(channel).collect()
}

/// Reports an `otherwise` without a conditional edge beside it: it would always be followed, which its author did not
/// mean.
fn lonely_otherwise(definition: &GraphDefinition, problems: &mut Problems) {
    let from = |edge: &EdgeDefinition| edge.from.as_ref().map(|from| from.value.clone());
    let conditional: HashSet<_> = definition.edges.iter().filter(|edge| edge.when.is_some()).map(from).collect();
    for edge in definition.edges.iter().filter(|edge| edge.otherwise && !conditional.contains(&from(edge))) {
        let name = from(edge).unwrap_or_default();
        let message = format!("`otherwise` from `{name}`, which has no edge with `when`");
        problems.add(&edge.span, message, "remove `otherwise`, or add the condition");
    }
}

/// An edge as it is written, to find duplicates: its source, its condition, its target, and whether it is an
/// `otherwise` edge.
type Written<'d> = (&'d [u8], Option<&'d [u8]>, &'d [u8], bool);

/// The start of a text, long enough to distinguish all valid texts.
fn start_of(text: &str) -> &[u8] {
    text.as_bytes().get(..1_100).unwrap_or(text.as_bytes())
}

/// The source of an edge.
#[derive(Clone, Copy)]
enum From {
    Start,
    Node(usize),
    Unknown,
}

impl Names<'_> {
    fn node(
        &self,
        position: usize,
        written: &NodeDefinition,
        channels: &[Channel],
        subgraphs: &BTreeMap<&str, Arc<Graph>>,
        plugins: &BTreeSet<&str>,
        problems: &mut Problems,
    ) -> Node {
        let name = &written.name.value;
        let reads = match &written.reads {
            Some(reads) => self.channel_list(reads, &format!("node `{name}` reads"), problems),
            None => (0..channels.len()).collect(),
        };
        let writes = self.channel_list(&written.writes, &format!("node `{name}` writes"), problems);
        let mut targets = Vec::new();
        for target in &written.targets {
            targets.push(self.target(target, &format!("`targets` of node `{name}`"), problems));
        }
        let for_each =
            written.for_each.as_ref().and_then(|text| self.expression(text, ExpressionPurpose::List, problems));
        let work = match (&written.plugin, &written.graph) {
            (_, Some(graph)) => match subgraphs.get(graph.value.as_str()) {
                Some(found) => self.subgraph(written, &graph.value, found, channels, (&reads, &writes), problems),
                None => NodeBody::Plugin(Arc::from("")),
            },
            (Some(plugin), None) => {
                if !plugins.contains(plugin.value.as_str()) && !problems.is_full() {
                    let message = format!("node `{name}` runs plugin `{}`, which is not declared", plugin.value);
                    let help = match nearest(&plugin.value, plugins.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("declare it as [plugins.{}] with its `component`", plugin.value),
                    };
                    problems.add(&plugin.span, message, help);
                }
                NodeBody::Plugin(Arc::from(plugin.value.as_str()))
            }
            (None, None) => NodeBody::Plugin(Arc::from("")),
        };
        Node {
            name: Arc::from(name.as_str()),
            work,
            reads,
            writes,
            targets,
            join: written.join,
            for_each,
            retry: written.retry.clone().unwrap_or(Retry::NONE),
            on_error: written.on_error.as_ref().and_then(|text| self.on_error(position, name, text, problems)),
            timeout: written.timeout,
            edges: Vec::new(),
            reaches_joins: Vec::new(),
            join_bit: 0,
        }
    }

    fn on_error(&self, position: usize, node: &str, text: &TomlString, problems: &mut Problems) -> Option<usize> {
        let found = self.target(text, &format!("`on-error` of node `{node}`"), problems);
        if text.value == "end" {
            let message = format!("`on-error` of node `{node}` is `end`: the failure would pass unseen");
            problems.add(&text.span, message, "name a node that says what happens then");
        }
        match found {
            EdgeTarget::Node(target) if target == position => {
                let message = format!("`on-error` of node `{node}` is the node itself");
                problems.add(&text.span, message, "use `retry`, or name another node");
                None
            }
            EdgeTarget::Node(target) => Some(target),
            EdgeTarget::End => None,
        }
    }

    fn subgraph(
        &self,
        written: &NodeDefinition,
        graph_name: &str,
        graph: &Arc<Graph>,
        channels: &[Channel],
        (reads, writes): (&[usize], &[usize]),
        problems: &mut Problems,
    ) -> NodeBody {
        let node = &written.name.value;
        let inner = |text: &TomlString, verb: &str, problems: &mut Problems| {
            let found = graph.channel_index.get(text.value.as_str()).copied();
            if found.is_none() && self.channels.contains_key(text.value.as_str()) {
                let message =
                    format!("node `{node}` {verb} channel `{}`, which [graphs.{graph_name}] does not have", text.value);
                problems.add(
                    &text.span,
                    message,
                    format!("declare it in [graphs.{graph_name}.channels], or remove it"),
                );
            }
            found
        };
        for text in written.reads.iter().flatten() {
            inner(text, "reads", problems);
            let accumulates = |index: &usize| channels.get(*index).is_some_and(|c| c.reducer.accumulates());
            let index = self.channels.get(text.value.as_str());
            if index.is_some_and(|index| writes.contains(index) && accumulates(index)) {
                let message = format!(
                    "node `{node}` reads and writes `{}`, which accumulates: what was there already would be counted twice",
                    text.value
                );
                problems.add(&text.span, message, "remove it from `reads`; the subgraph gives back what it adds");
            }
        }
        for text in &written.writes {
            inner(text, "writes", problems);
        }
        let pair = |index: &usize| {
            let channel = channels.get(*index)?;
            Some((*index, *graph.channel_index.get(&channel.name)?))
        };
        // An accumulating channel starts empty in the subgraph, so that only what was added there is merged back.
        let afresh = |index: &&usize| {
            !(writes.contains(index) && channels.get(**index).is_some_and(|channel| channel.reducer.accumulates()))
        };
        NodeBody::Graph {
            graph: Arc::clone(graph),
            name: Arc::from(graph_name),
            copied_in: reads.iter().filter(afresh).filter_map(pair).collect(),
            merged_back: writes.iter().filter_map(pair).collect(),
        }
    }

    fn edge<'d>(
        &self,
        written: &'d EdgeDefinition,
        seen: &mut HashSet<Written<'d>>,
        problems: &mut Problems,
    ) -> (From, Edge) {
        let from = written.from.as_ref().map_or(From::Unknown, |text| self.from(text, problems));
        let mut to = Vec::new();
        for text in &written.to {
            to.push(self.target(text, "an edge", problems));
            let from = written.from.as_ref().map_or("", |from| from.value.as_str());
            let condition = written.when.as_ref().map(|when| start_of(&when.value));
            if !seen.insert((start_of(from), condition, start_of(&text.value), written.otherwise)) {
                let message = format!("the edge from `{from}` to `{}` stands twice", text.value);
                problems.add(&text.span, message, "remove one of them");
            }
        }
        let when = match &written.when {
            // The edge stays conditional although its condition is wrong, so that the checks of paths still make sense.
            Some(text) => self
                .expression(text, ExpressionPurpose::Condition, problems)
                .or_else(Expression::never)
                .map_or(When::Otherwise, |expression| When::Condition(Box::new(expression))),
            None if written.otherwise => When::Otherwise,
            None => When::Always,
        };
        (from, Edge { to, when })
    }

    fn from(&self, text: &TomlString, problems: &mut Problems) -> From {
        match text.value.as_str() {
            "start" => return From::Start,
            "end" => {
                problems.add(&text.span, "an edge leaves `end`", "let it leave a node, or remove it");
                return From::Unknown;
            }
            _ => {}
        }
        if let Some(node) = self.nodes.get(text.value.as_str()) {
            return From::Node(*node);
        }
        if problems.is_full() {
            return From::Unknown;
        }
        self.unknown_node(text, "an edge leaves", problems);
        let near = nearest(&text.value, self.nodes.keys().copied());
        near.and_then(|near| self.nodes.get(near)).map_or(From::Unknown, |node| From::Node(*node))
    }

    fn target(&self, text: &TomlString, what: &str, problems: &mut Problems) -> EdgeTarget {
        match text.value.as_str() {
            "end" => return EdgeTarget::End,
            "start" => {
                let help = "name the node where it should go on";
                problems.add(&text.span, format!("{what} leads into `start`"), help);
                return EdgeTarget::End;
            }
            _ => {}
        }
        if let Some(node) = self.nodes.get(text.value.as_str()) {
            return EdgeTarget::Node(*node);
        }
        if problems.is_full() {
            return EdgeTarget::End;
        }
        self.unknown_node(text, &format!("{what} leads to"), problems);
        let near = nearest(&text.value, self.nodes.keys().copied());
        near.and_then(|near| self.nodes.get(near)).map_or(EdgeTarget::End, |node| EdgeTarget::Node(*node))
    }

    fn unknown_node(&self, text: &TomlString, what: &str, problems: &mut Problems) {
        let mut names: Vec<&str> = self.nodes.keys().copied().collect();
        names.sort_unstable();
        let message = format!("{what} node `{}`, which is not declared in {}", text.value, self.place);
        problems.add(&text.span, message, suggestion(&text.value, "nodes", names));
    }

    fn channel_list(&self, texts: &[TomlString], what: &str, problems: &mut Problems) -> Vec<usize> {
        let mut list: Vec<usize> =
            texts.iter().filter_map(|text| self.channel(&text.value, &text.span, what, problems)).collect();
        list.sort_unstable();
        list.dedup();
        list
    }

    fn channel(&self, name: &str, span: &Range<usize>, what: &str, problems: &mut Problems) -> Option<usize> {
        let found = self.channels.get(name).copied();
        if found.is_none() && !problems.is_full() {
            let mut names: Vec<&str> = self.channels.keys().map(AsRef::as_ref).collect();
            names.sort_unstable();
            let message = format!("{what} channel `{name}`, which is not declared in {}", self.place);
            problems.add(span, message, suggestion(name, "channels", names));
        }
        found
    }

    fn expression(&self, text: &TomlString, wanted: ExpressionPurpose, problems: &mut Problems) -> Option<Expression> {
        if problems.is_full() {
            return None;
        }
        let expression = self.around.compile(text, wanted, problems)?;
        let mut known = true;
        for channel in expression.channels() {
            let span = within_string(self.around.source, text, expression.place_of(channel));
            known &= self.channel(channel, &span, "the expression reads", problems).is_some();
        }
        known.then_some(expression)
    }
}

/// The span of a part of a string; the whole string when escapes make positions in value and source differ.
pub(super) fn within_string(source: &str, text: &TomlString, at: Option<Range<usize>>) -> Range<usize> {
    let exact = || {
        let written = source.get(text.span.clone())?;
        let start = text.span.start + written.find(&text.value)?;
        let at = at?;
        Some(start + at.start..start + at.end)
    };
    exact().unwrap_or_else(|| text.span.clone())
}
