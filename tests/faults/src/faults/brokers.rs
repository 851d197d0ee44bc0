//! Kafka that is away, slow, moving, or refuses records.

use std::time::Duration;

use anyhow::{Result, ensure};
use signalbox_tests_support::{DEADLINE, RDKafkaApiKey, RDKafkaRespErr};
use tokio::time::Instant;

use crate::trial::{FaultReport, Trial};
use crate::world::{ACTIONS, ORDERS, World, WorldOptions};

const AVAILABLE: &str = "signalbox_effect_target_available";
const OF_KAFKA: &str = "target=\"kafka\"";
const EFFECTS: &str = "signalbox_effects_total";
const ATTEMPTS: &str = "signalbox_effect_attempts_total";

/// Records are given up by the producer soon, and leases outlive that by far.
fn options() -> WorldOptions {
    WorldOptions { lease: "20s", send_timeout: "2s", ..WorldOptions::default() }
}

pub(super) async fn down(_seed: u64) -> Result<FaultReport> {
    let mut trial = Trial::start(World::shared(options()).await?).await?;
    trial.orders(3).await?;
    trial.world.shared_places()?.kafka.down()?;
    trial.orders(12).await?;
    trial.sees_log(&["WARN a target of effects does not answer; its effects are held back", "kafka"]).await?;
    trial.sees_metric(AVAILABLE, &[OF_KAFKA], |value| value == 0.0).await?;
    trial.sees_effects(&["--state", "held-back", "--target", "kafka"], "reason").await?;
    trial.sees_ready(200).await?;
    trial.world.shared_places()?.kafka.up()?;
    trial.sees_log(&["INFO a target of effects answers again"]).await?;
    trial.sees_metric(AVAILABLE, &[OF_KAFKA], |value| value == 1.0).await?;
    trial.end("All brokers stop while orders come, and start again later; the host is not started anew.").await
}

pub(super) async fn slow(_seed: u64) -> Result<FaultReport> {
    let mut trial = Trial::start(World::shared(options()).await?).await?;
    trial.world.shared_places()?.kafka.slow(Duration::from_millis(700))?;
    trial.orders(12).await?;
    let labels = [OF_KAFKA, "result=\"delivered\""];
    trial.sees_metric(ATTEMPTS, &labels, |value| value > 0.0).await?;
    trial.sees_metric("signalbox_effect_attempt_duration_seconds_sum", &[OF_KAFKA], |value| value > 1.0).await?;
    trial.sees_ready(200).await?;
    trial.world.shared_places()?.kafka.slow(Duration::ZERO)?;
    trial.end("Each request takes the brokers 700 ms longer while orders come.").await
}

pub(super) async fn erroring(_seed: u64) -> Result<FaultReport> {
    let mut trial = Trial::start(World::shared(options()).await?).await?;
    let errors = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    ];
    // One order after the other: a broker that refuses a record refuses those after it too, as they would be out of
    // order. The mock cluster takes them, and librdkafka concludes from that that it has the first one.
    for error in errors.into_iter().cycle().take(12) {
        trial.world.shared_places()?.kafka.fail(RDKafkaApiKey::Produce, &[error; 2]);
        trial.orders(1).await?;
        trial.world.all_arrived().await?;
    }
    let labels = [OF_KAFKA, "result=\"delivered\""];
    trial.sees_metric(ATTEMPTS, &labels, |value| value >= 24.0).await?;
    trial
        .end("Before each order two of the requests that send records are made to fail, with four errors in turn.")
        .await
}

pub(super) async fn leaders_move(_seed: u64) -> Result<FaultReport> {
    let mut trial = Trial::start(World::shared(WorldOptions { brokers: 3, ..options() }).await?).await?;
    let orders = trial.new_orders(30);
    let moves = async {
        for turn in 0..15_i32 {
            for topic in [ACTIONS, ORDERS] {
                for partition in 0..2 {
                    trial.world.shared_places()?.kafka.lead(topic, partition, 1 + (turn + partition) % 3)?;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        anyhow::Ok(())
    };
    let (sent, moved) = tokio::join!(trial.send(orders), moves);
    sent.and(moved)?;
    let labels = [OF_KAFKA, "result=\"delivered\""];
    trial.sees_metric(ATTEMPTS, &labels, |value| value >= 60.0).await?;
    let done = "Of three brokers each partition gets another leader fifteen times, every 200 ms, while orders come.";
    trial.end(done).await
}

pub(super) async fn message_too_large(_seed: u64) -> Result<FaultReport> {
    let mut trial = Trial::start(World::shared(options()).await?).await?;
    let kafka = &trial.world.shared_places()?.kafka;
    kafka.fail(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    trial.orders(6).await?;
    are_dead_letters(&mut trial, "raise the topic's max.message.bytes").await?;
    are_sent_again(&mut trial).await?;
    let done = "The brokers refuse one record as too large. The operator raises their limit and has it sent again.";
    trial.end(done).await
}

pub(super) async fn topic_unknown(_seed: u64) -> Result<FaultReport> {
    let mut trial = Trial::start(World::shared(options()).await?).await?;
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    trial.world.shared_places()?.kafka.topic_error(ORDERS, error)?;
    trial.orders(3).await?;
    are_dead_letters(&mut trial, "create it, or correct [kafka]").await?;
    trial.world.shared_places()?.kafka.topic_error(ORDERS, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR)?;
    are_sent_again(&mut trial).await?;
    trial.end("A topic is not there. The operator creates it and has the records sent again.").await
}

pub(super) async fn topic_forbidden(_seed: u64) -> Result<FaultReport> {
    let mut trial = Trial::start(World::shared(options()).await?).await?;
    let kafka = &trial.world.shared_places()?.kafka;
    kafka.fail(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    trial.orders(6).await?;
    are_dead_letters(&mut trial, "grant the host WRITE and DESCRIBE").await?;
    are_sent_again(&mut trial).await?;
    trial
        .end("The brokers do not let the host write to a topic. The operator grants it and has the records sent again.")
        .await
}

/// What was refused is a dead letter with this reason, and the host is ready all the same.
async fn are_dead_letters(trial: &mut Trial, reason: &str) -> Result<()> {
    trial.sees_effects(&["--state", "dead-letter"], reason).await?;
    trial.sees_log(&["ERROR an effect is a dead letter"]).await?;
    trial.sees_metric(EFFECTS, &["result=\"dead_letter\""], |value| value >= 1.0).await?;
    trial.sees_ready(200).await
}

/// The operator has removed the cause, and has every dead letter sent again until there is none.
async fn are_sent_again(trial: &mut Trial) -> Result<()> {
    // librdkafka goes by what it last heard of a topic for up to 15 seconds.
    let until = Instant::now() + DEADLINE;
    while trial.retry_dead_letters().await? > 0 {
        ensure!(Instant::now() < until, "the records are refused again and again");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
