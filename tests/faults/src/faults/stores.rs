//! A store that is throttled, away, slow, or loses its answers: a proxy in front of its HTTP endpoint.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use signalbox_tests_support::StoreFaults;

use crate::trial::{FaultReport, Trial};
use crate::world::{World, WorldOptions};

/// Leases are short, because a report that the store has not taken is made up for when the lease has ended.
async fn trial(seed: u64) -> Result<Trial> {
    Trial::start(World::behind_a_proxy(seed, WorldOptions { lease: "4s", ..WorldOptions::default() }).await?).await
}

fn set(trial: &Trial, faults: StoreFaults) -> Result<()> {
    trial.world.shared_places()?.proxy.as_ref().context("the store has a proxy")?.set(faults);
    Ok(())
}

/// Notes what has become of the host's calls.
fn note_calls(trial: &mut Trial) -> Result<()> {
    let calls = trial.world.shared_places()?.proxy.as_ref().context("the store has a proxy")?.calls();
    ensure!(calls.answered > 0, "{calls:?}");
    let (answered, throttled, unanswered) = (calls.answered, calls.throttled, calls.unanswered);
    trial.note("proxy", format!("{answered} calls answered, {throttled} throttled, {unanswered} without their answer"));
    Ok(())
}

pub(super) async fn throttled(seed: u64) -> Result<FaultReport> {
    let mut trial = trial(seed).await?;
    set(&trial, StoreFaults { throttled: 0.3, ..StoreFaults::default() })?;
    trial.orders(45).await?;
    trial.world.all_arrived().await?;
    note_calls(&mut trial)?;
    trial.sees_log(&["throttl"]).await?;
    set(&trial, StoreFaults::default())?;
    let done = "30 % of all calls of the store are answered with a ThrottlingException until every effect has arrived.";
    trial.end(done).await
}

pub(super) async fn down(seed: u64) -> Result<FaultReport> {
    let mut trial = trial(seed).await?;
    trial.orders(9).await?;
    set(&trial, StoreFaults { is_down: true, ..StoreFaults::default() })?;
    let orders = trial.new_orders(9);
    let is_back = async {
        let of_the_store = |line: &serde_json::Value| line.to_string().contains("the store cannot be relied on");
        trial.host.log().wait_for("of the store", of_the_store).await?;
        let (status, body) = trial.host.get("/readyz").await?;
        set(&trial, StoreFaults::default())?;
        ensure!(status == 503, "/readyz answers {status} while the store is away: {body}");
        anyhow::Ok(body)
    };
    let (sent, is_back) = tokio::join!(trial.send(orders), is_back);
    sent?;
    let not_ready: serde_json::Value = serde_json::from_str(&is_back?)?;
    trial.note("/readyz", format!("503, store {}", not_ready.pointer("/parts/store").cloned().unwrap_or_default()));
    trial.sees_log(&["ERROR the store cannot be relied on; not ready"]).await?;
    trial.sees_log(&["INFO the store can be relied on again"]).await?;
    trial.sees_ready(200).await?;
    note_calls(&mut trial)?;
    trial.end("The store refuses connections until the host says that it is not ready; senders send again.").await
}

pub(super) async fn slow(seed: u64) -> Result<FaultReport> {
    let mut trial = trial(seed).await?;
    set(&trial, StoreFaults { delay: Duration::from_millis(200), ..StoreFaults::default() })?;
    trial.orders(18).await?;
    trial.sees_ready(200).await?;
    note_calls(&mut trial)?;
    trial.end("Each call of the store takes 200 ms longer.").await
}

pub(super) async fn answers_lost(seed: u64) -> Result<FaultReport> {
    let mut trial = trial(seed).await?;
    set(&trial, StoreFaults { unanswered: 0.2, ..StoreFaults::default() })?;
    trial.orders(45).await?;
    trial.world.all_arrived().await?;
    note_calls(&mut trial)?;
    set(&trial, StoreFaults::default())?;
    let done = "20 % of all calls of the store are carried out and their answers lost until every effect has arrived.";
    trial.end(done).await
}
