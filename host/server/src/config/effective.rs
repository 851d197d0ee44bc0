//! The configuration in force, each value with the place where it was set.

use serde_json::Value;

use super::load::Loaded;

/// One key of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The section, for example `llm.models.default`.
    pub section: String,
    /// The key within the section.
    pub key: String,
    /// The key's value; null when it is not set.
    pub value: Value,
    /// Where the value was set, or `default`.
    pub from: String,
}

/// Every key with its value. Secrets are references in the configuration, so none can appear here.
pub fn settings(loaded: &Loaded) -> Result<Vec<Setting>, serde_json::Error> {
    let mut settings = Vec::new();
    collect(&serde_json::to_value(&loaded.config)?, &mut Vec::new(), loaded, &mut settings);
    Ok(settings)
}

fn collect(value: &Value, path: &mut Vec<String>, loaded: &Loaded, settings: &mut Vec<Setting>) {
    match value {
        Value::Object(children) if !is_reference(children) && (path.len() <= 1 || !children.is_empty()) => {
            for (key, child) in children {
                path.push(key.clone());
                collect(child, path, loaded, settings);
                path.pop();
            }
        }
        _ => {
            let Some((key, section)) = path.split_last() else { return };
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            settings.push(Setting {
                section: section.join("."),
                key: key.clone(),
                value: value.clone(),
                from: loaded.provenance(&keys),
            });
        }
    }
}

/// TOML has no null: values that are not set are left out.
fn without_nulls(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(items) => Some(items.iter().filter_map(without_nulls).collect()),
        Value::Object(children) => {
            let set = children.iter().filter_map(|(key, child)| Some((key.clone(), without_nulls(child)?)));
            Some(Value::Object(set.collect()))
        }
        other => Some(other.clone()),
    }
}

/// `{ env = … }` and `{ file = … }` are shown as one value.
fn is_reference(children: &serde_json::Map<String, Value>) -> bool {
    children.len() == 1 && (children.contains_key("env") || children.contains_key("file"))
}

/// The settings as a `signalbox.toml` with the same effect, with comments that say where each value was set.
pub fn to_toml(settings: &[Setting]) -> String {
    let mut out = String::new();
    let mut section = None;
    // Keys before subsections, as TOML needs it: sections are sorted by depth within their first name.
    let mut ordered: Vec<&Setting> = settings.iter().collect();
    ordered.sort_by_key(|setting| setting.section.clone());
    for setting in ordered {
        if section != Some(&setting.section) {
            out.push_str(&format!("{}[{}]\n", if section.is_some() { "\n" } else { "" }, setting.section));
            section = Some(&setting.section);
        }
        let line = match without_nulls(&setting.value).map(toml::Value::try_from) {
            Some(Ok(value)) => format!("{} = {value}", setting.key),
            _ => format!("# {} is not set", setting.key),
        };
        out.push_str(&format!("{line:<50}  # {}\n", setting.from));
    }
    out
}
