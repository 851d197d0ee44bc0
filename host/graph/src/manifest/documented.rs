//! Compares `docs/guide/bundle.md` and the JSON Schema with what is read: every key has its line and its property, and
//! every line and property has its key.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use signalbox_diagnostics::Problems;

use super::plugins::words;
use super::{BUNDLE_SCHEMA, CAPABILITIES, examine_with, parse};
use crate::reducer::Reducer;

const GUIDE: &str = include_str!("../../../../docs/guide/bundle.md");

/// A manifest with every table.
const EVERYTHING: &str = r#"
[bundle]
business-type = "shop"
version = "1"
[inputs.websocket]
[inputs.api]
[inputs.webhook.x]
verify = { scheme = "github", secret = "S" }
[inputs.cron.x]
schedule = "0 8 * * *"
[inputs.kafka.x]
topic = "t"
[plugins.x]
component = "x.wasm"
grants = { rag = ["read"] }
limits = {}
[graph.channels]
x = { reducer = "last", initial = 1 }
[graph.nodes.x]
plugin = "x"
writes = ["x"]
retry = { max-attempts = 2 }
[graph.nodes.y]
graph = "x"
[[graph.edges]]
from = "start"
to = "x"
[[graph.edges]]
from = "x"
to = "y"
[[graph.edges]]
from = "y"
to = "end"
[graphs.x.nodes.x]
plugin = "x"
[[graphs.x.edges]]
from = "start"
to = "x"
[[graphs.x.edges]]
from = "x"
to = "end"
"#;

/// A table: its name in messages, its heading in the guide, the prefix of its keys there, and its place in the schema.
const PLACES: [(&str, &str, &str, &str); 17] = [
    ("the manifest", "", "", ""),
    ("[bundle]", "[bundle]", "", "/properties/bundle"),
    ("[inputs]", "[inputs]", "", "/properties/inputs"),
    ("[inputs.websocket]", "[inputs.websocket]", "", "/properties/inputs/properties/websocket"),
    ("[inputs.api]", "[inputs.api]", "", "/properties/inputs/properties/api"),
    ("[inputs.webhook.x]", "[inputs.webhook.NAME]", "", "/properties/inputs/properties/webhook/additionalProperties"),
    (
        "`verify` of [inputs.webhook.x]",
        "[inputs.webhook.NAME]",
        "verify.",
        "/properties/inputs/properties/webhook/additionalProperties/properties/verify",
    ),
    ("[inputs.cron.x]", "[inputs.cron.NAME]", "", "/properties/inputs/properties/cron/additionalProperties"),
    ("[inputs.kafka.x]", "[inputs.kafka.NAME]", "", "/properties/inputs/properties/kafka/additionalProperties"),
    ("[plugins.x]", "[plugins.NAME]", "", "/properties/plugins/additionalProperties"),
    (
        "`limits` of [plugins.x]",
        "[plugins.NAME]",
        "limits.",
        "/properties/plugins/additionalProperties/properties/limits",
    ),
    ("[graph]", "[graph]", "", "/properties/graph"),
    ("channel `x` of [graph.channels]", "[graph.channels]", "", "/definitions/channel/oneOf/1"),
    ("[graph.nodes.x]", "[graph.nodes.NAME]", "", "/definitions/node"),
    ("`retry` of node `x`", "[graph.nodes.NAME]", "retry.", "/definitions/retry"),
    ("[[graph.edges]]", "[[graph.edges]]", "", "/definitions/edge"),
    ("[graphs.x]", "[graphs.NAME]", "", "/properties/graphs/additionalProperties"),
];

/// Every table that is read, with the keys that it may have.
fn known() -> BTreeMap<String, BTreeSet<&'static str>> {
    let (examined, mut known) = examine_with(EVERYTHING, Problems::noting_keys());
    assert!(examined.manifest.is_some(), "{:?}", examined.problems);
    // The subgraph has the same tables once more.
    known.retain(|place, _| !place.contains("graphs.x.") && place != "[graph.nodes.y]");
    known
}

/// The keys of each section's first table, whose first column is headed `key`.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let (mut section, mut of_keys) = (String::new(), false);
    let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in GUIDE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.to_owned();
        }
        let cells: Vec<&str> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        of_keys = match cells.as_slice() {
            ["key", "default", "meaning"] => true,
            _ => of_keys && line.starts_with('|'),
        };
        if let [key, _, meaning] = cells.as_slice()
            && let Some(key) = key.strip_prefix('`').and_then(|key| key.strip_suffix('`'))
            && of_keys
        {
            assert!(meaning.ends_with('.') && meaning.len() > 10, "`{key}` needs a sentence that says what it means");
            assert!(sections.entry(section.clone()).or_default().insert(key.to_owned()), "`{key}` stands twice");
        }
    }
    sections
}

#[test]
fn every_key_of_a_bundle_is_documented_and_every_documented_key_exists() {
    let known = known();
    let places: BTreeSet<&str> = PLACES.iter().map(|(place, ..)| *place).collect();
    let read: BTreeSet<&str> = known.keys().map(String::as_str).collect();
    assert_eq!(read, places, "every table has its place in the guide");
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (place, heading, prefix, _) in PLACES.iter().filter(|(_, heading, ..)| !heading.is_empty()) {
        let keys = known[*place].iter().map(|key| format!("{prefix}{key}"));
        expected.entry((*heading).to_owned()).or_default().extend(keys);
    }
    assert_eq!(documented(), expected);
    for capability in CAPABILITIES {
        assert!(
            GUIDE.contains(&format!("| `{capability}` |")),
            "docs/guide/bundle.md lacks the grants of {capability}"
        );
    }
    for (reducer, _) in Reducer::ALL {
        assert!(GUIDE.contains(&format!("| `{reducer}` |")), "docs/guide/bundle.md lacks the reducer {reducer}");
    }
}

#[test]
fn the_schema_has_exactly_the_keys_that_are_read() {
    let schema: Value = serde_json::from_str(BUNDLE_SCHEMA).unwrap();
    let keys = |pointer: &str| -> BTreeSet<String> {
        let table = schema.pointer(pointer).unwrap_or_else(|| panic!("the schema has no {pointer}"));
        assert_eq!(table["additionalProperties"], false, "{pointer}");
        table["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let known = known();
    for (place, _, _, pointer) in PLACES {
        let read: BTreeSet<String> = known[place].iter().map(|key| (*key).to_owned()).collect();
        assert_eq!(keys(pointer), read, "{place}");
    }
    let grants = keys("/properties/plugins/additionalProperties/properties/grants");
    assert_eq!(grants, CAPABILITIES.map(str::to_owned).into());
    for capability in CAPABILITIES {
        let pointer =
            format!("/properties/plugins/additionalProperties/properties/grants/properties/{capability}/items");
        let items = schema.pointer(&pointer).unwrap();
        let listed: Vec<Value> = match (&items["enum"], &items["const"]) {
            (Value::Array(listed), _) => listed.clone(),
            (_, Value::String(word)) => vec![word.as_str().into()],
            _ => Vec::new(),
        };
        let known: Vec<Value> = words(capability).iter().map(|word| (*word).into()).collect();
        assert_eq!(listed, known, "the grants of {capability}");
    }
    let reducers = schema.pointer("/definitions/reducer/enum").unwrap().as_array().unwrap();
    assert_eq!(*reducers, Reducer::ALL.map(|(name, _)| Value::from(name)));
}

/// The blocks of TOML in the guide.
fn examples() -> Vec<String> {
    let blocks = GUIDE.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// An example, completed by what it leaves out: the bundle's name, the plugins that it names, and a graph that runs
/// them.
fn completed(example: &str) -> String {
    let names = |key: &str| -> BTreeSet<String> {
        let lines = example.lines().filter_map(|line| line.strip_prefix(&format!("{key} = \""))?.strip_suffix('"'));
        lines.map(str::to_owned).collect()
    };
    let heads: BTreeSet<String> = example
        .lines()
        .filter_map(|line| Some(line.strip_prefix("[plugins.")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut text = example.to_owned();
    if !example.contains("[bundle]") {
        text.push_str("\n[bundle]\nbusiness-type = \"shop\"\nversion = \"1\"\n");
    }
    let handlers = names("handler");
    let mut nodes: BTreeSet<String> = heads.difference(&handlers).cloned().collect();
    if heads.is_empty() {
        nodes.insert("node".to_owned());
    }
    for plugin in handlers.iter().chain(&nodes).filter(|plugin| !heads.contains(*plugin)) {
        text.push_str(&format!("[plugins.{plugin}]\ncomponent = \"{plugin}.wasm\"\n"));
    }
    if !example.contains("[[graph.edges]]") {
        for node in &nodes {
            text.push_str(&format!("[graph.nodes.{node}]\nplugin = \"{node}\"\n"));
        }
        for node in &nodes {
            let edges =
                "[[graph.edges]]\nfrom = \"start\"\nto = \"NODE\"\n[[graph.edges]]\nfrom = \"NODE\"\nto = \"end\"\n";
            text.push_str(&edges.replace("NODE", node));
        }
    }
    text
}

#[test]
fn every_example_of_the_guide_is_read() {
    let examples = examples();
    assert!(examples.len() >= 4);
    for example in examples {
        let text = completed(&example);
        let manifest = parse("bundle.toml", &text).unwrap_or_else(|report| panic!("{}\n{text}", report.render(false)));
        assert!(manifest.warnings.is_empty(), "{:?}\n{text}", manifest.warnings);
    }
}
