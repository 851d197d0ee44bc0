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
use signalbox_capabilities::business::NotificationReceivers;
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

/// The whole configuration, with one field for each section of `signalbox.toml`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Where the host listens, and how it shuts down.
    pub server: ServerConfig,
    /// Where the host stores decisions and everything else that must outlive the process.
    pub store: StoreConfig,
    /// The businesses that the host serves.
    pub business: BusinessConfig,
    /// The bundles that the host loads.
    pub bundles: BundlesConfig,
    /// The tokens that clients may connect with, and the keys that verify them.
    pub auth: AuthConfig,
    /// Limits of HTTP connections.
    pub http: HttpConfig,
    /// Limits of WebSocket connections.
    pub websocket: WebSocketConfig,
    /// Limits of webhook deliveries, and the secrets with which senders sign them.
    pub webhooks: WebhookConfig,
    /// Limits of requests to the HTTP API.
    pub api: ApiConfig,
    /// Which inputs the host admits, and when it refuses them.
    pub intake: IntakeConfig,
    /// When hosts fire the ticks of schedules, and how many schedules plugins may create.
    pub cron: CronConfig,
    /// The Kafka brokers, and how the host reads records from them.
    pub kafka: KafkaConfig,
    /// How long the host remembers conversations and caches message models.
    pub executor: ExecutorConfig,
    /// How long decisions wait for a review by a person.
    pub review: ReviewConfig,
    /// How the host delivers the effects of decisions.
    pub delivery: RelayConfig,
    /// The language models that plugins may use.
    pub llm: LlmConfig,
    /// Which HTTP requests plugins with an `http` grant may send.
    pub egress: EgressConfig,
    /// How much memory the host uses for the requests of plugins and the answers to them.
    pub answers: AnswersConfig,
    /// The resources of the machine that all plugins share.
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

    /// The receivers that the files of businesses may name.
    pub fn notification_receivers(&self) -> NotificationReceivers {
        NotificationReceivers { webhooks: self.delivery.notification_webhooks.receivers.keys().cloned().collect() }
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
        if let Some(authorities) = &mut self.delivery.email.ca_file {
            visit(&["delivery", "email", "ca-file"], authorities);
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
        if let Some(reference) = &mut self.delivery.email.password {
            visit(&["delivery", "email", "password"], reference);
        }
        for (name, receiver) in &mut self.delivery.notification_webhooks.receivers {
            let place = ["delivery", "notification-webhooks", "receivers", name];
            visit(&[place.as_slice(), &["url"]].concat(), &mut receiver.url);
            if let Some(reference) = &mut receiver.signing_secret {
                visit(&[place.as_slice(), &["signing-secret"]].concat(), reference);
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
