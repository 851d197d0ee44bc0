use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use signalbox_capabilities::http::{EgressRules, EgressSecret, Network};
use signalbox_model::SecretReference;

use super::secrets::{self, SecretError};

/// `[egress]`: what plugins with an `http` grant may reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EgressConfig {
    /// Whether plugins may send requests at all; without it `http` answers `not-configured`.
    pub enabled: bool,
    /// Private networks that plugins may reach after all, for example `10.1.0.0/16`.
    pub private_networks: Vec<Network>,
    /// Allows `http` URLs besides `https`.
    pub allow_plain_http: bool,
    /// Secrets that requests may carry, by the name plugins write in `{{secret:NAME}}`.
    pub secrets: BTreeMap<String, EgressSecretConfig>,
    /// The same of single businesses, by business and name, in place of those that all share.
    pub business_secrets: BTreeMap<String, BTreeMap<String, EgressSecretConfig>>,
    /// Requests of plugins that may be under way at the same time; more are answered `unavailable`.
    pub requests: usize,
    /// The same for one business, so that none takes all of them.
    pub requests_per_business: usize,
}

/// `[egress.secrets.<name>]`: one secret that leaves with requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EgressSecretConfig {
    /// Reference to the secret.
    pub value: SecretReference,
    /// The hosts it may go to; requests to others that name it are refused.
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
