use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use signalbox_capabilities::http::{EgressRules, EgressSecret, Network};
use signalbox_model::SecretReference;

use super::secrets::{self, SecretError};

/// `[egress]`: which HTTP requests plugins with an `http` grant may send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EgressConfig {
    /// Whether plugins may send HTTP requests. If `false`, plugins get the error `not-configured`.
    pub enabled: bool,
    /// The private networks to which plugins may send requests, for example `10.1.0.0/16`. The host refuses requests to
    /// every other private address.
    pub private_networks: Vec<Network>,
    /// Whether plugins may send requests to `http` URLs, in addition to `https` URLs.
    pub allow_plain_http: bool,
    /// The secrets that requests of plugins may carry for every business, each a table `[egress.secrets.<name>]`. A
    /// plugin writes `{{secret:NAME}}` and never sees the value.
    pub secrets: BTreeMap<String, EgressSecretConfig>,
    /// The secrets that requests of plugins may carry for a single business, each a table
    /// `[egress.business-secrets.<business>.<name>]`. For this business, the secret replaces the secret of the same
    /// name in `secrets`.
    pub business_secrets: BTreeMap<String, BTreeMap<String, EgressSecretConfig>>,
    /// The most requests of plugins that may be under way at the same time. For further ones, plugins get the error
    /// `unavailable` at once.
    pub requests: usize,
    /// The most requests of the plugins of one business that may be under way at the same time, so that one business
    /// cannot use up `requests`. For further ones, plugins get the error `unavailable` at once.
    pub requests_per_business: usize,
}

/// `[egress.secrets.<name>]`: one secret that requests of plugins may carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EgressSecretConfig {
    /// Reference to the secret.
    pub value: SecretReference,
    /// The host names to which requests may carry the secret. A request that names the secret and goes to any other
    /// host name is refused.
    pub hosts: Vec<String>,
}

impl Default for EgressConfig {
    fn default() -> Self {
        let EgressRules { private_networks, allow_plain_http, requests, requests_per_business, .. } =
            EgressRules::default();
        Self {
            enabled: true,
            private_networks,
            allow_plain_http,
            secrets: BTreeMap::new(),
            business_secrets: BTreeMap::new(),
            requests,
            requests_per_business,
        }
    }
}

impl EgressConfig {
    /// The rules with their secrets opened; none when nothing may leave. `business_of` says which business a key means.
    pub fn resolve(&self, business_of: impl Fn(&str) -> String) -> Result<Option<EgressRules>, SecretError> {
        if !self.enabled {
            return Ok(None);
        }
        let secrets = open_all("egress.secrets", &self.secrets)?;
        let mut business_secrets = BTreeMap::<String, BTreeMap<String, EgressSecret>>::new();
        for (business, own) in &self.business_secrets {
            let opened = open_all(&format!("egress.business-secrets.{business}"), own)?;
            business_secrets.entry(business_of(business)).or_default().extend(opened);
        }
        let private_networks = self.private_networks.clone();
        let Self { allow_plain_http, requests, requests_per_business, .. } = *self;
        Ok(Some(EgressRules {
            private_networks,
            allow_plain_http,
            secrets,
            business_secrets,
            requests,
            requests_per_business,
        }))
    }
}

fn open_all(
    place: &str,
    secrets: &BTreeMap<String, EgressSecretConfig>,
) -> Result<BTreeMap<String, EgressSecret>, SecretError> {
    let open = |(name, secret): (&String, &EgressSecretConfig)| {
        let value = secrets::open(&format!("{place}.{name}.value"), &secret.value)?;
        Ok((name.clone(), EgressSecret { value, hosts: secret.hosts.clone() }))
    };
    secrets.iter().map(open).collect()
}
