use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use signalbox_capabilities::http::{EgressConfig as Rules, EgressSecret, Network};
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
        let Rules { private_networks, allow_plain_http, requests, requests_per_business, .. } = Rules::default();
        let secrets = BTreeMap::new();
        Self { enabled: true, private_networks, allow_plain_http, secrets, requests, requests_per_business }
    }
}

impl EgressConfig {
    /// The rules with their secrets opened; none when nothing may leave.
    pub fn resolve(&self) -> Result<Option<Rules>, SecretError> {
        if !self.enabled {
            return Ok(None);
        }
        let open = |(name, secret): (&String, &EgressSecretConfig)| {
            let value = secrets::open(&format!("egress.secrets.{name}.value"), &secret.value)?;
            Ok((name.clone(), EgressSecret { value, hosts: secret.hosts.clone() }))
        };
        let secrets = self.secrets.iter().map(open).collect::<Result<_, SecretError>>()?;
        let private_networks = self.private_networks.clone();
        let Self { allow_plain_http, requests, requests_per_business, .. } = *self;
        Ok(Some(Rules { private_networks, allow_plain_http, secrets, requests, requests_per_business }))
    }
}
