//! A schedule's tick survives `kill -9`, before and after the host takes it up.

use anyhow::{Context, Result};
use serde_json::Value;
use signalbox_tests_support::{Host, Setup};

use super::{all_decisions, misbehaving_with, text_at, until};

/// Once a year, so that only `signalbox cron run` makes it tick.
pub const YEARLY: &str = "[inputs.cron.yearly]\nschedule = \"0 0 1 1 *\"\ntimezone = \"UTC\"\ncatch-up = \"none\"\n";

/// The id of the decision on a tick made now.
pub async fn tick(setup: &Setup) -> Result<Option<String>> {
    let output = setup.run(&["cron", "run", "alpha", "bundle/yearly", "--json"]).await?;
    if !output.status.success() {
        return Ok(None);
    }
    let told: Value = serde_json::from_slice(&output.stdout)?;
    Ok(Some(text_at(&told, "/decisionId").context("the command names the decision")?.to_owned()))
}

async fn decided_once(host: &Host, decision: &str) -> Result<()> {
    until("the tick is decided", async || Ok(host.decision(decision).await?.is_some())).await?;
    let decided = all_decisions(host, "alpha").await?;
    assert_eq!(decided.iter().filter(|found| found["id"] == decision).count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_tick_survives_a_kill_9_before_and_after_it_became_an_input() -> Result<()> {
    let (_folder, path) = misbehaving_with(YEARLY)?;
    let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(path);
    let mut host = setup.config("[cron]\nscan-interval = \"100ms\"\n").start().await?;

    // The host takes the tick up, and dies while the tick's input is being decided.
    let mut first = None;
    until("the host has written its schedules", async || {
        first = tick(host.setup()).await?;
        Ok(first.is_some())
    })
    .await?;
    let first = first.context("the schedule ticked")?;
    host.log().wait_for("of the tick", |line| line.to_string().contains("a schedule ticked")).await?;
    host.kill().await?;
    // The tick is claimed while no host runs.
    let second = tick(host.setup()).await?.context("the store is there without a host")?;
    host.restart().await?;

    decided_once(&host, &first).await?;
    decided_once(&host, &second).await?;
    assert_eq!(all_decisions(&host, "alpha").await?.len(), 2);
    Ok(())
}
