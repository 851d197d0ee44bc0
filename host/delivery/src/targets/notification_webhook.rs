//! Notifications by a `POST` to Slack, Microsoft Teams or any other receiver.

mod body;
mod config;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::http::Egress;
use signalbox_model::{NotificationChannel, SecretReference};
use signalbox_store::EffectKind;
use url::Url;

use super::channel_message::ChannelMessage;
use super::channels::configured;
use super::http::{Post, Receiver, ReceiverError, host};
use crate::{AttemptResult, DueEffect, EffectTarget};

pub use config::{NotificationReceiverConfig, NotificationWebhookConfig, WebhookFormat};

/// Sends notifications to the receivers of the businesses' channels, under the rules of the egress guard, and signed if
/// the receiver asks for it. A notification is delivered once its receiver has answered with 2xx.
pub struct NotificationWebhookTarget {
    webhooks: NotificationWebhooks,
    directory: Arc<BusinessDirectory>,
}

/// The receivers, with their secrets opened. Cheap to clone.
#[derive(Clone)]
pub struct NotificationWebhooks {
    inner: Arc<Webhooks>,
}

struct Webhooks {
    egress: Arc<Egress>,
    receivers: BTreeMap<String, WebhookReceiver>,
}

struct WebhookReceiver {
    format: WebhookFormat,
    url: SecretString,
    /// The URL's host, for reasons.
    host: String,
    receiver: Receiver,
}

impl NotificationWebhooks {
    /// The configured receivers; none when there are none. `open` opens the secret that a configuration key refers to.
    pub fn open<E: From<ReceiverError>>(
        config: &NotificationWebhookConfig,
        egress: Arc<Egress>,
        open: impl Fn(&str, &SecretReference) -> Result<SecretString, E>,
    ) -> Result<Option<Self>, E> {
        let mut receivers = BTreeMap::new();
        for (name, receiver) in &config.receivers {
            let place = format!("delivery.notification-webhooks.receivers.{name}");
            let url = open(&format!("{place}.url"), &receiver.url)?;
            let signing = receiver.signing_secret.as_ref();
            let signing = signing.map(|secret| open(&format!("{place}.signing-secret"), secret)).transpose()?;
            let parsed = Url::parse(url.expose_secret()).ok();
            let host = parsed.as_ref().and_then(host).ok_or_else(|| ReceiverError::NoUrl { place: place.clone() })?;
            let opened = Receiver::at(&place, &url, signing)?;
            receivers.insert(name.clone(), WebhookReceiver { format: receiver.format, url, host, receiver: opened });
        }
        Ok((!receivers.is_empty()).then(|| Self { inner: Arc::new(Webhooks { egress, receivers }) }))
    }

    /// Sends a message to a receiver, once. `message` is made for the format that it is given.
    pub(crate) async fn send(
        &self,
        receiver: &str,
        message: impl FnOnce(&'static str) -> Option<ChannelMessage>,
    ) -> AttemptResult {
        let Webhooks { egress, receivers } = &*self.inner;
        let Some(WebhookReceiver { format, url, host, receiver: opened }) = receivers.get(receiver) else {
            let reason = format!("there is no receiver `{receiver}` in [delivery.notification-webhooks]");
            return AttemptResult::Refused { reason };
        };
        let Some(message) = message(format.name()) else {
            return AttemptResult::Refused { reason: "the decision has no such notification".to_owned() };
        };
        let post = Post {
            receiver: opened,
            host: host.clone(),
            url: url.expose_secret(),
            id: &message.id,
            correlation_id: message.correlation_id.as_deref(),
            body: body::of(*format, &message),
        };
        post.send(egress).await
    }
}

impl NotificationWebhookTarget {
    /// A target that sends to the receivers of the businesses' channels.
    pub fn new(webhooks: NotificationWebhooks, directory: Arc<BusinessDirectory>) -> Self {
        Self { webhooks, directory }
    }
}

#[async_trait]
impl EffectTarget for NotificationWebhookTarget {
    fn name(&self) -> &'static str {
        "notification-webhooks"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        let EffectKind::ChannelNotification { channel, .. } = &due.effect.kind else {
            return AttemptResult::Refused { reason: "only notifications leave by these webhooks".to_owned() };
        };
        let (business, found) = match configured(&self.directory, due, channel) {
            Ok(found) => found,
            Err(result) => return result,
        };
        let NotificationChannel::Webhook(receiver) = found else {
            let reason = format!("channel `{channel}` of the business does not lead to a webhook any more");
            return AttemptResult::Refused { reason };
        };
        self.webhooks.send(&receiver, |format| ChannelMessage::of(due, &business, format)).await
    }
}
