//! Builds what capabilities stand on, from the configuration.

use std::sync::Arc;

use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::cron::ScheduleLimits;
use signalbox_capabilities::http::{Egress, SystemLookup};
use signalbox_capabilities::llm::{LanguageModels, OpenAi, Scripted};
use signalbox_capabilities::{AnswerLedger, Services};
use signalbox_store::Store;
use signalbox_triggers::CronConfig;

use super::StartError;
use crate::config::{Config, ConfigError, EgressConfig, LlmConfig, ModelConfig, StoreBackend, StoreConfig, secrets};

/// Opens the store, and says plainly when it is none for production.
pub async fn open_store(config: &StoreConfig) -> Result<Store, StartError> {
    match config.backend {
        StoreBackend::Embedded => {
            tracing::warn!(
                path = %config.path.display(),
                "the embedded store is for the first run, development and small trials, not for production; \
                 docs/guide/dynamodb.md leads to DynamoDB"
            );
            if let Some(folder) = config.path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| {
                    StartError::Internal(format!("cannot make the store's folder {}: {error}", folder.display()))
                })?;
            }
        }
        StoreBackend::Memory => tracing::warn!("the store is in memory: everything is lost when the host ends"),
        StoreBackend::Dynamodb => {}
    }
    Ok(Store::open(config.resolve()?).await?)
}

/// Everything plugins may ask for.
pub fn services(config: &Config, store: Store, directory: Arc<BusinessDirectory>) -> Result<Services, StartError> {
    let limits = config.answers.resolve().map_err(ConfigError::elsewhere)?;
    Ok(Services {
        store,
        directory,
        models: Arc::new(models(&config.llm)?),
        egress: egress(&config.egress)?,
        schedules: schedules(&config.cron),
        answers: AnswerLedger::new(limits),
    })
}

/// What the schedules that plugins make may come to.
fn schedules(config: &CronConfig) -> ScheduleLimits {
    ScheduleLimits {
        per_business: config.schedules_per_business,
        per_decision: config.schedules_per_decision,
        least_interval: config.least_interval.0,
    }
}

fn models(config: &LlmConfig) -> Result<LanguageModels, StartError> {
    let mut models = LanguageModels::none();
    for (name, model) in &config.models {
        let refused = |reason: String| StartError::Model { name: name.clone(), reason };
        models = match model {
            ModelConfig::Scripted { file } => {
                let scripted = Scripted::open(file, name).map_err(|error| refused(error.to_string()))?;
                models.with(name, Arc::new(scripted))
            }
            ModelConfig::Openai { base_url, model, api_key, max_tokens } => {
                let key = match api_key {
                    Some(reference) => Some(secrets::open(&format!("llm.models.{name}.api-key"), reference)?),
                    None => None,
                };
                let endpoint = OpenAi::new(base_url, model, key, *max_tokens).map_err(refused)?;
                models.with(name, Arc::new(endpoint))
            }
        };
    }
    Ok(models)
}

fn egress(config: &EgressConfig) -> Result<Option<Arc<Egress>>, StartError> {
    let Some(rules) = config.resolve()? else { return Ok(None) };
    let egress = Egress::new(rules, Arc::new(SystemLookup))
        .map_err(|reason| StartError::Internal(format!("outgoing requests cannot be set up: {reason}")))?;
    Ok(Some(Arc::new(egress)))
}
