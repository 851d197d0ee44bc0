//! Builds the backends of the capabilities from the configuration.

use std::sync::Arc;
use std::time::Duration;

use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::cron::ScheduleLimits;
use signalbox_capabilities::http::{Egress, SystemLookup};
use signalbox_capabilities::llm::{LanguageModels, OpenAi, OpenAiSettings, Scripted};
use signalbox_capabilities::{AnswerLedger, PublishableTopics, Services};
use signalbox_delivery::{
    AdminNoticeTask, AdminNotices, EffectTarget, EmailServer, ExternalCallReceivers, HttpTarget, NotificationWebhooks,
};
use signalbox_diagnostics::suggestion;
use signalbox_store::Store;
use signalbox_trigger_cron::CronConfig;

use super::{StartError, webhooks};
use crate::config::{Config, ConfigError, EgressConfig, LlmConfig, ModelConfig, StoreBackend, StoreConfig, secrets};

/// Opens the store, and warns when it is not meant for production.
pub async fn open_store(config: &StoreConfig, effect_lease: Duration) -> Result<Store, StartError> {
    match config.backend {
        StoreBackend::Embedded => {
            tracing::warn!(
                path = %config.path.display(),
                "the embedded store is for the first run, development and small trials, not for production; \
                 docs/guide/dynamodb.md leads to DynamoDB"
            );
        }
        StoreBackend::Memory => tracing::warn!("the store is in memory: everything is lost when the host ends"),
        StoreBackend::Dynamodb => {}
    }
    Ok(Store::open(signalbox_store::Config { effect_lease, ..config.resolve()? }).await?)
}

/// The backends of all capabilities that plugins may call.
pub fn services(config: &Config, store: Store, directory: Arc<BusinessDirectory>) -> Result<Services, StartError> {
    let limits = config.answers.resolve().map_err(ConfigError::elsewhere)?;
    let (models, egress) = (Arc::new(models(&config.llm)?), egress(&config.egress, &directory)?);
    Ok(Services {
        store,
        directory,
        models,
        egress,
        schedules: schedules(&config.cron),
        topics: topics(config),
        answers: AnswerLedger::new(limits),
    })
}

/// The topics that plugins can publish to.
fn topics(config: &Config) -> PublishableTopics {
    if !config.kafka.brokers.is_empty() {
        return PublishableTopics::Mapped(config.kafka.topics.clone());
    }
    match config.development_sink() {
        Some(_) => PublishableTopics::All,
        None => PublishableTopics::None,
    }
}

/// The limits for schedules that plugins make.
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
                let scripted =
                    Scripted::open(file, name).map_err(|error| StartError::Script { name: name.clone(), error })?;
                models.with(name, Arc::new(scripted))
            }
            ModelConfig::Openai { base_url, model, api_key, api_key_header, max_tokens, max_tokens_parameter } => {
                let key = match api_key {
                    Some(reference) => Some(secrets::open(&format!("llm.models.{name}.api-key"), reference)?),
                    None => None,
                };
                let settings = OpenAiSettings {
                    base_url: base_url.clone(),
                    model: model.clone(),
                    api_key: key,
                    api_key_header: api_key_header.clone(),
                    max_tokens: *max_tokens,
                    max_tokens_parameter: *max_tokens_parameter,
                };
                let endpoint = OpenAi::new(settings).map_err(refused)?;
                models.with(name, Arc::new(endpoint))
            }
        };
    }
    Ok(models)
}

fn egress(config: &EgressConfig, directory: &BusinessDirectory) -> Result<Option<Arc<Egress>>, StartError> {
    let Some(rules) = config.resolve(|written| webhooks::business_of(written, directory))? else { return Ok(None) };
    let ids = directory.ids();
    for business in rules.business_secrets.keys().filter(|business| !ids.contains(business)) {
        tracing::warn!(business, "[egress.business-secrets] names a business that is not in the directory");
    }
    let egress = Egress::new(rules, Arc::new(SystemLookup))
        .map_err(|reason| StartError::Internal(format!("outgoing requests cannot be set up: {reason}")))?;
    Ok(Some(Arc::new(egress)))
}

/// The target of external calls; none when no service is configured or outgoing requests are switched off. Beside a
/// configured service, a call to any other is refused by the target, which names the key to set.
pub fn external_calls(
    config: &Config,
    egress: Option<&Arc<Egress>>,
) -> Result<Option<Arc<dyn EffectTarget>>, StartError> {
    let receivers = ExternalCallReceivers::open::<StartError>(&config.delivery.external_calls, |key, reference| {
        Ok(secrets::open(key, reference)?)
    })?;
    Ok(egress
        .filter(|_| !receivers.is_empty())
        .map(|egress| Arc::new(HttpTarget::new(egress.clone(), receivers)) as Arc<dyn EffectTarget>))
}

/// The server of e-mails; none when none is configured.
pub fn email_server(config: &Config) -> Result<Option<EmailServer>, StartError> {
    let open = |key: &str, reference: &_| Ok(secrets::open(key, reference)?);
    EmailServer::open::<StartError>(&config.delivery.email, open, |path| std::fs::read(path))
}

/// The receivers of notifications; none when there are none, or outgoing requests are switched off.
pub fn notification_webhooks(
    config: &Config,
    egress: Option<&Arc<Egress>>,
) -> Result<Option<NotificationWebhooks>, StartError> {
    let Some(egress) = egress else { return Ok(None) };
    let open = |key: &str, reference: &_| Ok(secrets::open(key, reference)?);
    NotificationWebhooks::open::<StartError>(&config.delivery.notification_webhooks, egress.clone(), open)
}

/// The host's own notices to its operators, and the task that sends them; none when nobody gets any.
pub fn admin_notices(
    config: &Config,
    email: Option<&EmailServer>,
    webhooks: Option<&NotificationWebhooks>,
) -> Result<(AdminNotices, Option<AdminNoticeTask>), StartError> {
    let admin = &config.delivery.admin;
    let receivers = &config.delivery.notification_webhooks.receivers;
    if let Some(unknown) = admin.webhooks.iter().find(|name| !receivers.contains_key(*name)) {
        let names = receivers.keys().map(String::as_str);
        let help = suggestion(unknown, "the receivers there", names);
        let problem = format!("`delivery.admin.webhooks` names `{unknown}`, which is no receiver: {help}");
        return Err(ConfigError::elsewhere(problem).into());
    }
    if !admin.email.is_empty() && email.is_none() {
        let problem = "`delivery.admin.email` needs a server of e-mail; set `delivery.email.server`";
        return Err(ConfigError::elsewhere(problem.to_owned()).into());
    }
    // A name that tells hosts apart; addresses are often the same on all of them.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if name.trim().is_empty() { config.server.listen.to_string() } else { name.trim().to_owned() };
    Ok(AdminNotices::new(admin, &host, email.cloned(), webhooks.cloned()))
}

#[cfg(test)]
mod tests {
    use signalbox_capabilities::http::EgressRules;

    use super::*;

    #[test]
    fn external_calls_wait_without_a_receiver_and_while_outgoing_requests_are_switched_off() {
        let egress = Arc::new(Egress::new(EgressRules::default(), Arc::new(SystemLookup)).unwrap());
        let mut config = Config::default();
        assert!(external_calls(&config, Some(&egress)).unwrap().is_none());
        config.delivery.external_calls = toml::from_str("[receivers.crm]\nhosts = [\"crm.example\"]\n").unwrap();
        assert!(external_calls(&config, None).unwrap().is_none());
        assert!(external_calls(&config, Some(&egress)).unwrap().is_some());
    }

    #[test]
    fn notices_to_a_receiver_that_does_not_exist_keep_the_host_from_starting_and_the_one_that_was_meant_is_named() {
        let error = |toml: &str| {
            let config = Config { delivery: toml::from_str(toml).unwrap(), ..Config::default() };
            match admin_notices(&config, None, None) {
                Err(StartError::Config(error)) => error.render(false),
                Err(other) => panic!("{other}"),
                Ok(_) => panic!("{toml} is taken"),
            }
        };
        let told = error(
            "[admin]\nwebhooks = [\"ops-caht\"]\n[notification-webhooks.receivers.ops-chat]\nformat = \"slack\"\n\
             url = { env = \"X\" }\n",
        );
        assert!(told.contains("`ops-caht`") && told.contains("did you mean `ops-chat`?"), "{told}");
        let told = error("[admin]\nemail = [\"ops@roma.example\"]\n");
        assert!(told.contains("delivery.email.server"), "{told}");
    }
}
