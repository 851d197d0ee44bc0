use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, SecretReference};

use crate::TargetConfig;

/// `[delivery.notification-webhooks]`: the receivers of notifications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct NotificationWebhookConfig {
    /// Attempts at a time.
    pub concurrency: usize,
    /// How long one attempt may take; at most half of the lease.
    pub deadline: HumanDuration,
    /// The receivers, by the name that the channels of businesses have in `webhook`.
    pub receivers: BTreeMap<String, NotificationReceiverConfig>,
}

/// `[delivery.notification-webhooks.receivers.<name>]`: one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NotificationReceiverConfig {
    /// What the body is for.
    pub format: WebhookFormat,
    /// Reference to the URL. It is a secret, because those who know the URL of a chat service may write there.
    pub url: SecretReference,
    /// Reference to the key with which requests are signed as Standard Webhooks, `whsec_` and Base64.
    #[serde(default)]
    pub signing_secret: Option<SecretReference>,
}

/// What the body of a notification is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WebhookFormat {
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow of Microsoft Teams that posts to a channel or chat.
    Teams,
    /// A program that reads JSON.
    Generic,
}

impl WebhookFormat {
    /// The format's name in the configuration, and in the payload of notifications with other words for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Generic => "generic",
        }
    }
}

impl Default for NotificationWebhookConfig {
    fn default() -> Self {
        Self { concurrency: 16, deadline: HumanDuration::secs(15), receivers: BTreeMap::new() }
    }
}

impl NotificationWebhookConfig {
    /// Concurrency and deadline, as the relay reads them.
    pub(crate) fn target(&self) -> TargetConfig {
        TargetConfig { concurrency: self.concurrency, deadline: self.deadline }
    }
}
