use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, HumanSize, SecretReference};

/// `[webhooks]`: limits of webhook deliveries, and the secrets with which senders sign them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// The largest body of a delivery. The host answers a larger one with 413.
    pub body_size: HumanSize,
    /// How long a sender may take to send the body of a delivery. After that the host answers 408.
    pub body_timeout: HumanDuration,
    /// The most deliveries that the host processes at the same time, from reading the body to the answer. The host
    /// answers further ones with 503 and `Retry-After`.
    pub in_flight: usize,
    /// The most verified deliveries that one webhook of one business accepts each second, on average. The host answers
    /// further ones with 429.
    pub deliveries_per_second: NonZeroU32,
    /// The most verified deliveries that one webhook of one business accepts at once, after a time without deliveries.
    pub burst: NonZeroU32,
    /// The time in `Retry-After` when the host answers 503 because of a temporary failure.
    pub retry_after: HumanDuration,
    /// References to the secrets that all businesses without a secret of their own share. A key is the name that
    /// bundles use for the secret, and its value is a list such as `[{ env = "NEW" }, { env = "OLD" }]`, of which every
    /// secret is valid.
    pub secrets: BTreeMap<String, Vec<SecretReference>>,
    /// References to the secrets of single businesses, each business a table `[webhooks.business-secrets.<business>]`.
    /// A key of the table is the name that bundles use for the secret, and its value is a list such as
    /// `[{ env = "NEW" }, { env = "OLD" }]`. Every secret of a list is valid, so that a secret can be replaced without
    /// an interruption.
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
