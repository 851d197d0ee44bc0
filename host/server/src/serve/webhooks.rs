//! The secrets of webhooks, opened.

use std::collections::BTreeMap;

use secrecy::SecretString;
use signalbox_triggers::WebhookConfig;

use super::StartError;
use crate::config::secrets;

/// The secrets by name, each with all that are valid.
pub type Secrets = BTreeMap<String, Vec<SecretString>>;

/// Opens every secret that senders sign with.
pub fn secrets(config: &WebhookConfig) -> Result<Secrets, StartError> {
    let mut opened = Secrets::new();
    for (name, references) in &config.secrets {
        let key = format!("webhooks.secrets.{name}");
        let open = references.iter().map(|reference| secrets::open(&key, reference)).collect::<Result<_, _>>()?;
        opened.insert(name.clone(), open);
    }
    Ok(opened)
}
