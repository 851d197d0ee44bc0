//! External services that hang, refuse connections, break them, or answer what is no answer.

use anyhow::Result;
use signalbox_tests_support::Reception;

use crate::trial::{FaultReport, Trial};
use crate::world::{World, WorldOptions};

/// The service behaves like this while orders come, and later well again. The operator sees the reason of each effect
/// that waits for its next attempt.
async fn behaves(reception: Reception, reason: &str, done: &'static str) -> Result<FaultReport> {
    // Half of the lease is the longest deadline of an attempt.
    let options = WorldOptions {
        lease: "4s",
        retry: "initial-interval = \"2s\"\nmax-interval = \"2s\"",
        ..WorldOptions::default()
    };
    let mut trial = Trial::start(World::embedded(options).await?).await?;
    trial.orders(3).await?;
    trial.world.receiver.set(reception);
    trial.orders(9).await?;
    let labels = ["target=\"http\"", "result=\"failed\""];
    trial.sees_metric("signalbox_effect_attempts_total", &labels, |value| value >= 1.0).await?;
    trial.sees_effects(&[], reason).await?;
    trial.sees_ready(200).await?;
    trial.world.receiver.set(Reception::Takes);
    trial.end(done).await
}

pub(super) async fn hangs(_seed: u64) -> Result<FaultReport> {
    behaves(Reception::Hangs, "no answer within 2 s", "The service takes calls and does not answer.").await
}

pub(super) async fn refuses(_seed: u64) -> Result<FaultReport> {
    behaves(Reception::Refuses, "did not answer", "The service refuses connections.").await
}

pub(super) async fn resets(_seed: u64) -> Result<FaultReport> {
    behaves(Reception::Resets, "did not answer", "The service closes connections as soon as it has accepted them.")
        .await
}

pub(super) async fn answers_garbage(_seed: u64) -> Result<FaultReport> {
    behaves(Reception::Garbage, "did not answer", "The service answers with bytes that are no HTTP.").await
}

pub(super) async fn answers_lost(_seed: u64) -> Result<FaultReport> {
    let done =
        "The service does what it is called for, and its answers are lost: it is called again under the same key.";
    behaves(Reception::LosesAnswers, "did not answer", done).await
}

pub(super) async fn unavailable(_seed: u64) -> Result<FaultReport> {
    behaves(Reception::Answers(503), "answered 503", "The service answers 503.").await
}
