//! Opens the secrets of webhooks and finds the businesses that they belong to.

use std::collections::BTreeMap;

use secrecy::SecretString;
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_executor::Generations;
use signalbox_model::{SecretReference, folded_name};
use signalbox_trigger_webhook::{WebhookConfig, WebhookSecrets, Webhooks};

use super::StartError;
use crate::config::secrets::{self, SecretError};

/// The secrets that could be opened, and why others could not.
pub struct Opened {
    /// The opened secrets.
    pub secrets: WebhookSecrets,
    /// Shared secrets that could not be opened, by their folded names: a bundle whose webhooks need one is not loaded,
    /// others are.
    pub missing: BTreeMap<String, SecretError>,
}

/// Opens every secret that senders sign with. A missing shared secret affects only the bundles that need it. A secret
/// that is there but invalid, or a missing secret of one business, is an error at once: without its own secret a
/// business would fall back to the shared one.
pub fn secrets(config: &WebhookConfig, directory: &BusinessDirectory) -> Result<Opened, StartError> {
    let (mut shared, mut missing) = (BTreeMap::new(), BTreeMap::new());
    for (name, references) in &config.secrets {
        match open(&format!("webhooks.secrets.{name}"), references) {
            Ok(secrets) => drop(shared.insert(name.clone(), secrets)),
            Err(error @ (SecretError::Variable { .. } | SecretError::File { .. })) => {
                tracing::error!(%error, "a secret of webhooks is not there; bundles that need it are not loaded");
                missing.insert(folded_name(name), error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut opened = WebhookSecrets { shared, own: BTreeMap::new() };
    for (business, references) in &config.business_secrets {
        let own = opened.own.entry(business_of(business, directory)).or_default();
        for (name, references) in references {
            own.insert(name.clone(), open(&format!("webhooks.business-secrets.{business}.{name}"), references)?);
        }
    }
    Ok(Opened { secrets: opened, missing })
}

fn open(key: &str, references: &[SecretReference]) -> Result<Vec<SecretString>, SecretError> {
    references.iter().map(|reference| secrets::open(key, reference)).collect()
}

/// The business that a configuration key names; a variable cannot spell every business id. When two businesses match,
/// neither is chosen.
pub fn business_of(written: &str, directory: &BusinessDirectory) -> String {
    let ids = directory.ids();
    if ids.iter().any(|id| id == written) {
        return written.to_owned();
    }
    let mut alike = ids.iter().filter(|id| folded_name(id) == folded_name(written));
    match (alike.next(), alike.next()) {
        (Some(id), None) => id.clone(),
        _ => written.to_owned(),
    }
}

/// Logs which businesses share a secret, for the bundles that are loaded.
pub fn tell_what_is_shared(webhooks: &Webhooks, generations: &Generations) {
    let hooks = generations.all().into_iter().map(|generation| {
        let generation = generation.clone();
        (generation.business_type.to_string(), generation.inputs.clone())
    });
    for warning in webhooks.warnings(&hooks.collect()) {
        tracing::warn!("{warning}");
    }
}

#[cfg(test)]
mod tests {
    use signalbox_model::BusinessInfo;

    use super::*;

    fn business(id: &str) -> BusinessInfo {
        serde_json::from_value(serde_json::json!({ "businessId": id, "name": id, "type": "restaurant" })).unwrap()
    }

    #[test]
    fn a_business_is_meant_as_a_variable_can_write_it_unless_two_could_be() {
        let directory = BusinessDirectory::of(["trattoria-roma", "da-gino", "DA_GINO"].map(business));
        assert_eq!(business_of("TRATTORIA_ROMA", &directory), "trattoria-roma");
        assert_eq!(business_of("da-gino", &directory), "da-gino");
        assert_eq!(business_of("DA_GINO", &directory), "DA_GINO");
        assert_eq!(business_of("Da_Gino", &directory), "Da_Gino", "nobody is guessed");
        // Once the file is corrected, the business has its secrets without a restart.
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("roma.toml"), "businessId = \"trattoria-roma\"\ncolour = 1\n").unwrap();
        let directory = BusinessDirectory::open(folder.path()).unwrap();
        assert_eq!(business_of("TRATTORIA_ROMA", &directory), "trattoria-roma");
    }
}
