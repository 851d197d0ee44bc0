//! One `POST` to a receiver: its headers and signature, and what the receiver's answer means.

use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use signalbox_capabilities::http::{Egress, PostAnswer, PostError};
use signalbox_model::{Timestamp, excerpt, visible_line};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use url::Url;

use super::receiver::Receiver;
use crate::AttemptResult;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const CORRELATION_ID: HeaderName = HeaderName::from_static("signalbox-correlation-id");
/// So many characters of a receiver's answer are in the reason of a refusal.
const EXCERPT: usize = 300;
/// So many characters of a host are in a reason.
const HOST: usize = 100;

/// A `POST` of JSON that can be attempted again under the same id.
pub(in crate::targets) struct Post<'p> {
    pub receiver: &'p Receiver,
    /// The URL's host, for reasons.
    pub host: String,
    pub url: &'p str,
    /// The idempotency key of every attempt.
    pub id: &'p str,
    pub correlation_id: Option<&'p str>,
    pub body: Vec<u8>,
}

impl Post<'_> {
    /// Makes one attempt.
    pub async fn send(self, egress: &Egress) -> AttemptResult {
        let headers = match self.headers() {
            Ok(headers) => headers,
            Err(reason) => return AttemptResult::Refused { reason },
        };
        let Self { receiver, host, url, body, .. } = self;
        match egress.post(url, headers, body).await {
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

    /// The headers of an attempt that is made now.
    fn headers(&self) -> Result<HeaderMap, String> {
        let value =
            |text: &str| HeaderValue::from_str(text).map_err(|_| "the effect's id is no header value".to_owned());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(IDEMPOTENCY_KEY, value(self.id)?);
        // An input of an older host may have an id that no header can hold. The call is worth more than the id.
        if let Some(Ok(id)) = self.correlation_id.map(HeaderValue::from_str) {
            headers.insert(CORRELATION_ID, id);
        }
        if let Some(signing) = &self.receiver.signing {
            let time = Timestamp::now().as_second();
            let signature =
                signing.sign(self.id, time, &self.body).map_err(|error| format!("it cannot be signed: {error}"))?;
            headers.insert(HEADER_WEBHOOK_ID, value(self.id)?);
            headers.insert(HEADER_WEBHOOK_TIMESTAMP, HeaderValue::from(time));
            headers.insert(HEADER_WEBHOOK_SIGNATURE, value(&signature)?);
        }
        if let Some(authorization) = &self.receiver.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Ok(headers)
    }
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
pub(in crate::targets) fn host(url: &Url) -> Option<String> {
    let host = excerpt(url.host_str()?, HOST);
    Some(url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}")))
}
