//! Verifies a delivery's signature over the raw bytes, before anything is parsed; no I/O.

mod scheme;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::{Digest as _, Sha256};
use signalbox_graph::VerifyScheme;
use thiserror::Error;

/// How far the sender's clock may be off, and how long a recorded delivery can be replayed: the value of the reference
/// libraries of Standard Webhooks and Stripe.
const TOLERANCE_SECONDS: u64 = 5 * 60;

/// The most signatures of one delivery that are checked: a sender in the middle of a rotation sends two.
const MAX_SIGNATURES: usize = 16;

/// The longest id of a delivery.
const MAX_ID_BYTES: usize = 256;

/// The shortest key, in bytes, as Standard Webhooks requires; shorter ones could be guessed.
pub(super) const MIN_KEY_BYTES: usize = 24;

/// The prefix of symmetric secrets in Standard Webhooks.
const PREFIX: &str = "whsec_";

/// One secret, opened, as the key of each scheme.
pub struct SigningKey {
    text: SecretString,
    /// The secret decoded from Base64; none when it is not Base64, and then it is no key for Standard Webhooks.
    decoded: Option<SecretSlice<u8>>,
}

/// Why a delivery is not verified. Metrics and logs tell these reasons apart; the sender gets none of them.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SignatureError {
    /// A header of the scheme is missing.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// A header of the scheme appears more than once, so that two readers might use different ones.
    #[error("the header {0} is there more than once")]
    Repeated(&'static str),
    /// A header of the scheme is malformed.
    #[error("the header {0} is malformed")]
    Malformed(&'static str),
    /// No secret gives one of the signatures.
    #[error("no secret of the hook gives the signature")]
    Mismatch,
    /// The delivery was signed too long ago.
    #[error("it was signed more than {TOLERANCE_SECONDS} seconds ago")]
    Old,
    /// The delivery was signed in the future.
    #[error("it was signed more than {TOLERANCE_SECONDS} seconds in the future")]
    Future,
    /// The body names no event.
    #[error("the body has no `id` by which a redelivery is known")]
    NoId,
}

impl SignatureError {
    /// A stable name for metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Repeated(_) => "repeated",
            Self::Malformed(_) => "malformed",
            Self::Mismatch => "mismatch",
            Self::Old => "old",
            Self::Future => "future",
            Self::NoId => "no_id",
        }
    }
}

impl SigningKey {
    /// The key from a secret, as its owner wrote it.
    pub fn new(text: SecretString) -> Self {
        let encoded = text.expose_secret();
        let decoded = STANDARD.decode(encoded.strip_prefix(PREFIX).unwrap_or(encoded)).ok();
        let decoded = decoded.filter(|key| !key.is_empty()).map(SecretSlice::from);
        Self { text, decoded }
    }

    /// Whether a secret can be a key of the scheme at all.
    pub fn fits(&self, scheme: VerifyScheme) -> bool {
        scheme != VerifyScheme::StandardWebhooks || self.decoded.is_some()
    }

    /// The secret as its owner wrote it.
    pub(super) fn text(&self) -> &SecretString {
        &self.text
    }

    pub(super) fn key(&self, scheme: VerifyScheme) -> Option<&[u8]> {
        match scheme {
            VerifyScheme::StandardWebhooks => self.decoded.as_ref().map(|key| key.expose_secret()),
            // Stripe's secrets begin with `whsec_` too, but are used unchanged.
            VerifyScheme::Github | VerifyScheme::Stripe => Some(self.text.expose_secret().as_bytes()),
        }
    }
}

/// What distinguishes a verified delivery from others that the same key signed: its id if the id is signed, else its
/// body.
pub(super) fn signed_identity(scheme: VerifyScheme, id: &str, body: &[u8]) -> String {
    match scheme {
        VerifyScheme::StandardWebhooks | VerifyScheme::Stripe => format!("id {id}"),
        VerifyScheme::Github => format!("body {}", hex::encode(Sha256::digest(body))),
    }
}

/// The sender's id of the delivery, if one of the keys verifies its signature and time.
pub fn verify(
    scheme: VerifyScheme,
    keys: &[SigningKey],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<String, SignatureError> {
    let claim = match scheme {
        VerifyScheme::StandardWebhooks => scheme::standard_webhooks(headers)?,
        VerifyScheme::Github => scheme::github(headers)?,
        VerifyScheme::Stripe => scheme::stripe(headers)?,
    };
    if !is_signed(scheme, keys, &claim, body) {
        return Err(SignatureError::Mismatch);
    }
    // The time is part of the signed content, so it is checked only after the signature.
    if let Some(signed_at) = claim.signed_at {
        let distance = now.as_second().abs_diff(signed_at);
        match (distance > TOLERANCE_SECONDS, signed_at > now.as_second()) {
            (false, _) => {}
            (true, false) => return Err(SignatureError::Old),
            (true, true) => return Err(SignatureError::Future),
        }
    }
    match claim.id {
        Some(id) => Ok(id.to_owned()),
        None => scheme::stripe_event_id(body),
    }
}

/// Tries every key on every signature without stopping at the first match, so that the time taken tells nothing.
fn is_signed(scheme: VerifyScheme, keys: &[SigningKey], claim: &scheme::SignatureClaim<'_>, body: &[u8]) -> bool {
    let mut signed = false;
    for key in keys.iter().filter_map(|key| key.key(scheme)) {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { continue };
        mac.update(claim.prefix.as_bytes());
        mac.update(body);
        for signature in &claim.signatures {
            signed |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    signed
}
