use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, RetryPolicy};

use crate::{AdminConfig, EmailConfig, ExternalCallConfig, HostsConfig, NotificationWebhookConfig};

/// `[delivery]`: how effects leave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RelayConfig {
    /// How often the store is searched for effects that are due and that no host is attempting, for example because the
    /// host that was to attempt them died.
    pub scan_interval: HumanDuration,
    /// How long a host may attempt the effects of a decision before another host takes them over; so long a host that
    /// dies delays the effects it was attempting.
    pub lease: HumanDuration,
    /// Decisions that were just made and wait for their effects to be attempted; the search finds those beyond.
    pub queue: usize,
    /// Decisions whose effects are attempted at a time.
    pub concurrency: usize,
    /// How effects are retried whose action says nothing about it.
    pub retry: RetryConfig,
    /// Resource actions and Kafka records.
    pub kafka: TargetConfig,
    /// External calls.
    pub http: TargetConfig,
    /// Where external calls of decisions may go.
    pub external_calls: ExternalCallConfig,
    /// The server that takes e-mails of notifications.
    pub email: EmailConfig,
    /// The receivers of notifications by webhook.
    pub notification_webhooks: NotificationWebhookConfig,
    /// Who gets the host's own notices.
    pub admin: AdminConfig,
    /// Notifications to people who are connected.
    pub websocket: TargetConfig,
    /// Changes of schedules.
    pub schedules: TargetConfig,
    /// How people are reached who are connected to another host.
    pub hosts: HostsConfig,
    /// The file that stands in for Kafka where no brokers are configured and the store is embedded; without it
    /// `effects.jsonl` beside the store's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub development_sink: Option<PathBuf>,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            scan_interval: HumanDuration::secs(5),
            lease: HumanDuration::secs(30),
            queue: 1_024,
            development_sink: None,
            concurrency: 256,
            retry: RetryConfig::default(),
            kafka: TargetConfig::default(),
            http: TargetConfig::default(),
            external_calls: ExternalCallConfig::default(),
            email: EmailConfig::default(),
            admin: AdminConfig::default(),
            notification_webhooks: NotificationWebhookConfig::default(),
            websocket: TargetConfig::default(),
            schedules: TargetConfig::default(),
            hosts: HostsConfig::default(),
        }
    }
}

/// `[delivery.retry]`: when a failed attempt is followed by another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Attempts of one effect, the first included; after the last one it is a dead letter.
    pub max_attempts: u32,
    /// The pause before the second attempt.
    pub initial_interval: HumanDuration,
    /// Each pause is this many times as long as the one before.
    pub backoff_factor: f64,
    /// The longest pause.
    pub max_interval: HumanDuration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 12,
            initial_interval: HumanDuration::secs(1),
            backoff_factor: 2.0,
            max_interval: HumanDuration::secs(3_600),
        }
    }
}

impl RetryConfig {
    /// As an action would say it. The pauses of many effects are spread apart.
    pub(crate) fn policy(&self) -> RetryPolicy {
        let millis = |duration: HumanDuration| u64::try_from(duration.0.as_millis()).unwrap_or(u64::MAX);
        RetryPolicy {
            max_attempts: self.max_attempts,
            initial_interval: millis(self.initial_interval),
            backoff_factor: self.backoff_factor,
            max_interval: millis(self.max_interval),
            jitter: true,
        }
    }
}

/// How one target of effects is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct TargetConfig {
    /// Attempts at a time.
    pub concurrency: usize,
    /// How long one attempt may take; at most half of the lease.
    pub deadline: HumanDuration,
}

impl Default for TargetConfig {
    fn default() -> Self {
        Self { concurrency: 64, deadline: HumanDuration::secs(15) }
    }
}
