//! `signalbox.toml`: read, laid over the defaults, overridden by the environment and options, checked, and shown.

mod answers;
#[cfg(test)]
mod documented;
mod effective;
mod egress;
mod llm;
mod load;
mod reader;
pub mod secrets;
mod sections;
mod tree;
mod variables;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signalbox_delivery::RelayConfig;
use signalbox_executor::{ExecutorConfig, ReviewConfig};
use signalbox_http::{AuthConfig, HttpConfig};
use signalbox_intake::IntakeConfig;
use signalbox_model::SecretReference;
use signalbox_sandbox::SandboxConfig;
use signalbox_trigger_api::ApiConfig;
use signalbox_trigger_cron::CronConfig;
use signalbox_trigger_kafka::KafkaConfig;
use signalbox_trigger_webhook::WebhookConfig;
use signalbox_trigger_websocket::WebSocketConfig;

pub use answers::AnswersConfig;
pub use effective::{settings, to_toml};
pub use egress::EgressConfig;
pub use llm::{LlmConfig, ModelConfig};
pub use load::{ConfigError, Loaded, Sources};
pub use sections::{
    BundlesConfig, BusinessConfig, LogFormat, MetricsAccess, OnFailure, ServerConfig, StoreBackend, StoreConfig,
    TelemetryConfig,
};

/// The name of the development sink beside the store's file.
const SINK: &str = "effects.jsonl";

/// Everything that can be configured, a section a field.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// Whose tokens are accepted.
    pub auth: AuthConfig,
    /// How connections are accepted.
    pub http: HttpConfig,
    /// What a WebSocket client may do.
    pub websocket: WebSocketConfig,
    /// What senders of webhooks may do, and their secrets.
    pub webhooks: WebhookConfig,
    /// What a program may ask over HTTP.
    pub api: ApiConfig,
    /// What is admitted.
    pub intake: IntakeConfig,
    /// How schedules tick.
    pub cron: CronConfig,
    /// The brokers, and how records are taken in.
    pub kafka: KafkaConfig,
    /// How decisions are made.
    pub executor: ExecutorConfig,
    /// How long decisions wait for a person.
    pub review: ReviewConfig,
    /// How effects leave.
    pub delivery: RelayConfig,
    /// The language models that plugins may be granted.
    pub llm: LlmConfig,
    /// What plugins with an `http` grant may reach.
    pub egress: EgressConfig,
    /// How much of what plugins ask for is held in memory.
    pub answers: AnswersConfig,
    /// How much of the machine plugins may have together.
    pub sandbox: SandboxConfig,
    /// Logs and metrics.
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// The names of all sections, the longest first.
    fn sections() -> Vec<String> {
        let Ok(serde_json::Value::Object(sections)) = serde_json::to_value(Self::default()) else { return Vec::new() };
        let mut names: Vec<String> = sections.into_iter().map(|(name, _)| name).collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        names
    }

    /// The file that stands in for Kafka: only where no brokers are configured, and only with an embedded store,
    /// because a store that hosts share says that this is no development. A store in memory has no file to put it
    /// beside.
    pub fn development_sink(&self) -> Option<PathBuf> {
        if !self.kafka.brokers.is_empty() {
            return None;
        }
        let configured = self.delivery.development_sink.clone();
        match self.store.backend {
            StoreBackend::Embedded => Some(configured.unwrap_or_else(|| self.store.path.with_file_name(SINK))),
            StoreBackend::Memory => configured,
            StoreBackend::Dynamodb => None,
        }
    }

    /// Every path of the configuration with its key.
    fn each_path(&mut self, visit: &mut dyn FnMut(&[&str], &mut PathBuf)) {
        visit(&["store", "path"], &mut self.store.path);
        visit(&["business", "directory"], &mut self.business.directory);
        for path in &mut self.bundles.paths {
            visit(&["bundles", "paths"], path);
        }
        if let Some(cache) = &mut self.sandbox.cache {
            visit(&["sandbox", "cache"], cache);
        }
        if let Some(sink) = &mut self.delivery.development_sink {
            visit(&["delivery", "development-sink"], sink);
        }
        if let Some(authorities) = &mut self.kafka.security.ca_file {
            visit(&["kafka", "security", "ca-file"], authorities);
        }
        for (name, model) in &mut self.llm.models {
            if let ModelConfig::Scripted { file } = model {
                visit(&["llm", "models", name, "file"], file);
            }
        }
        self.each_secret(&mut |key, reference| {
            if let SecretReference::File(path) = reference {
                visit(key, path);
            }
        });
    }

    /// Every reference to a secret with its key.
    fn each_secret(&mut self, visit: &mut dyn FnMut(&[&str], &mut SecretReference)) {
        if let Some(reference) = &mut self.store.access_key {
            visit(&["store", "access-key"], reference);
        }
        if let Some(reference) = &mut self.store.secret_key {
            visit(&["store", "secret-key"], reference);
        }
        for key in &mut self.auth.keys {
            visit(&["auth", "keys"], &mut key.key);
        }
        for (name, references) in &mut self.webhooks.secrets {
            for reference in references {
                visit(&["webhooks", "secrets", name], reference);
            }
        }
        for (business, secrets) in &mut self.webhooks.business_secrets {
            for (name, references) in secrets {
                for reference in references {
                    visit(&["webhooks", "business-secrets", business, name], reference);
                }
            }
        }
        if let Some(reference) = &mut self.kafka.security.password {
            visit(&["kafka", "security", "password"], reference);
        }
        for (name, receiver) in &mut self.delivery.external_calls.receivers {
            for (key, reference) in
                [("signing-secret", &mut receiver.signing_secret), ("authorization", &mut receiver.authorization)]
            {
                if let Some(reference) = reference {
                    visit(&["delivery", "external-calls", "receivers", name, key], reference);
                }
            }
        }
        for (name, model) in &mut self.llm.models {
            if let ModelConfig::Openai { api_key: Some(reference), .. } = model {
                visit(&["llm", "models", name, "api-key"], reference);
            }
        }
        for (name, secret) in &mut self.egress.secrets {
            visit(&["egress", "secrets", name, "value"], &mut secret.value);
        }
        for (business, secrets) in &mut self.egress.business_secrets {
            for (name, secret) in secrets {
                visit(&["egress", "business-secrets", business, name, "value"], &mut secret.value);
            }
        }
        if let Some(reference) = &mut self.telemetry.metrics_token {
            visit(&["telemetry", "metrics-token"], reference);
        }
    }
}
