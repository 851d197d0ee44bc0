//! Webhooks with their secrets opened, and every loaded bundle's hooks held to them.

use std::collections::BTreeMap;

use secrecy::SecretString;
use signalbox_executor::Generations;
use signalbox_store::Store;
use signalbox_triggers::{Clock, Intake, WebhookConfig, Webhooks};

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

/// The endpoint; fails when a bundle has a hook that could never be verified.
pub fn open(
    config: &WebhookConfig,
    secrets: Secrets,
    intake: &Intake,
    store: &Store,
    clock: &Clock,
    generations: &Generations,
) -> Result<Webhooks, StartError> {
    let webhooks = Webhooks::new(config.clone(), secrets, intake.clone(), store.clone(), clock.clone());
    for generation in generations.all() {
        let bundle = format!("the bundle for {} businesses", generation.business_type);
        webhooks.check(&bundle, &generation.inputs)?;
    }
    Ok(webhooks)
}
