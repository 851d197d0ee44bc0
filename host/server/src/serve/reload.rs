//! Reads again what SIGHUP can change. Each part, and every business by itself, is read completely before it takes
//! effect; on an error it stays as it was.

use std::sync::Arc;

use serde_json::Value;
use signalbox_capabilities::business::BusinessDirectory;
use tokio::sync::Notify;

use super::businesses;
use crate::config::Config;
use crate::telemetry::LogFilter;

/// Reads the configuration again from its sources.
pub type Reread = Box<dyn Fn() -> anyhow::Result<Config> + Send>;

/// The parts that can change while the host runs.
pub struct Reload {
    /// The configuration as it is in force.
    pub in_force: Config,
    /// Reads the configuration again.
    pub read_again: Reread,
    /// The businesses.
    pub directory: Arc<BusinessDirectory>,
    /// What is logged.
    pub log_filter: LogFilter,
    /// Notified to load again the bundles that could not be loaded.
    pub try_bundles_again: Arc<Notify>,
}

impl Reload {
    /// Reads every part again that can change.
    pub fn run(&mut self) {
        businesses::reload(&self.directory);
        match (self.read_again)() {
            Ok(config) => self.apply(&config),
            Err(error) => tracing::error!("the configuration stays as it was: {error:#}"),
        }
        self.try_bundles_again.notify_one();
    }

    fn apply(&mut self, config: &Config) {
        let (wanted, own) = (&config.telemetry, &mut self.in_force.telemetry);
        if (&wanted.log, &wanted.library_log) != (&own.log, &own.library_log) {
            match self.log_filter.change(wanted) {
                Ok(()) => {
                    own.log.clone_from(&wanted.log);
                    own.library_log.clone_from(&wanted.library_log);
                    tracing::info!(filter = wanted.log, libraries = wanted.library_log, "changed what is logged");
                }
                Err(error) => tracing::error!("what is logged stays as it was: {error:#}"),
            }
        }
        let waiting = differences(&self.in_force, config);
        if !waiting.is_empty() {
            tracing::warn!(keys = waiting.join(", "), "these keys have changed and take a restart");
        }
    }
}

/// The keys in which two configurations differ.
fn differences(one: &Config, other: &Config) -> Vec<String> {
    let mut keys = Vec::new();
    if let (Ok(one), Ok(other)) = (serde_json::to_value(one), serde_json::to_value(other)) {
        compare(&one, &other, "", &mut keys);
    }
    keys
}

fn compare(one: &Value, other: &Value, path: &str, keys: &mut Vec<String>) {
    let below = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in one {
                compare(value, other.get(key).unwrap_or(&Value::Null), &below(key), keys);
            }
            keys.extend(other.keys().filter(|key| !one.contains_key(*key)).map(below));
        }
        _ if one != other => keys.push(path.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LlmConfig, ModelConfig};

    #[test]
    fn what_takes_a_restart_is_named_key_by_key() {
        let before = Config::default();
        let mut after = Config::default();
        assert!(differences(&before, &after).is_empty());
        after.store.table_prefix = "other-".to_owned();
        after.websocket.in_flight += 1;
        let scripted = ModelConfig::Scripted { file: "llm.toml".into() };
        after.llm = LlmConfig { models: [("default".to_owned(), scripted)].into() };
        assert_eq!(differences(&before, &after), ["llm.models.default", "store.table-prefix", "websocket.in-flight"]);
    }
}
