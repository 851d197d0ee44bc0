//! Starts the Kafka consumer when brokers are configured, and makes the target of effects that leave by Kafka.

use std::sync::Arc;
use std::time::Duration;

use signalbox_delivery::{DevelopmentSink, EffectTarget, FanOut, FanOutReader, KafkaTarget, KafkaTopics};
use signalbox_intake::Intake;
use signalbox_kafka::{KafkaConnection, KafkaHints, KafkaProducer, KafkaTail};
use signalbox_model::Clock;
use signalbox_store::Store;
use signalbox_trigger_kafka::{KafkaConfig, KafkaConsumer, KafkaError};

use super::StartError;
use crate::config::{Config, secrets};

/// How to connect to the brokers, with the password opened; none when there are no brokers.
pub fn connection(config: &KafkaConfig) -> Result<Option<KafkaConnection>, StartError> {
    // A topic of the host's own configuration that is used twice is not the fault of a bundle.
    config.check_own_topics()?;
    let KafkaConfig { brokers, client_id, security, .. } = config;
    if brokers.is_empty() {
        return Ok(None);
    }
    let password = match &security.password {
        Some(reference) => Some(secrets::open("kafka.security.password", reference)?),
        None => None,
    };
    let connection = KafkaConnection::new(brokers, client_id, security, password.as_ref());
    Ok(Some(connection.map_err(KafkaError::from)?))
}

/// Where resource actions and plugins' records go: to the brokers, or to the development sink, which is told. Without
/// either there is no target, and such effects wait.
pub fn target(
    config: &Config,
    connection: Option<&KafkaConnection>,
) -> Result<Option<Arc<dyn EffectTarget>>, StartError> {
    let topics = KafkaTopics {
        resource_actions: config.kafka.resource_actions_topic.clone(),
        published: config.kafka.topics.clone(),
        fallback: config.kafka.fallback_topic.clone(),
    };
    if let Some(connection) = connection {
        let producer = KafkaProducer::new(connection, config.kafka.send_timeout.0).map_err(KafkaError::from)?;
        return Ok(Some(Arc::new(KafkaTarget::new(producer, topics))));
    }
    let Some(path) = config.development_sink() else { return Ok(None) };
    let file = path.display().to_string();
    let sink = DevelopmentSink::open(path, topics).map_err(|error| {
        let key = "delivery.development-sink";
        StartError::Internal(format!("the development sink {file} cannot be opened: {error}; name another with {key}"))
    })?;
    tracing::warn!(
        file,
        "no Kafka cluster is configured: what would leave by Kafka is appended to the development sink, and no other \
         system sees it; `signalbox effects tail` shows it"
    );
    Ok(Some(Arc::new(sink)))
}

/// How long messages to people wait for a connection before they go to the fallback topic; none leaves them in the
/// mailbox, which is told where the operator has asked for more.
pub fn fallback_after(config: &Config, target: Option<&Arc<dyn EffectTarget>>) -> Option<Duration> {
    let topic = config.kafka.fallback_topic.as_deref()?;
    if target.is_none() {
        tracing::warn!(
            topic,
            "no Kafka cluster is configured: messages to people that no connection takes stay in the mailbox, and none \
             goes to the fallback topic"
        );
        return None;
    }
    Some(config.kafka.fallback_after.0)
}

/// How hosts tell each other of what they decide: none without brokers or without a topic for it.
pub fn fan_out(
    config: &KafkaConfig,
    connection: Option<&KafkaConnection>,
    store: &Store,
) -> Result<Option<(FanOut, FanOutReader)>, StartError> {
    let (Some(connection), Some(topic)) = (connection, &config.fan_out_topic) else { return Ok(None) };
    let hints = KafkaHints::new(connection, topic).map_err(KafkaError::from)?;
    let tail = KafkaTail::start(connection, topic).map_err(KafkaError::from)?;
    Ok(Some((FanOut::new(Arc::new(hints), store.clone()), FanOutReader::new(tail, store))))
}

/// Begins to read. Without brokers nothing is read, and a warning names each bundle that declares topics.
pub fn start(
    config: &KafkaConfig,
    connection: Option<&KafkaConnection>,
    intake: &Intake,
    clock: &Clock,
) -> Result<Option<KafkaConsumer>, StartError> {
    let Some(connection) = connection else { return Ok(None) };
    Ok(Some(KafkaConsumer::start(config, connection, intake.clone(), clock.clone())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_to_a_fallback_topic_only_where_it_is_set_and_kafka_or_its_file_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let sink = DevelopmentSink::open(folder.path().join("effects.jsonl"), KafkaTopics::default()).unwrap();
        let target: Arc<dyn EffectTarget> = Arc::new(sink);
        let mut config = Config::default();
        assert_eq!(fallback_after(&config, Some(&target)), None);
        config.kafka.fallback_topic = Some("messages".to_owned());
        assert_eq!(fallback_after(&config, None), None);
        assert_eq!(fallback_after(&config, Some(&target)), Some(config.kafka.fallback_after.0));
    }
}
