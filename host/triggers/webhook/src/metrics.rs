//! The names of this crate's metrics.

use metrics::{Unit, describe_counter};

/// Deliveries of webhooks by hook and result.
pub(crate) const WEBHOOKS: &str = "signalbox_webhooks_total";
/// Deliveries with an invalid signature, by reason.
pub(crate) const SIGNATURES_REFUSED: &str = "signalbox_webhook_signatures_refused_total";

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_counter!(
        WEBHOOKS,
        Unit::Count,
        "Deliveries of webhooks by hook and result (accepted, or the code of the refusal)"
    );
    describe_counter!(
        SIGNATURES_REFUSED,
        Unit::Count,
        "Deliveries whose signature was refused, by reason (missing, repeated, malformed, mismatch, old, future, no_id)"
    );
}
