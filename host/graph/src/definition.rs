//! The tables of a graph as they are written, before any name in them is looked up.

use std::ops::Range;
use std::time::Duration;

use signalbox_diagnostics::{Item, Problems, TomlString, TomlTable, suggestion};

use crate::graph::Retry;
use crate::json::Json;
use crate::reducer::Reducer;

/// The most nodes of one graph.
const MAX_NODES: usize = 2_000;
/// The most channels of one graph.
const MAX_CHANNELS: usize = 500;
/// The most targets of all edges, gotos and `on-error` of one graph.
const MAX_WAYS: usize = 6_000;

/// `[graph]`, or one of `[graphs.…]`.
#[derive(Debug)]
pub(crate) struct GraphDefinition {
    /// None for `[graph]`.
    pub name: Option<TomlString>,
    pub span: Range<usize>,
    pub step_limit: u32,
    pub deadline: Duration,
    pub session: Vec<TomlString>,
    pub channels: Vec<ChannelDefinition>,
    pub nodes: Vec<NodeDefinition>,
    pub edges: Vec<EdgeDefinition>,
}

/// A line of `[graph.channels]`.
#[derive(Debug)]
pub(crate) struct ChannelDefinition {
    pub name: TomlString,
    pub reducer: Reducer,
    pub initial: Option<Json>,
}

/// `[graph.nodes.…]`
#[derive(Debug)]
pub(crate) struct NodeDefinition {
    pub name: TomlString,
    pub plugin: Option<TomlString>,
    pub graph: Option<TomlString>,
    /// None when the node reads every channel.
    pub reads: Option<Vec<TomlString>>,
    pub writes: Vec<TomlString>,
    pub targets: Vec<TomlString>,
    pub join: bool,
    pub for_each: Option<TomlString>,
    pub retry: Option<Retry>,
    pub on_error: Option<TomlString>,
    pub timeout: Option<Duration>,
}

/// `[[graph.edges]]`
#[derive(Debug)]
pub(crate) struct EdgeDefinition {
    pub span: Range<usize>,
    pub from: Option<TomlString>,
    pub to: Vec<TomlString>,
    pub when: Option<TomlString>,
    pub otherwise: bool,
}

impl GraphDefinition {
    /// The table's name in messages.
    pub fn place(&self) -> String {
        self.name.as_ref().map_or("[graph]".to_owned(), |name| format!("[graphs.{}]", name.value))
    }

    pub fn read(mut table: TomlTable<'_>, name: Option<TomlString>, problems: &mut Problems) -> Self {
        let prefix = name.as_ref().map_or("graph".to_owned(), |name| format!("graphs.{}", name.value));
        let span = table.span();
        let step_limit = table.take("step-limit").and_then(|item| item.integer(1..=1_000, problems));
        // Deadline and session belong to the whole decision, so a subgraph has neither.
        let (mut deadline, mut session) = (None, Vec::new());
        if name.is_none() {
            let range = Duration::from_millis(1)..=Duration::from_secs(300);
            deadline = table.take("deadline").and_then(|item| item.duration(range, problems));
            session = table.take("session").map(|item| item.texts(problems)).unwrap_or_default();
        }
        let mut channels = Vec::new();
        if let Some(table) =
            table.take("channels").and_then(|item| item.table(format!("[{prefix}.channels]"), problems))
        {
            channels = table.entries().iter().filter_map(|item| channel(item, &prefix, problems)).collect();
        }
        let mut nodes = Vec::new();
        let help = format!("declare one, for example [{prefix}.nodes.answer] with `plugin = \"answer\"`");
        if let Some(table) =
            table.require("nodes", &help, problems).and_then(|item| item.table(format!("[{prefix}.nodes]"), problems))
        {
            nodes = table.entries().iter().filter_map(|item| node(item, &prefix, problems)).collect();
        }
        let place = format!("[[{prefix}.edges]]");
        let help = format!("declare {place} with `from = \"start\"` and `to` a node");
        let edges = match table.require("edges", &help, problems) {
            Some(item) => item.tables(&place, problems).into_iter().map(|table| edge(table, problems)).collect(),
            None => Vec::new(),
        };
        table.finish(problems);
        let deadline = deadline.unwrap_or(Duration::from_secs(20));
        Self { name, span, step_limit: step_limit.unwrap_or(25), deadline, session, channels, nodes, edges }
    }
}

impl GraphDefinition {
    /// How many targets the edges, gotos and `on-error` have.
    pub fn ways(&self) -> usize {
        let of_nodes = self.nodes.iter().map(|node| node.targets.len() + usize::from(node.on_error.is_some()));
        self.edges.iter().map(|edge| edge.to.len()).chain(of_nodes).sum()
    }

    /// How many expressions there are.
    pub fn expressions(&self) -> usize {
        let conditions = self.edges.iter().filter(|edge| edge.when.is_some()).count();
        conditions + self.nodes.iter().filter(|node| node.for_each.is_some()).count()
    }

    /// Checks that the graph is not larger than one graph may be.
    pub fn is_within_limits(&self, problems: &mut Problems) -> bool {
        let mut fits = true;
        for (what, count, limit) in [
            ("nodes", self.nodes.len(), MAX_NODES),
            ("channels", self.channels.len(), MAX_CHANNELS),
            ("edges, gotos and takeovers", self.ways(), MAX_WAYS),
        ] {
            if count > limit {
                fits = false;
                let message = format!("{} has {count} {what}", self.place());
                problems.add(&self.span, message, format!("use at most {limit}, or make a subgraph of a part"));
            }
        }
        fits
    }
}

/// Checks a name that appears in paths and logs: letters, digits, `-` and `_`.
pub(crate) fn check_name(kind: &str, name: &TomlString, problems: &mut Problems) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(allowed) {
        let message = format!("`{}` is no name for a {kind}", name.value);
        problems.add(&name.span, message, "use 1 to 64 letters, digits, `-` and `_`");
    }
}

fn channel(item: &Item<'_>, prefix: &str, problems: &mut Problems) -> Option<ChannelDefinition> {
    let name = item.key_text();
    check_name("channel", &name, problems);
    if name.value == "item" {
        let help = "call it otherwise, for example `items`";
        problems.add(&name.span, "`item` is no name for a channel: it is what a `for-each` node is given", help);
    }
    if item.is_text() {
        let reducer = reducer(&item.text(problems)?, problems);
        return Some(ChannelDefinition { name, reducer, initial: None });
    }
    let mut table = item.table(format!("channel `{}` of [{prefix}.channels]", name.value), problems)?;
    let help = "add one of last, first, append, merge, sum, min, max";
    let written = table.require("reducer", help, problems).and_then(|item| item.text(problems));
    let reducer = written.map_or(Reducer::Last, |text| reducer(&text, problems));
    let initial = table.take("initial").and_then(|item| {
        let value = Json::from_value(item.json(problems)?);
        let fits = value
            .map_err(|error| error.to_string())
            .and_then(|json| reducer.check_initial(&json).map_err(|error| error.to_string()).map(|()| json));
        match fits {
            Ok(json) => Some(json),
            Err(why) => {
                let message = format!("`initial` of channel `{}` does not fit: {why}", name.value);
                problems.add(&item.span(), message, format!("write a value that `{}` takes", reducer.name()));
                None
            }
        }
    });
    table.finish(problems);
    Some(ChannelDefinition { name, reducer, initial })
}

fn reducer(name: &TomlString, problems: &mut Problems) -> Reducer {
    Reducer::named(&name.value).unwrap_or_else(|| {
        let help = suggestion(&name.value, "reducers", Reducer::ALL.iter().map(|(name, _)| *name));
        problems.add(&name.span, format!("there is no reducer `{}`", name.value), help);
        Reducer::Last
    })
}

fn node(item: &Item<'_>, prefix: &str, problems: &mut Problems) -> Option<NodeDefinition> {
    let name = item.key_text();
    check_name("node", &name, problems);
    if matches!(name.value.as_str(), "start" | "end") {
        let help = "call it otherwise: `start` and `end` are where every graph begins and ends";
        problems.add(&name.span, format!("`{}` is no name for a node", name.value), help);
    }
    let mut table = item.table(format!("[{prefix}.nodes.{}]", name.value), problems)?;
    let plugin = table.take("plugin");
    let graph = table.take("graph");
    match (&plugin, &graph) {
        (Some(_), Some(second)) => {
            let message = format!("node `{}` has both `plugin` and `graph`", name.value);
            problems.add(&second.key_span, message, "keep one of them");
        }
        (None, None) => {
            let message = format!("node `{}` runs nothing", name.value);
            problems.add(&name.span, message, "add `plugin = \"…\"` or `graph = \"…\"`");
        }
        _ => {}
    }
    let plugin = plugin.and_then(|item| item.text(problems));
    let graph = graph.and_then(|item| item.text(problems));
    let reads = table.take("reads").map(|item| item.texts(problems));
    let writes = table.take("writes").map(|item| item.texts(problems)).unwrap_or_default();
    let for_each = table.take("for-each").and_then(|item| item.text(problems));
    let on_error = table.take("on-error").and_then(|item| item.text(problems));
    let join = table.take("join").is_some_and(|item| is_join(&item, &name.value, problems));
    let mut of_plugins = PluginKeys { node: &name.value, allowed: graph.is_none(), problems };
    let targets = of_plugins.take(&mut table, "targets", |item, problems| Some(item.texts(problems)));
    let retry_place = format!("`retry` of node `{}`", name.value);
    let retry = of_plugins.take(&mut table, "retry", |item, problems| retry(item, &retry_place, problems));
    let range = Duration::from_millis(1)..=Duration::from_secs(300);
    let timeout = of_plugins.take(&mut table, "timeout", |item, problems| item.duration(range, problems));
    table.finish(problems);
    let targets = targets.unwrap_or_default();
    Some(NodeDefinition { name, plugin, graph, reads, writes, targets, join, for_each, retry, on_error, timeout })
}

/// Keys that only a node with a plugin may have; for a subgraph, its own nodes have them.
struct PluginKeys<'a> {
    node: &'a str,
    allowed: bool,
    problems: &'a mut Problems,
}

impl PluginKeys<'_> {
    fn take<T>(
        &mut self,
        table: &mut TomlTable<'_>,
        key: &'static str,
        read: impl FnOnce(&Item<'_>, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        let item = table.take(key)?;
        if !self.allowed {
            let message = format!("node `{}` runs a subgraph, which takes no `{key}`", self.node);
            self.problems.add(&item.key_span, message, format!("give `{key}` to the nodes inside the subgraph"));
        }
        read(&item, self.problems)
    }
}

fn is_join(item: &Item<'_>, node: &str, problems: &mut Problems) -> bool {
    let Some(text) = item.text(problems) else { return false };
    if text.value != "all" {
        problems.add(&text.span, format!("`join` of node `{node}` is `{}`", text.value), "write `join = \"all\"`");
    }
    true
}

fn retry(item: &Item<'_>, place: &str, problems: &mut Problems) -> Option<Retry> {
    let mut table = item.table(place, problems)?;
    let shortest = Duration::from_millis(1);
    let attempts = table
        .require("max-attempts", "add `max-attempts = 3`; it includes the first", problems)
        .and_then(|item| item.integer(1..=20, problems));
    let initial =
        table.take("initial-interval").and_then(|item| item.duration(shortest..=Duration::from_secs(60), problems));
    let factor = table.take("backoff-factor").and_then(|item| item.number(1.0..=10.0, problems));
    let longest =
        table.take("max-interval").and_then(|item| item.duration(shortest..=Duration::from_secs(300), problems));
    let jitter = table.take("jitter").and_then(|item| item.flag(problems));
    table.finish(problems);
    let default = Retry::NONE;
    Some(Retry {
        max_attempts: attempts.unwrap_or(default.max_attempts),
        initial_interval: initial.unwrap_or(default.initial_interval),
        backoff_factor: factor.unwrap_or(default.backoff_factor),
        max_interval: longest.unwrap_or(default.max_interval),
        jitter: jitter.unwrap_or(default.jitter),
    })
}

fn edge(mut table: TomlTable<'_>, problems: &mut Problems) -> EdgeDefinition {
    let span = table.span();
    let from = table.require("from", "add `from = \"start\"` or a node", problems);
    let to = table.require("to", "add `to = \"end\"`, a node, or a list of nodes", problems);
    let from = from.and_then(|item| item.text(problems));
    let to_span = to.as_ref().map(Item::span);
    let to = to.map(|item| item.text_or_texts(problems));
    if let (Some(span), Some(true)) = (to_span, to.as_ref().map(Vec::is_empty)) {
        problems.add(&span, "an edge leads nowhere", "name at least one node, or `end`");
    }
    let when = table.take("when");
    let otherwise = table.take("otherwise");
    if let (Some(_), Some(otherwise)) = (&when, &otherwise) {
        let message = "an edge has both `when` and `otherwise`";
        problems.add(&otherwise.key_span, message, "make two edges of it");
    }
    let when = when.and_then(|item| item.text(problems));
    let otherwise = otherwise.is_some_and(|item| {
        let flag = item.flag(problems);
        if flag == Some(false) {
            problems.add(&item.span(), "`otherwise = false` says nothing", "remove it, or write `true`");
        }
        flag == Some(true)
    });
    table.finish(problems);
    EdgeDefinition { span, from, to: to.unwrap_or_default(), when, otherwise }
}
