//! `signalbox.toml`: read, laid over the defaults, overridden by the environment and options, checked, and shown.

mod effective;
mod llm;
mod load;
mod reader;
pub mod secrets;
mod sections;
mod tree;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signalbox_model::SecretReference;

pub use effective::{Setting, settings, to_toml};
pub use llm::{LlmConfig, ModelConfig};
pub use load::{ConfigError, Loaded, Sources};
pub use sections::{
    BundlesConfig, BusinessConfig, LogFormat, MetricsAccess, ServerConfig, StoreBackend, StoreConfig, TelemetryConfig,
};

/// Everything that can be configured, a section a field.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Where the host listens, and how it leaves.
    pub server: ServerConfig,
    /// Where decisions are kept.
    pub store: StoreConfig,
    /// Who the businesses are.
    pub business: BusinessConfig,
    /// What decides.
    pub bundles: BundlesConfig,
    /// The language models that plugins may be granted.
    pub llm: LlmConfig,
    /// Logs and metrics.
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// Every path of the configuration with its key.
    fn each_path(&mut self, visit: &mut dyn FnMut(&[&str], &mut PathBuf)) {
        visit(&["store", "path"], &mut self.store.path);
        visit_secret(&["store", "access-key"], &mut self.store.access_key, visit);
        visit_secret(&["store", "secret-key"], &mut self.store.secret_key, visit);
        visit(&["business", "directory"], &mut self.business.directory);
        for path in &mut self.bundles.paths {
            visit(&["bundles", "paths"], path);
        }
        for (name, model) in &mut self.llm.models {
            match model {
                ModelConfig::Scripted { file } => visit(&["llm", "models", name, "file"], file),
                ModelConfig::Openai { api_key, .. } => {
                    visit_secret(&["llm", "models", name, "api-key"], api_key, visit)
                }
            }
        }
        visit_secret(&["telemetry", "metrics-token"], &mut self.telemetry.metrics_token, visit);
    }
}

fn visit_secret(key: &[&str], reference: &mut Option<SecretReference>, visit: &mut dyn FnMut(&[&str], &mut PathBuf)) {
    if let Some(SecretReference::File(path)) = reference {
        visit(key, path);
    }
}
