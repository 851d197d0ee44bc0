use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use signalbox_capabilities::http::{EgressConfig as Rules, EgressSecret, Network};
use signalbox_model::SecretReference;

use super::secrets::{self, SecretError};

/// `[egress]`: what plugins with an `http` grant may reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
}

/// `[egress.secrets.<name>]`: one secret that leaves with requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EgressSecretConfig {
    /// Reference to the secret.
    pub value: SecretReference,
    /// The hosts it may go to; requests to others that name it are refused.
    pub hosts: Vec<String>,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self { enabled: true, private_networks: Vec::new(), allow_plain_http: false, secrets: BTreeMap::new() }
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
        Ok(Some(Rules { private_networks, allow_plain_http: self.allow_plain_http, secrets }))
    }
}
