//! Kafka, when there are brokers, and every loaded bundle's topics held against the configuration.

use signalbox_delivery::KafkaConnection;
use signalbox_executor::Generations;
use signalbox_triggers::{Clock, Intake, KafkaConfig, KafkaConsumer, KafkaError};

use super::StartError;
use crate::config::secrets;

/// The way to the brokers, with its password opened; none when there are no brokers.
pub fn connection(config: &KafkaConfig) -> Result<Option<KafkaConnection>, StartError> {
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

/// Begins to read. Without brokers a bundle may be tried out all the same, and its topics are named.
pub fn start(
    config: &KafkaConfig,
    connection: Option<&KafkaConnection>,
    intake: &Intake,
    clock: &Clock,
    generations: &Generations,
) -> Result<Option<KafkaConsumer>, StartError> {
    for generation in generations.all() {
        config.check(&format!("the bundle for {} businesses", generation.business_type), &generation.inputs)?;
        if connection.is_none() && !generation.inputs.kafka.is_empty() {
            let topics: Vec<&str> = generation.inputs.kafka.values().map(|input| input.topic.as_str()).collect();
            tracing::warn!(
                business_type = %generation.business_type,
                ?topics,
                "the bundle reads Kafka topics, but no broker is configured: nothing is read; add kafka.brokers"
            );
        }
    }
    let Some(connection) = connection else { return Ok(None) };
    Ok(Some(KafkaConsumer::start(config, connection, intake.clone(), clock.clone())?))
}
