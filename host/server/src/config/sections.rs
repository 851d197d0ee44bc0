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

/// `[server]`: where the host listens, and how it shuts down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The address and port on which the host listens. With port 0 the operating system chooses a free port, and the
    /// ready line names it.
    pub listen: SocketAddr,
    /// How long the host continues to accept and serve requests after SIGTERM, while `/readyz` answers 503, so that
    /// load balancers stop sending requests before the host stops accepting them. An interrupt (Ctrl-C) and a second
    /// signal skip this delay.
    pub shutdown_delay: HumanDuration,
    /// How long, after the shutdown delay, the host waits for running decisions and open connections to end before it
    /// exits.
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

/// Where the host stores its tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StoreBackend {
    /// A SQLite file that only this process uses, for a first run, development and small trials.
    #[default]
    Embedded,
    /// The memory of the process, at most 2 GiB, which is lost when the process ends, for experiments.
    Memory,
    /// DynamoDB in AWS, or the server at `endpoint`.
    Dynamodb,
}

/// `[store]`: where the host stores decisions and everything else that must outlive the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Where the host stores its tables: `embedded`, `memory` or `dynamodb`.
    pub backend: StoreBackend,
    /// The file of the embedded store.
    pub path: PathBuf,
    /// The URL of a server with the API of DynamoDB. If it is not set, the backend `dynamodb` uses DynamoDB in AWS.
    pub endpoint: Option<String>,
    /// The AWS region. If it is not set, the host takes the region from the environment, as AWS tools do.
    pub region: Option<String>,
    /// Reference to the access key that the host presents to the server at `endpoint`. If it is not set, the host
    /// presents an invented key, which is enough for servers that do not check it.
    pub access_key: Option<SecretReference>,
    /// Reference to the secret key that belongs to `access-key`.
    pub secret_key: Option<SecretReference>,
    /// The text with which the name of every table begins, so that several installations can share one AWS account.
    pub table_prefix: String,
    /// Whether the host creates missing tables at start. If `false`, the start fails when tables are missing, and the
    /// error names them.
    pub create_tables: bool,
    /// How long the store keeps the journal of a decision, which holds what its plugins asked the host and what they
    /// were answered.
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

/// `[business]`: the businesses that the host serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BusinessConfig {
    /// The folder that holds one TOML file for each business. The host reads it again on SIGHUP.
    pub directory: PathBuf,
}

impl Default for BusinessConfig {
    fn default() -> Self {
        Self { directory: PathBuf::from("business") }
    }
}

/// `[bundles]`: the bundles that the host loads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BundlesConfig {
    /// The folders of the bundles, one bundle for each business type.
    pub paths: Vec<PathBuf>,
    /// What the host does at start when it cannot load a bundle or a business file: `serve-others` or `stop`.
    pub on_failure: OnFailure,
}

/// What the host does at start when it cannot load a bundle or a business file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The host serves the businesses that the failure does not affect, and asks clients of the affected ones to try
    /// again later.
    #[default]
    ServeOthers,
    /// The host does not start.
    Stop,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// `pretty` when standard error is a terminal, otherwise `json`.
    #[default]
    Auto,
    /// One JSON object on each line.
    Json,
    /// Text for people.
    Pretty,
}

/// Which clients may read `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MetricsAccess {
    /// Requests from this machine that name it `localhost` or by a loopback address, and whose only headers are those
    /// that scrapers, command-line clients and browsers send, so that the host admits no request that a proxy has
    /// forwarded.
    #[default]
    Loopback,
    /// Clients that send `metrics-token` as a bearer token.
    Token,
    /// Every client.
    Open,
    /// No client.
    Off,
}

/// `[telemetry]`: logs and metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// What the host logs: one level, or a level for each part of the host, such as `info,signalbox_executor=debug`.
    #[serde(deserialize_with = "log_filter")]
    pub log: String,
    /// The most that the libraries of the host may log, whatever `log` says: one level, or a level for each library,
    /// such as `info,hyper=debug`. From `debug` on, libraries log headers with tokens, and what people write.
    #[serde(deserialize_with = "library_filter")]
    pub library_log: String,
    /// The format of log lines: `auto`, `json` or `pretty`.
    pub log_format: LogFormat,
    /// The address and port of a separate listener for the metrics, such as `127.0.0.1:9464`; the host then serves the
    /// metrics only there. With port 0 the operating system chooses a free port, and the ready line names it. If it is
    /// not set, the host serves the metrics at `server.listen`.
    pub metrics_listen: Option<SocketAddr>,
    /// Which clients may read `/metrics`, at either address: `loopback`, `token`, `open` or `off`.
    pub metrics_access: MetricsAccess,
    /// Reference to the token, of at least 16 bytes, that clients must send when `metrics-access` is `token`.
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
