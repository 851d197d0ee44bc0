//! The sections that belong to the server itself; every other section is the configuration of the crate that owns it.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, SecretReference};
use signalbox_store::Backend;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;

use super::secrets::{self, SecretError};

/// `[server]`: where the host listens, and how it leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port; port 0 takes a free one and the ready line names it.
    pub listen: SocketAddr,
    /// How long after SIGTERM the host goes on as ever while `/readyz` says 503, so that balancers have stopped sending
    /// before it takes no more. An interrupt (Ctrl-C) and a second signal skip it.
    pub shutdown_delay: HumanDuration,
    /// How long running decisions and open connections have to end after that.
    pub shutdown_deadline: HumanDuration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            // Both together are less than the 30 s that Kubernetes waits unless it is told otherwise.
            shutdown_delay: HumanDuration::secs(5),
            shutdown_deadline: HumanDuration::secs(20),
        }
    }
}

/// What holds the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StoreBackend {
    /// A SQLite file of this process: for the first run, development and small trials.
    #[default]
    Embedded,
    /// Nothing outlives the process: for experiments.
    Memory,
    /// DynamoDB in AWS, or any server that speaks it when `endpoint` is set.
    Dynamodb,
}

/// `[store]`: where decisions are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StoreConfig {
    /// `embedded`, `memory` or `dynamodb`.
    pub backend: StoreBackend,
    /// The file of the embedded store.
    pub path: PathBuf,
    /// A server that speaks DynamoDB; without it AWS is meant.
    pub endpoint: Option<String>,
    /// The AWS region; without it the environment decides.
    pub region: Option<String>,
    /// Reference to the access key for `endpoint`; without it a made-up one, for servers that do not check.
    pub access_key: Option<SecretReference>,
    /// Reference to the secret key that belongs to `access-key`.
    pub secret_key: Option<SecretReference>,
    /// Before every table's name, so that several installations share one account.
    pub table_prefix: String,
    /// Creates tables that are missing; without it the start fails and says which.
    pub create_tables: bool,
    /// How long the journals of decisions are kept.
    pub journal_retention: HumanDuration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            backend: StoreBackend::default(),
            path: PathBuf::from(".signalbox/store.db"),
            endpoint: None,
            region: None,
            access_key: None,
            secret_key: None,
            table_prefix: "signalbox-".to_owned(),
            create_tables: true,
            journal_retention: HumanDuration::secs(30 * 24 * 60 * 60),
        }
    }
}

impl StoreConfig {
    /// What the store is opened with; opens the references to its keys.
    pub fn resolve(&self) -> Result<signalbox_store::Config, SecretError> {
        let secret = |key: &str, reference: &Option<SecretReference>| match reference {
            Some(reference) => secrets::open(key, reference).map(|secret| Some(secret.expose_secret().to_owned())),
            None => Ok(None),
        };
        let backend = match (self.backend, &self.endpoint) {
            (StoreBackend::Memory, _) => Backend::Embedded { path: None },
            (StoreBackend::Embedded, _) => Backend::Embedded { path: Some(self.path.clone()) },
            (StoreBackend::Dynamodb, None) => Backend::Aws { region: self.region.clone() },
            (StoreBackend::Dynamodb, Some(url)) => Backend::Endpoint {
                url: url.clone(),
                // Goes into the signature only; servers other than AWS take any.
                region: self.region.clone().unwrap_or_else(|| "us-east-1".to_owned()),
                access_key: secret("store.access-key", &self.access_key)?,
                secret: secret("store.secret-key", &self.secret_key)?,
            },
        };
        Ok(signalbox_store::Config {
            table_prefix: self.table_prefix.clone(),
            create_tables: self.create_tables,
            journal_retention: self.journal_retention.0,
            ..signalbox_store::Config::new(backend)
        })
    }
}

/// `[business]`: who the businesses are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BusinessConfig {
    /// The folder with one TOML file per business; read again on SIGHUP.
    pub directory: PathBuf,
}

impl Default for BusinessConfig {
    fn default() -> Self {
        Self { directory: PathBuf::from("business") }
    }
}

/// `[bundles]`: what decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BundlesConfig {
    /// The bundle folders, one per business type.
    pub paths: Vec<PathBuf>,
    /// What happens at start when a bundle or a business file cannot be loaded: `serve-others` or `stop`.
    pub on_failure: OnFailure,
}

/// What happens at start when a bundle or a business file cannot be loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Businesses that it does not concern are served; the others are told to come back.
    #[default]
    ServeOthers,
    /// The host does not start.
    Stop,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// `pretty` when standard error is a terminal, else `json`.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Who may read `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MetricsAccess {
    /// Requests from this machine, to this machine by a name of its own, with no header but those that scrapers,
    /// command-line clients and browsers send, so that none is admitted that a proxy has forwarded.
    #[default]
    Loopback,
    /// Requests that carry `metrics-token` as a bearer token.
    Token,
    /// Everyone who reaches the address.
    Open,
    /// No client.
    Off,
}

/// `[telemetry]`: logs and metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// What is logged: a level, or levels per part such as `info,signalbox_executor=debug`.
    #[serde(deserialize_with = "log_filter")]
    pub log: String,
    /// What libraries below the host may log at most, whatever `log` says: a level, or levels per library. From `debug`
    /// on they print tokens and what people write.
    #[serde(deserialize_with = "library_filter")]
    pub library_log: String,
    /// `auto`, `json` or `pretty`.
    pub log_format: LogFormat,
    /// An address of their own for the metrics, which are nowhere else then; port 0 takes a free one and the ready line
    /// names it. Without it they are at `server.listen`.
    pub metrics_listen: Option<SocketAddr>,
    /// `loopback`, `token`, `open` or `off`.
    pub metrics_access: MetricsAccess,
    /// Reference to the token that `metrics-access = "token"` asks for.
    pub metrics_token: Option<SecretReference>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            library_log: "info".to_owned(),
            log_format: LogFormat::default(),
            metrics_listen: None,
            metrics_access: MetricsAccess::default(),
            metrics_token: None,
        }
    }
}

fn library_filter<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<Targets>().map_err(|error| {
        let advice = "write a level (error, warn, info, debug, trace) or levels per library, `info,hyper=debug`";
        serde::de::Error::custom(format!("`{text}` is not a filter for libraries ({error}); {advice}"))
    })?;
    Ok(text)
}

fn log_filter<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    EnvFilter::try_new(&text).map_err(|error| {
        let advice = "write a level (error, warn, info, debug, trace) or levels per part, `info,signalbox_store=debug`";
        serde::de::Error::custom(format!("`{text}` is not a log filter ({error}); {advice}"))
    })?;
    Ok(text)
}
