//! Reads and checks the whole of `bundle.toml`.

#[cfg(test)]
mod documented;
mod inputs;
mod plugins;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use signalbox_diagnostics::{Problem, Problems, Report, TomlString, TomlTable, parse_toml};
use toml::de::DeTable;

use crate::check::{self, DeclaredNames};
use crate::definition::{GraphDefinition, NodeDefinition, check_name};
use crate::graph::Graph;

pub use inputs::{
    ApiInput, CronCatchUp, CronInput, InputPlaces, Inputs, KafkaInput, Verify, VerifyScheme, WebhookInput,
    WebsocketInput,
};
pub use plugins::{CAPABILITIES, PluginLimits, PluginSpec};

/// The JSON Schema of `bundle.toml`, for editors. A test compares it with the keys that are read here.
pub const BUNDLE_SCHEMA: &str = include_str!("manifest/schema.json");

/// The largest manifest, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 1 << 20;
/// The most plugins of a bundle.
const MAX_PLUGINS: usize = 500;
/// The most subgraphs of a bundle.
const MAX_SUBGRAPHS: usize = 500;
/// The most nodes of all graphs of a bundle.
const MAX_NODES_TOGETHER: usize = 10_000;
/// The most targets of all edges, gotos and `on-error` of a bundle.
const MAX_WAYS_TOGETHER: usize = 20_000;
/// The most expressions of a bundle.
const MAX_EXPRESSIONS: usize = 2_000;

/// A bundle, as its `bundle.toml` describes it.
#[derive(Debug)]
pub struct Manifest {
    /// Permissions that its nodes ask for in addition to those of the host, and that businesses may grant.
    pub permissions: Vec<String>,
    /// The type of the businesses that it decides for, for example `restaurant`.
    pub business_type: String,
    /// A version for people; the host identifies bundles by digest.
    pub version: String,
    /// Where inputs enter.
    pub inputs: Inputs,
    /// Its plugins, by name.
    pub plugins: BTreeMap<String, PluginSpec>,
    /// Its decision graph.
    pub graph: Arc<Graph>,
    /// Warnings: the bundle can be loaded, but it may fail when it runs.
    pub warnings: Vec<Problem>,
}

/// What could be read of a manifest, however much of it is wrong.
#[derive(Debug, Default)]
pub struct Examined {
    /// The manifest; none when it has errors.
    pub manifest: Option<Manifest>,
    /// The type of the businesses that it would decide for.
    pub business_type: Option<String>,
    /// Its plugins. A plugin without a component, or with one outside the bundle, has an empty path.
    pub plugins: BTreeMap<String, PluginSpec>,
    /// Where inputs enter.
    pub inputs: Inputs,
    /// Where the manifest names what an operator has to provide for the inputs.
    pub places: InputPlaces,
    /// Permissions that its nodes ask for in addition to those of the host.
    pub permissions: Vec<String>,
    /// The plugins that nodes run; all other plugins are input handlers.
    pub nodes: BTreeSet<String>,
    /// Everything that is wrong with it. When there is a manifest, these are its warnings.
    pub problems: Vec<Problem>,
}

/// Reads and checks a manifest. `file` is its name in the report; no file is opened.
pub fn parse(file: &str, text: &str) -> Result<Manifest, Report> {
    let Examined { manifest, problems, .. } = examine(text);
    manifest.ok_or_else(|| Report::new(file, text, problems))
}

/// Reads and checks a manifest. With errors, it returns what could be read.
pub fn examine(text: &str) -> Examined {
    examine_with(text, Problems::default()).0
}

/// Like [`examine`]. Adds the problems to `problems`, and also returns the keys that `problems` has noted.
fn examine_with(text: &str, mut problems: Problems) -> (Examined, BTreeMap<String, BTreeSet<&'static str>>) {
    let mut examined = Examined::default();
    let document = match parse_toml(text, MAX_MANIFEST_BYTES) {
        Ok(document) => document,
        Err(problems) => return (Examined { problems, ..examined }, BTreeMap::new()),
    };
    let manifest = read(document.get_ref(), text, &mut examined, &mut problems);
    let (sound, keys) = (!problems.has_errors(), problems.keys());
    examined.problems = problems.into_list();
    examined.manifest =
        manifest.filter(|_| sound).map(|manifest| Manifest { warnings: examined.problems.clone(), ..manifest });
    (examined, keys)
}

fn read(document: &DeTable<'_>, source: &str, examined: &mut Examined, problems: &mut Problems) -> Option<Manifest> {
    let mut top = TomlTable::new("the manifest", 0..0, document);
    let (mut business_type, mut version, mut permissions) = (None, None, Vec::new());
    let help = "add [bundle] with `business-type` and `version`";
    if let Some(mut table) = top.require("bundle", help, problems).and_then(|item| item.table("[bundle]", problems)) {
        let help = "add `business-type = \"restaurant\"`, or whatever your businesses are";
        business_type = table.require("business-type", help, problems).and_then(|item| item.text(problems));
        let help = "add `version = \"1.0.0\"`";
        version = table.require("version", help, problems).and_then(|item| item.text(problems));
        permissions = table.take("permissions").map(|item| item.texts(problems)).unwrap_or_default();
        table.finish(problems);
    }
    if let Some(name) = &business_type {
        check_name("business type", name, problems);
        examined.business_type = Some(name.value.clone());
    }
    for name in &permissions {
        check_name("permission", name, problems);
    }
    let permissions: Vec<String> = permissions.into_iter().map(|name| name.value).collect();
    if let Some(version) = &version {
        check_version(version, problems);
    }

    let help = "add [plugins.NAME] with `component = \"NAME.wasm\"`";
    let plugins = match top.require("plugins", help, problems).and_then(|item| item.table("[plugins]", problems)) {
        Some(table) => plugins::read(&table, problems),
        None => BTreeMap::new(),
    };
    examined.plugins.clone_from(&plugins);
    let inputs = match top.take("inputs").and_then(|item| item.table("[inputs]", problems)) {
        Some(table) => inputs::read(table, problems),
        None => inputs::Reading::default(),
    };

    let help = "add [graph] with its nodes and edges";
    let root = top.require("graph", help, problems).and_then(|item| item.table("[graph]", problems));
    let root = root.map(|table| GraphDefinition::read(table, None, problems));
    let mut subgraphs = Vec::new();
    if let Some(table) = top.take("graphs").and_then(|item| item.table("[graphs]", problems)) {
        for item in table.entries() {
            let name = item.key_text();
            check_name("subgraph", &name, problems);
            if let Some(table) = item.table(format!("[graphs.{}]", name.value), problems) {
                subgraphs.push(GraphDefinition::read(table, Some(name), problems));
            }
        }
    }
    top.finish(problems);

    let names: BTreeSet<&str> = plugins.keys().map(String::as_str).collect();
    for handler in &inputs.handlers {
        inputs::check_handler(handler, &names, problems);
    }
    examined.inputs.clone_from(&inputs.inputs);
    examined.places.clone_from(&inputs.places);
    examined.permissions.clone_from(&permissions);
    let plugin_of = |node: &NodeDefinition| node.plugin.as_ref().map(|plugin| plugin.value.clone());
    examined.nodes = root.iter().chain(&subgraphs).flat_map(|graph| graph.nodes.iter().filter_map(plugin_of)).collect();
    let root = root?;
    // The following checks cost more than linear time in the number of nodes.
    if !within_limits(&root, &subgraphs, &plugins, problems) {
        return None;
    }
    let known = DeclaredNames { plugins: &names, permissions: &permissions };
    let graph = check::check(&root, &subgraphs, known, source, problems);
    check_use(&plugins, &inputs.handlers, &[&root], &subgraphs, problems);
    Some(Manifest {
        permissions,
        business_type: business_type?.value,
        version: version?.value,
        inputs: inputs.inputs,
        plugins,
        graph,
        warnings: Vec::new(),
    })
}

/// Checks that a bundle is small enough to be checked while an author or a deployment waits.
fn within_limits(
    root: &GraphDefinition,
    subgraphs: &[GraphDefinition],
    plugins: &BTreeMap<String, PluginSpec>,
    problems: &mut Problems,
) -> bool {
    let graphs = || std::iter::once(root).chain(subgraphs);
    let mut fits = true;
    for (what, count, limit) in [
        ("plugins", plugins.len(), MAX_PLUGINS),
        ("subgraphs", subgraphs.len(), MAX_SUBGRAPHS),
        ("nodes in all its graphs", graphs().map(|graph| graph.nodes.len()).sum(), MAX_NODES_TOGETHER),
        ("edges, gotos and takeovers in all its graphs", graphs().map(GraphDefinition::ways).sum(), MAX_WAYS_TOGETHER),
        ("conditions and lists", graphs().map(GraphDefinition::expressions).sum(), MAX_EXPRESSIONS),
    ] {
        if count > limit {
            fits = false;
            let message = format!("the bundle has {count} {what}, more than {limit}");
            problems.add(&root.span, message, "make several bundles of it, or let nodes do more");
        }
    }
    for graph in graphs() {
        fits &= graph.is_within_limits(problems);
    }
    fits
}

fn check_version(version: &TomlString, problems: &mut Problems) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
    if version.value.is_empty() || version.value.len() > 64 || !version.value.chars().all(allowed) {
        let message = format!("`{}` is no version", version.value);
        problems.add(&version.span, message, "write it like `1.0.0`: letters, digits, `.`, `-`, `+`, `_`, at most 64");
    }
}

/// Checks that every plugin is used, either by nodes or as an input handler.
fn check_use(
    plugins: &BTreeMap<String, PluginSpec>,
    handlers: &[TomlString],
    root: &[&GraphDefinition],
    subgraphs: &[GraphDefinition],
    problems: &mut Problems,
) {
    let graphs = root.iter().copied().chain(subgraphs);
    let handled: BTreeSet<&str> = handlers.iter().map(|handler| handler.value.as_str()).collect();
    let nodes: BTreeMap<&str, Range<usize>> = graphs
        .flat_map(|graph| &graph.nodes)
        .filter_map(|node| node.plugin.as_ref())
        .map(|plugin| (plugin.value.as_str(), plugin.span.clone()))
        .collect();
    for handler in handlers.iter().filter(|handler| nodes.contains_key(handler.value.as_str())) {
        let message = format!("plugin `{}` is an input handler here and a decision node in the graph", handler.value);
        problems.add(&handler.span, message, "a component is one of the two: make two plugins of it");
    }
    for (name, plugin) in plugins {
        let used = nodes.contains_key(name.as_str()) || handled.contains(name.as_str());
        if !used {
            let message = format!("nothing uses plugin `{name}`");
            problems.add(&plugin.span, message, "use it in a node or as a `handler`, or remove it");
        }
    }
}
