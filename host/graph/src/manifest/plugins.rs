//! `[plugins.…]`: a component, its grants and its limits.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use serde_json::{Map, Value};
use signalbox_diagnostics::{Item, Problems, TomlString, TomlTable, suggestion};

use crate::definition::check_name;

/// Capabilities that need a grant. Every plugin has `log` and `config`.
pub const CAPABILITIES: [&str; 9] =
    ["business", "resources", "rag", "dynamodb", "http", "kafka", "websocket", "cron", "llm"];

/// The most lines of one grant, because every call searches them.
const MAX_GRANTS: usize = 200;

/// A plugin of the bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginSpec {
    /// The path of its component, relative to the manifest's folder and inside it; empty when the manifest has no such
    /// path.
    pub component: String,
    /// What the plugin may do with each capability, in the words of that capability.
    pub grants: BTreeMap<String, Vec<String>>,
    /// The limits of one call.
    pub limits: PluginLimits,
    /// What the plugin reads through the `config` capability.
    pub config: Map<String, Value>,
    /// The message models that its responses may name; none allows all.
    pub templates: Option<Vec<String>>,
    /// The place of each template name in the manifest.
    pub template_spans: Vec<Range<usize>>,
    /// The place of each grant in the manifest, by capability and in the order of the grants.
    pub grant_spans: BTreeMap<String, Vec<Range<usize>>>,
    /// The place of the plugin in the manifest, for reports that are made later.
    pub span: Range<usize>,
    /// The place of its component in the manifest.
    pub component_span: Range<usize>,
}

/// What one call of a plugin may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PluginLimits {
    /// Elapsed time, including waiting for the host.
    pub time: Duration,
    /// Computing time.
    pub cpu: Duration,
    /// Bytes of all memories and tables together.
    pub memory: u64,
    /// The most log lines; further ones are counted instead of written.
    pub log_lines: u32,
    /// The most bytes of log lines.
    pub log_bytes: u64,
    /// The most calls of capabilities.
    pub host_calls: u32,
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(5),
            cpu: Duration::from_millis(200),
            memory: 32 << 20,
            log_lines: 64,
            log_bytes: 64 << 10,
            host_calls: 1_000,
        }
    }
}

pub(super) fn read(table: &TomlTable<'_>, problems: &mut Problems) -> BTreeMap<String, PluginSpec> {
    let mut plugins = BTreeMap::new();
    for item in table.entries() {
        let name = item.key_text();
        check_name("plugin", &name, problems);
        if let Some(spec) = plugin(&item, &name, problems) {
            plugins.insert(name.value, spec);
        }
    }
    plugins
}

fn plugin(item: &Item<'_>, name: &TomlString, problems: &mut Problems) -> Option<PluginSpec> {
    let place = format!("[plugins.{}]", name.value);
    let mut table = item.table(&place, problems)?;
    let help = format!("add `component = \"{}.wasm\"`", name.value);
    let component = table.require("component", &help, problems).and_then(|item| item.text(problems));
    let component_span = component.as_ref().map_or(name.span.clone(), |component| component.span.clone());
    let component = component.filter(|component| check_path(component, problems));
    let mut grant_spans = BTreeMap::new();
    let grants = match table.take("grants").and_then(|item| item.table(format!("`grants` of {place}"), problems)) {
        Some(table) => grants(&table, &mut grant_spans, problems),
        None => BTreeMap::new(),
    };
    let limits = match table.take("limits").and_then(|item| item.table(format!("`limits` of {place}"), problems)) {
        Some(table) => limits(table, problems),
        None => PluginLimits::default(),
    };
    let config = table.take("config").and_then(|item| {
        item.table(format!("`config` of {place}"), problems)?;
        item.json(problems)
    });
    let templates = table.take("templates").map(|item| item.texts(problems));
    table.finish(problems);
    Some(PluginSpec {
        component: component.map(|component| component.value).unwrap_or_default(),
        grants,
        limits,
        config: config.and_then(|value| value.as_object().cloned()).unwrap_or_default(),
        template_spans: templates.iter().flatten().map(|text| text.span.clone()).collect(),
        templates: templates.map(|list| list.into_iter().map(|text| text.value).collect()),
        grant_spans,
        span: name.span.clone(),
        component_span,
    })
}

/// Checks that a path stays inside the bundle. A bundle is immutable and identified by its digest, so a file outside of
/// it is never opened.
fn check_path(path: &TomlString, problems: &mut Problems) -> bool {
    let value = path.value.as_str();
    let drive = value.get(1..2) == Some(":");
    let why = if value.is_empty() {
        "is empty"
    } else if value.starts_with('/') || value.contains('\\') || drive {
        "is not relative to the bundle's folder"
    } else if value.split('/').any(|part| part == "..") {
        "leads out of the bundle's folder"
    } else if value.split('/').any(|part| part.is_empty() || part == ".") || value.contains('\0') {
        "is not a plain path"
    } else {
        return true;
    };
    let message = format!("component `{value}` {why}");
    problems.add(&path.span, message, "write a path inside the bundle, with `/`, for example `plugins/classify.wasm`");
    false
}

fn grants(
    table: &TomlTable<'_>,
    spans: &mut BTreeMap<String, Vec<Range<usize>>>,
    problems: &mut Problems,
) -> BTreeMap<String, Vec<String>> {
    let mut grants = BTreeMap::new();
    for item in table.entries() {
        if matches!(item.key, "log" | "config") {
            let message = format!("capability `{}` needs no grant", item.key);
            problems.add(&item.key_span, message, "remove it: every plugin has it");
            continue;
        }
        if !CAPABILITIES.contains(&item.key) {
            let help = suggestion(item.key, "capabilities", CAPABILITIES);
            problems.add(&item.key_span, format!("there is no capability `{}`", item.key), help);
            continue;
        }
        let values = item.texts(problems);
        if values.len() > MAX_GRANTS {
            let message = format!("the grant of `{}` lists {} things", item.key, values.len());
            problems.add(&item.span(), message, format!("list at most {MAX_GRANTS}"));
            continue;
        }
        if values.is_empty() {
            let message = format!("the grant of `{}` allows nothing", item.key);
            problems.add(&item.span(), message, format!("list what it allows, for example {}", example(item.key)));
        }
        for value in &values {
            check_grant(item.key, value, problems);
        }
        spans.insert(item.key.to_owned(), values.iter().map(|text| text.span.clone()).collect());
        grants.insert(item.key.to_owned(), values.into_iter().map(|text| text.value).collect());
    }
    grants
}

fn example(capability: &str) -> &'static str {
    match capability {
        "resources" => "[\"read\", \"execute\"]",
        "dynamodb" => "[\"reservations\"], or [\"reservations:read\"] to read only",
        "http" => "[\"https://api.example.com/v1/\"]",
        "kafka" => "[\"orders\"]",
        "websocket" => "[\"send\"]",
        "cron" => "[\"schedule\"]",
        "llm" => "[\"default\"]",
        _ => "[\"read\"]",
    }
}

/// The words that a grant of a capability may have; none when the author chooses names.
pub(super) fn words(capability: &str) -> &'static [&'static str] {
    match capability {
        "business" | "rag" => &["read"],
        "resources" => &["read", "execute"],
        "websocket" => &["send", "broadcast", "broadcast-other-places", "broadcast-everyone"],
        "cron" => &["schedule", "read"],
        _ => &[],
    }
}

fn check_grant(capability: &str, value: &TomlString, problems: &mut Problems) {
    let words = words(capability);
    let fits = match capability {
        "http" => is_http_grant(&value.value),
        "dynamodb" => is_plain_name(value.value.strip_suffix(":read").unwrap_or(&value.value)),
        "kafka" | "llm" => is_plain_name(&value.value),
        _ => words.contains(&value.value.as_str()),
    };
    if !fits {
        let help = match words {
            [] => format!("write it like {}", example(capability)),
            _ => suggestion(&value.value, "its grants", words.iter().copied()),
        };
        problems.add(&value.span, format!("capability `{capability}` has no grant `{}`", value.value), help);
    }
}

fn is_plain_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 128 && name.chars().all(allowed)
}

/// `[METHOD ]URL` with a host. The egress guard checks what the URL permits.
fn is_http_grant(line: &str) -> bool {
    let methods = HashSet::from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
    let url = match line.split_once(' ') {
        Some((method, url)) if methods.contains(method) => url,
        Some(_) => return false,
        None => line,
    };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
}

fn limits(mut table: TomlTable<'_>, problems: &mut Problems) -> PluginLimits {
    let default = PluginLimits::default();
    let millis = Duration::from_millis;
    let mut duration = |table: &mut TomlTable<'_>, key, range| {
        table.take(key).and_then(|item: Item<'_>| item.duration(range, problems))
    };
    let time = duration(&mut table, "time", millis(1)..=millis(60_000));
    let cpu = duration(&mut table, "cpu", millis(1)..=millis(10_000));
    let memory = table.take("memory").and_then(|item| item.bytes(64 << 10..=256 << 20, problems));
    let log_lines = table.take("log-lines").and_then(|item| item.integer(0..=10_000, problems));
    let log_bytes = table.take("log-bytes").and_then(|item| item.bytes(0..=1 << 20, problems));
    let host_calls = table.take("host-calls").and_then(|item| item.integer(0..=100_000, problems));
    table.finish(problems);
    PluginLimits {
        time: time.unwrap_or(default.time),
        cpu: cpu.unwrap_or(default.cpu),
        memory: memory.unwrap_or(default.memory),
        log_lines: log_lines.unwrap_or(default.log_lines),
        log_bytes: log_bytes.unwrap_or(default.log_bytes),
        host_calls: host_calls.unwrap_or(default.host_calls),
    }
}
