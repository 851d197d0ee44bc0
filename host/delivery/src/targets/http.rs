//! External calls of decisions, by HTTP.

mod config;
mod post;
mod receiver;

use std::sync::Arc;

use async_trait::async_trait;
use signalbox_capabilities::http::Egress;
use signalbox_model::ActionType;
use signalbox_store::EffectKind;
use url::Url;

use crate::{AttemptResult, DueEffect, EffectTarget};

pub use config::{ExternalCallConfig, HostPattern, ReceiverConfig};
pub(super) use post::{Post, host};
pub(super) use receiver::Receiver;
pub use receiver::{ExternalCallReceivers, ReceiverError};

/// Calls external services: an action's payload is the JSON body of a `POST` to the URL that is its target. An effect
/// is delivered once the service has answered with 2xx. After an attempt that failed, the service may have acted
/// nevertheless, and is called again under the same `idempotency-key`.
///
/// An attempt has no deadline of its own. Dropping it closes its connection.
pub struct HttpTarget {
    egress: Arc<Egress>,
    receivers: ExternalCallReceivers,
}

impl HttpTarget {
    /// A target that calls these receivers, under the rules of `egress`.
    pub fn new(egress: Arc<Egress>, receivers: ExternalCallReceivers) -> Self {
        Self { egress, receivers }
    }

    /// The request of an effect, or why no request may be made of it.
    fn post<'p>(&'p self, due: &'p DueEffect) -> Result<Post<'p>, String> {
        let action = match &due.effect.kind {
            EffectKind::Action(action) if action.action_type == ActionType::ExternalCall => action,
            _ => return Err("only external calls leave by HTTP".to_owned()),
        };
        let url = Url::parse(&action.target).map_err(|error| format!("the action's target is no URL: {error}"))?;
        let host = host(&url).ok_or("the action's target is a URL without a host")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!(
                "the URL for {host} holds a user or password; set `authorization` under \
                 [delivery.external-calls.receivers.NAME] instead"
            ));
        }
        let receiver = self.receivers.of(&url).ok_or_else(|| {
            format!(
                "external calls may not go to {host}: add it to `hosts` under \
                 [delivery.external-calls.receivers.NAME], and have the effect delivered again"
            )
        })?;
        let body = serde_json::to_vec(&action.payload)
            .map_err(|error| format!("the action's payload cannot be written as JSON: {error}"))?;
        let (url, id) = (action.target.as_str(), due.effect.id.as_str());
        let correlation_id = due.record.decision.context.input.correlation_id.as_deref();
        Ok(Post { receiver, host, url, id, correlation_id, body })
    }
}

#[async_trait]
impl EffectTarget for HttpTarget {
    fn name(&self) -> &'static str {
        "http"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        match self.post(due) {
            Ok(post) => post.send(&self.egress).await,
            Err(reason) => AttemptResult::Refused { reason },
        }
    }
}
