use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, HumanSize, SecretReference};

/// `[webhooks]`: what senders of webhooks may do, and the secrets they sign with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// The largest body of a delivery.
    pub body_size: HumanSize,
    /// How long a sender may take to send the body.
    pub body_timeout: HumanDuration,
    /// Deliveries at a time that are read or taken in; more are told to come back.
    pub in_flight: usize,
    /// Verified deliveries of one hook of one business each second, over time.
    pub deliveries_per_second: NonZeroU32,
    /// The same at once.
    pub burst: NonZeroU32,
    /// When a sender is told to come back after something failed that may work later.
    pub retry_after: HumanDuration,
    /// References to secrets that businesses share, by the name that bundles use; several of one name are all valid, so
    /// that they can rotate. Used for businesses without one of their own in `business_secrets`.
    pub secrets: BTreeMap<String, Vec<SecretReference>>,
    /// References to secrets of single businesses, by business and name. A business that has its own is not signed for
    /// with the one of `secrets`.
    pub business_secrets: BTreeMap<String, BTreeMap<String, Vec<SecretReference>>>,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            body_size: HumanSize(256 * 1024),
            body_timeout: HumanDuration::secs(10),
            in_flight: 128,
            deliveries_per_second: const { NonZeroU32::new(50).unwrap() },
            burst: const { NonZeroU32::new(200).unwrap() },
            retry_after: HumanDuration::secs(5),
            secrets: BTreeMap::new(),
            business_secrets: BTreeMap::new(),
        }
    }
}
