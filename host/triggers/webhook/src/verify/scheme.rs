//! The headers of each scheme.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde::Deserialize;

use super::{MAX_ID_BYTES, MAX_SIGNATURES, SignatureError};

/// Standard Webhooks: the sender's id of the message.
pub(super) const WEBHOOK_ID: &str = "webhook-id";
/// Standard Webhooks: when this attempt was made.
pub(super) const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// Standard Webhooks: the signatures.
pub(super) const WEBHOOK_SIGNATURE: &str = "webhook-signature";
/// GitHub: the id of the delivery. GitHub does not sign it.
pub(super) const GITHUB_DELIVERY: &str = "x-github-delivery";
/// GitHub: the signature.
pub(super) const GITHUB_SIGNATURE: &str = "x-hub-signature-256";
/// Stripe: time and signatures.
pub(super) const STRIPE_SIGNATURE: &str = "stripe-signature";

/// The contents of a delivery's headers, none of them verified yet.
pub(super) struct SignatureClaim<'a> {
    /// None when the id is in the body, from which it is read once the body is verified.
    pub id: Option<&'a str>,
    /// In seconds since 1970; none when the scheme signs no time.
    pub signed_at: Option<i64>,
    /// The signed text before the body.
    pub prefix: String,
    pub signatures: Vec<Vec<u8>>,
}

pub(super) fn standard_webhooks(headers: &HeaderMap) -> Result<SignatureClaim<'_>, SignatureError> {
    let id = id(headers, WEBHOOK_ID)?;
    let time = single_header(headers, WEBHOOK_TIMESTAMP)?;
    let signed_at = seconds(time).ok_or(SignatureError::Malformed(WEBHOOK_TIMESTAMP))?;
    let all = single_header(headers, WEBHOOK_SIGNATURE)?;
    // Signatures of other versions are meant for other readers.
    let own = all.split(' ').filter_map(|one| one.strip_prefix("v1,")).filter_map(|one| STANDARD.decode(one).ok());
    let signatures = bounded_signatures(own, WEBHOOK_SIGNATURE)?;
    Ok(SignatureClaim { id: Some(id), signed_at: Some(signed_at), prefix: format!("{id}.{time}."), signatures })
}

pub(super) fn github(headers: &HeaderMap) -> Result<SignatureClaim<'_>, SignatureError> {
    let signature =
        single_header(headers, GITHUB_SIGNATURE)?.strip_prefix("sha256=").and_then(|hex| hex::decode(hex).ok());
    let signature = signature.ok_or(SignatureError::Malformed(GITHUB_SIGNATURE))?;
    let id = id(headers, GITHUB_DELIVERY)?;
    Ok(SignatureClaim { id: Some(id), signed_at: None, prefix: String::new(), signatures: vec![signature] })
}

pub(super) fn stripe(headers: &HeaderMap) -> Result<SignatureClaim<'_>, SignatureError> {
    let malformed = SignatureError::Malformed(STRIPE_SIGNATURE);
    let (mut times, mut own) = (Vec::new(), Vec::new());
    for item in single_header(headers, STRIPE_SIGNATURE)?.split(',') {
        match item.split_once('=').ok_or(malformed)? {
            ("t", time) => times.push(time),
            ("v1", signature) => own.extend(hex::decode(signature).ok()),
            _ => {}
        }
    }
    let [time] = times.as_slice() else { return Err(malformed) };
    let signed_at = seconds(time).ok_or(malformed)?;
    let signatures = bounded_signatures(own.into_iter(), STRIPE_SIGNATURE)?;
    Ok(SignatureClaim { id: None, signed_at: Some(signed_at), prefix: format!("{time}."), signatures })
}

/// The id of the event in a verified body.
pub(super) fn stripe_event_id(body: &[u8]) -> Result<String, SignatureError> {
    #[derive(Deserialize)]
    struct Event {
        id: String,
    }
    let event: Event = serde_json::from_slice(body).map_err(|_| SignatureError::NoId)?;
    if is_id(&event.id) { Ok(event.id) } else { Err(SignatureError::NoId) }
}

/// The value of a header that must appear exactly once.
fn single_header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(SignatureError::Missing(name))?;
    if values.next().is_some() {
        return Err(SignatureError::Repeated(name));
    }
    value.to_str().map_err(|_| SignatureError::Malformed(name))
}

fn id<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, SignatureError> {
    let id = single_header(headers, name)?;
    if is_id(id) { Ok(id) } else { Err(SignatureError::Malformed(name)) }
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Digits only: a sign or a space would be signed too, and two readers might read it differently.
fn seconds(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The signatures, at least one and not too many.
fn bounded_signatures(
    signatures: impl Iterator<Item = Vec<u8>>,
    name: &'static str,
) -> Result<Vec<Vec<u8>>, SignatureError> {
    let signatures: Vec<Vec<u8>> = signatures.take(MAX_SIGNATURES + 1).collect();
    if signatures.is_empty() || signatures.len() > MAX_SIGNATURES {
        return Err(SignatureError::Malformed(name));
    }
    Ok(signatures)
}
