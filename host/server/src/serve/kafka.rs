//! Starts the Kafka consumer when brokers are configured.

use signalbox_graph::Inputs;
use signalbox_intake::Intake;
use signalbox_kafka::KafkaConnection;
use signalbox_model::Clock;
use signalbox_trigger_kafka::{KafkaConfig, KafkaConsumer, KafkaError};

use super::StartError;
use crate::config::secrets;

/// How to connect to the brokers, with the password opened; none when there are no brokers.
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

/// Begins to read. Without brokers nothing is read, and a warning names each bundle that declares topics.
pub fn start(
    config: &KafkaConfig,
    connection: Option<&KafkaConnection>,
    intake: &Intake,
    clock: &Clock,
) -> Result<Option<KafkaConsumer>, StartError> {
    // A topic of the host's own configuration that is used twice is not the fault of a bundle.
    config.check("no bundle", &Inputs::default())?;
    let Some(connection) = connection else { return Ok(None) };
    Ok(Some(KafkaConsumer::start(config, connection, intake.clone(), clock.clone())?))
}
