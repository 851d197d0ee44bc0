//! External calls of decisions, by HTTP.

mod config;
mod receiver;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use signalbox_capabilities::http::{Egress, PostAnswer, PostError};
use signalbox_model::{ActionType, Timestamp, excerpt, visible_line};
use signalbox_store::EffectKind;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use url::Url;

use self::receiver::Receiver;
use crate::{AttemptResult, DueEffect, EffectTarget};

pub use config::{ExternalCallConfig, HostPattern, ReceiverConfig};
pub use receiver::{ExternalCallReceivers, ReceiverError};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const CORRELATION_ID: HeaderName = HeaderName::from_static("signalbox-correlation-id");
/// So many characters of a receiver's answer are in the reason of a refusal.
const EXCERPT: usize = 300;
/// So many characters of a host are in a reason.
const HOST: usize = 100;

/// Calls external services: an action's payload is the JSON body of a `POST` to the URL that is its target. An effect
/// is delivered once the service has answered with 2xx. After an attempt that failed, the service may have acted
/// nevertheless, and is called again under the same `idempotency-key`.
///
/// An attempt has no deadline of its own. Dropping it closes its connection.
pub struct HttpTarget {
    egress: Arc<Egress>,
    receivers: ExternalCallReceivers,
}

/// A request that is ready to be sent.
struct Call<'t> {
    receiver: &'t Receiver,
    /// The URL's host, for reasons.
    host: String,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl HttpTarget {
    /// A target that calls these receivers, under the rules of `egress`.
    pub fn new(egress: Arc<Egress>, receivers: ExternalCallReceivers) -> Self {
        Self { egress, receivers }
    }

    /// The request of an effect, or why no request may be made of it.
    fn call(&self, due: &DueEffect) -> Result<Call<'_>, String> {
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
        let headers = headers(due, receiver, &body)?;
        Ok(Call { receiver, host, url: action.target.clone(), headers, body })
    }
}

#[async_trait]
impl EffectTarget for HttpTarget {
    fn name(&self) -> &'static str {
        "http"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        let Call { receiver, host, url, headers, body } = match self.call(due) {
            Ok(call) => call,
            Err(reason) => return AttemptResult::Refused { reason },
        };
        match self.egress.post(&url, headers, body).await {
            Ok(answer) => result_of(&answer, &host, receiver),
            Err(PostError::Forbidden(reason)) => {
                AttemptResult::Refused { reason: format!("{host} may not be called: {reason}") }
            }
            // A host that cannot be reached says nothing about the others, so the target as a whole is available.
            Err(PostError::Unanswered(reason)) => {
                let reason = receiver.without_secrets(&reason);
                let reason = format!("{host} did not answer: {}", excerpt(&visible_line(&reason), EXCERPT));
                AttemptResult::Failed { reason, retry_after: None }
            }
        }
    }
}

/// The headers of an attempt that is made now.
fn headers(due: &DueEffect, receiver: &Receiver, body: &[u8]) -> Result<HeaderMap, String> {
    let effect_id = due.effect.id.as_str();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| "the effect's id is no header value".to_owned());
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(IDEMPOTENCY_KEY, value(effect_id)?);
    // An input of an older host may have an id that no header can hold. The call is worth more than the id.
    let correlation_id = due.record.decision.context.input.correlation_id.as_deref();
    if let Some(Ok(id)) = correlation_id.map(HeaderValue::from_str) {
        headers.insert(CORRELATION_ID, id);
    }
    if let Some(signing) = &receiver.signing {
        let time = Timestamp::now().as_second();
        let signature = signing.sign(effect_id, time, body).map_err(|error| format!("it cannot be signed: {error}"))?;
        headers.insert(HEADER_WEBHOOK_ID, value(effect_id)?);
        headers.insert(HEADER_WEBHOOK_TIMESTAMP, HeaderValue::from(time));
        headers.insert(HEADER_WEBHOOK_SIGNATURE, value(&signature)?);
    }
    if let Some(authorization) = &receiver.authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    Ok(headers)
}

/// What an answer means for the effect.
fn result_of(answer: &PostAnswer, host: &str, receiver: &Receiver) -> AttemptResult {
    let status = answer.status;
    if status.is_success() {
        return AttemptResult::Delivered;
    }
    let reason = format!("{host} answered {status}");
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            AttemptResult::Failed { reason, retry_after: retry_after(&answer.headers) }
        }
        _ if status.is_redirection() => AttemptResult::Refused {
            reason: format!("{reason}, and redirects are not followed{}", quoted(answer, receiver)),
        },
        _ if status.is_client_error() => {
            AttemptResult::Refused { reason: format!("{reason}{}", quoted(answer, receiver)) }
        }
        // Errors of the receiver, and statuses that have no meaning.
        _ => AttemptResult::Failed { reason, retry_after: retry_after(&answer.headers) },
    }
}

/// The beginning of an answer's body for a reason, without secrets and without characters that control a terminal.
fn quoted(answer: &PostAnswer, receiver: &Receiver) -> String {
    // The secrets are replaced before the text is cut, because a cut secret would not be found.
    let text = receiver.without_secrets(&String::from_utf8_lossy(&answer.beginning));
    let mut start: String = text.trim().chars().take(EXCERPT).collect();
    if start.is_empty() {
        return start;
    }
    if start.len() < text.trim().len() {
        start.push('…');
    }
    format!(": {}", visible_line(&start))
}

/// How long a receiver asks the host to wait, in seconds or until a date. None when it says nothing that can be read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// A URL's host, and its port when it is not the usual one.
fn host(url: &Url) -> Option<String> {
    let host = excerpt(url.host_str()?, HOST);
    Some(url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}")))
}
