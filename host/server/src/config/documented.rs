//! Compares `docs/guide/configuration.md` with the configuration: every key has its line with the right default, and
//! every line has its key.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize as _;
use serde_json::Value;
use toml::de::DeTable;

use super::Config;
use super::tree::ConfigNode;

const GUIDE: &str = include_str!("../../../../docs/guide/configuration.md");

/// Sets everything that has no default, so that its keys are seen.
const FULL: &str = r#"
[store]
access-key = { env = "A" }
secret-key = { env = "B" }
[auth]
keys = [{ algorithm = "HS256", kid = "k", key = { env = "C" } }]
jwks = { url = "https://issuer.example/keys" }
[llm.models.one]
provider = "scripted"
file = "llm.toml"
[llm.models.two]
provider = "openai"
base-url = "https://models.example/v1"
model = "m"
api-key = { env = "D" }
[egress.secrets.crm]
value = { env = "E" }
hosts = ["crm.example"]
[egress.business-secrets.roma.crm]
value = { env = "J" }
hosts = ["crm.example"]
[webhooks.secrets]
payments = [{ env = "G" }]
[webhooks.business-secrets.roma]
payments = [{ env = "I" }]
[kafka.topics]
orders = "prod.orders"
[delivery.external-calls.receivers.crm]
hosts = ["crm.example"]
signing-secret = { env = "K" }
authorization = { env = "L" }
[delivery.email]
server = "smtp.example"
port = 587
ca-file = "smtp-ca.pem"
username = "u"
password = { env = "M" }
from = "Signalbox <signalbox@roma.example>"
[delivery.notification-webhooks.receivers.kitchen]
format = "slack"
url = { env = "N" }
signing-secret = { env = "O" }
[kafka.security]
username = "u"
password = { env = "H" }
aws-region = "eu-central-1"
ca-file = "ca.pem"
[delivery]
development-sink = "effects.jsonl"
[telemetry]
metrics-token = { env = "F" }
"#;

/// Tables whose keys the operator chooses.
fn is_named(path: &str) -> bool {
    let tables = super::variables::CHOSEN.map(|table| table.join(".").replace('*', "<name>"));
    tables.iter().any(|table| table == path)
}

fn json(text: &str) -> Value {
    serde_json::to_value(Config::deserialize(ConfigNode::of(&DeTable::parse(text).unwrap())).unwrap()).unwrap()
}

/// Every key with its value, as the guide names it: `auth.keys.kid`, `llm.models.<name>.file`.
fn keys(value: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
    let is_reference = |children: &serde_json::Map<String, Value>| children.contains_key("env");
    match value {
        Value::Object(children) if !is_reference(children) => {
            if path.contains('.') {
                found.insert(path.to_owned(), value.clone());
            }
            for (key, child) in children {
                let key = if is_named(path) { "<name>" } else { key };
                keys(child, &if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }, found);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            found.insert(path.to_owned(), Value::Array(Vec::new()));
            items.iter().for_each(|item| keys(item, path, found));
        }
        _ => {
            found.insert(path.to_owned(), value.clone());
        }
    }
}

/// Reads each key with its documented default from the tables under headings such as `## [store]`.
fn documented() -> BTreeMap<String, String> {
    let mut section = String::new();
    let mut rows = BTreeMap::new();
    for line in GUIDE.lines() {
        if let Some(heading) = line.strip_prefix("## [") {
            section = heading.trim_end_matches(']').to_owned();
        }
        let cells: Vec<&str> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        if let [key, default, meaning] = cells.as_slice()
            && let Some(key) = key.strip_prefix('`').and_then(|key| key.strip_suffix('`'))
        {
            assert!(meaning.ends_with('.') && meaning.len() > 10, "`{key}` needs a sentence that says what it means");
            let twice = rows.insert(format!("{section}.{key}"), (*default).to_owned());
            assert!(twice.is_none(), "`{section}.{key}` stands in the guide twice");
        }
    }
    rows
}

#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    let mut known = BTreeMap::new();
    keys(&json(FULL), "", &mut known);
    let known: BTreeSet<String> = known.into_keys().filter(|key| !key.ends_with(".<name>")).collect();
    let documented: BTreeSet<String> = documented().into_keys().collect();
    let missing: Vec<_> = known.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&known).collect();
    assert!(missing.is_empty(), "docs/guide/configuration.md lacks {missing:?}");
    assert!(unknown.is_empty(), "docs/guide/configuration.md describes what is not there: {unknown:?}");
}

#[test]
fn every_documented_default_is_the_default() {
    let mut defaults = BTreeMap::new();
    keys(&json(""), "", &mut defaults);
    let mut full = BTreeMap::new();
    keys(&json(FULL), "", &mut full);
    for (key, written) in documented() {
        let expected = match defaults.get(&key).or_else(|| full.get(&key)) {
            Some(Value::Null) => None,
            Some(value) => Some(value.clone()),
            None => panic!("`{key}` has no value to compare with"),
        };
        if written.starts_with("required") || (written == "not set" && defaults.get(&key).is_none_or(Value::is_null)) {
            assert!(defaults.get(&key).is_none_or(Value::is_null), "`{key}` has a default, which the guide hides");
            continue;
        }
        let written = written.trim_matches('`');
        let value = ConfigNode::parse_inline(written, &super::tree::ConfigOrigin::Flag(String::new()));
        let value = value.map(|node| Value::deserialize(node).unwrap());
        assert_eq!(value, expected, "the guide gives another default for `{key}`");
    }
}

#[test]
fn every_section_of_the_guide_begins_with_a_heading_that_the_file_would_have() {
    for heading in GUIDE.lines().filter_map(|line| line.strip_prefix("## ")) {
        assert!(heading.starts_with('[') && heading.ends_with(']'), "`{heading}` is no section");
    }
}
