//! A checked decision graph with all indexes that a run needs, which are computed once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::expression::Expression;
use crate::json::Json;
use crate::reducer::Reducer;

/// The decision graph of a bundle, or one of its subgraphs.
#[derive(Debug)]
pub struct Graph {
    pub(crate) step_limit: u32,
    pub(crate) deadline: Duration,
    pub(crate) channels: Vec<Channel>,
    pub(crate) channel_index: HashMap<Arc<str>, usize>,
    pub(crate) nodes: Vec<Node>,
    /// Edges out of start.
    pub(crate) start: Vec<Edge>,
}

/// A channel of the state.
#[derive(Debug)]
pub(crate) struct Channel {
    pub name: Arc<str>,
    pub reducer: Reducer,
    pub initial: Option<Json>,
    /// Whether the value is kept from one message of a conversation to the next.
    pub session: bool,
}

/// A node, in declared order.
#[derive(Debug)]
pub(crate) struct Node {
    pub name: Arc<str>,
    pub work: NodeBody,
    /// The channels that the node is given, in declared order.
    pub reads: Vec<usize>,
    /// The channels that the node may write.
    pub writes: Vec<usize>,
    /// The nodes that a goto may name.
    pub targets: Vec<EdgeTarget>,
    /// Whether the node waits until no active node can still reach it.
    pub join: bool,
    pub for_each: Option<Expression>,
    pub retry: Retry,
    pub on_error: Option<usize>,
    pub timeout: Option<Duration>,
    pub edges: Vec<Edge>,
    /// A bit for each join of the graph, at the join's position: whether this node can reach it.
    pub reaches_joins: Vec<u64>,
    /// The position among the graph's joins.
    pub join_bit: usize,
}

/// What a node runs.
#[derive(Debug)]
pub(crate) enum NodeBody {
    /// A plugin of the bundle.
    Plugin(Arc<str>),
    /// A subgraph, with the pairs of (own channel, its channel) that are copied in and merged back.
    Graph { graph: Arc<Graph>, name: Arc<str>, copied_in: Vec<(usize, usize)>, merged_back: Vec<(usize, usize)> },
}

/// The target of an edge or a goto.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum EdgeTarget {
    End,
    Node(usize),
}

/// An edge out of start or a node.
#[derive(Debug)]
pub(crate) struct Edge {
    pub to: Vec<EdgeTarget>,
    pub when: When,
}

/// When an edge is followed.
#[derive(Debug)]
pub(crate) enum When {
    Always,
    /// When the condition holds.
    Condition(Box<Expression>),
    /// When no conditional edge from the same place was followed.
    Otherwise,
}

/// How often and after what pause a node is run again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Retry {
    /// The highest number of attempts, including the first.
    pub max_attempts: u32,
    pub initial_interval: Duration,
    pub backoff_factor: f64,
    pub max_interval: Duration,
    pub jitter: bool,
}

impl Retry {
    /// A node without `retry` runs once.
    pub const NONE: Self = Self {
        max_attempts: 1,
        initial_interval: Duration::from_millis(200),
        backoff_factor: 2.0,
        max_interval: Duration::from_secs(5),
        jitter: true,
    };
}

impl Graph {
    /// How long one decision may take.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// How many steps one decision may take; each subgraph counts its own.
    pub fn step_limit(&self) -> u32 {
        self.step_limit
    }

    /// Node names in declared order.
    pub fn node_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.nodes.iter().map(|node| &node.name)
    }

    /// Channels whose values are kept from one message of a conversation to the next.
    pub fn session_channels(&self) -> impl Iterator<Item = &Arc<str>> {
        self.channels.iter().filter(|channel| channel.session).map(|channel| &channel.name)
    }

    /// The plugins that nodes of this graph and its subgraphs run, sorted, each once.
    pub fn plugins(&self) -> Vec<Arc<str>> {
        let own = |graph: &Self| -> Vec<Arc<str>> {
            let works = graph.nodes.iter().map(|node| &node.work);
            works
                .filter_map(|work| if let NodeBody::Plugin(plugin) = work { Some(Arc::clone(plugin)) } else { None })
                .collect()
        };
        let mut names = own(self);
        names.extend(self.subgraphs().values().flat_map(|graph| own(graph)));
        names.sort();
        names.dedup();
        names
    }

    /// Every subgraph that its nodes run, directly or through others, by name; each once, however many nodes run it.
    pub(crate) fn subgraphs(&self) -> BTreeMap<&str, &Graph> {
        let mut found: BTreeMap<&str, &Graph> = BTreeMap::new();
        let mut open = vec![self];
        while let Some(graph) = open.pop() {
            for node in &graph.nodes {
                if let NodeBody::Graph { graph, name, .. } = &node.work
                    && found.insert(name, graph).is_none()
                {
                    open.push(graph);
                }
            }
        }
        found
    }

    pub(crate) fn target_name(&self, target: EdgeTarget) -> &str {
        match target {
            EdgeTarget::End => "end",
            EdgeTarget::Node(node) => self.nodes.get(node).map_or("?", |node| &node.name),
        }
    }
}

impl Node {
    /// Whether this node can lead to the join at `bit`, on any path.
    pub fn reaches_join(&self, bit: usize) -> bool {
        self.reaches_joins.get(bit / 64).is_some_and(|word| word & (1 << (bit % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Graph;

    #[test]
    fn a_graph_is_shared_by_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Graph>();
        shared::<crate::Stepper<String>>();
        shared::<crate::Manifest>();
        shared::<signalbox_diagnostics::Report>();
    }
}
