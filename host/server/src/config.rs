//! `signalbox.toml`: read, laid over the defaults, overridden by the environment and options, checked, and shown.

mod effective;
mod load;
mod reader;
mod sections;
pub mod secrets;
mod tree;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signalbox_model::SecretReference;

pub use effective::{Setting, settings, to_toml};
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
        visit_secret(&["telemetry", "metrics-token"], &mut self.telemetry.metrics_token, visit);
    }
}

fn visit_secret(
    key: &[&str],
    reference: &mut Option<SecretReference>,
    visit: &mut dyn FnMut(&[&str], &mut PathBuf),
) {
    if let Some(SecretReference::File(path)) = reference {
        visit(key, path);
    }
}
