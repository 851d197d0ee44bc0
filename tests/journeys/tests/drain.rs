mod load;

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use signalbox_tests_support::{Client, Setup};
use tokio::task::JoinSet;

use super::webhooks::{HOOK, SECRET, SECRETS};
use super::{all_decisions, misbehaving, misbehaving_with, until};
use load::Acknowledged;

#[tokio::test]
async fn sigterm_finishes_what_runs_and_tells_every_client_to_come_back() -> Result<()> {
    let mut host = misbehaving()?.start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    let mut idle = host.coordinator("ion", "beta").await?;
    ana.say_as("m-1", "alpha", "nap").await?;
    ana.expect_for("ack", "m-1").await?;
    host.terminate()?;

    let reconnect = idle.expect("reconnect").await?;
    assert!(reconnect["afterMs"].is_u64(), "{reconnect}");
    let answer = ana.expect_for("response", "m-1").await?;
    assert_eq!(answer["content"]["text"], "nap");
    assert_eq!(ana.closed().await?.code, 1012);
    assert_eq!(idle.closed().await?.code, 1012);
    assert!(host.ended().await?.success());

    host.restart().await?;
    assert!(host.decision(answer["decisionId"].as_str().unwrap()).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn a_host_that_leaves_takes_no_new_connections() -> Result<()> {
    let mut host = misbehaving()?.start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.say_as("m-1", "alpha", "nap").await?;
    ana.expect_for("ack", "m-1").await?;
    let token = host.setup().token("late").business("alpha", &["coordinator"]).mint()?;
    host.terminate()?;
    ana.expect("reconnect").await?;

    assert!(Client::connect(host.websocket(), &token).await.is_err());
    assert!(host.ended().await?.success());
    Ok(())
}

/// Rates that the senders do not reach, and schedules that are scanned often.
const FAST: &str = "[websocket]\nframes-per-second = 1000\nburst = 1000\n\
     [api]\nrequests-per-second = 1000\nburst = 1000\n\
     [intake]\nrate-per-user = 1000\nburst-per-user = 1000\nrate-per-business = 10000\nburst-per-business = 10000\n\
     [cron]\nscan-interval = \"100ms\"\n";

/// How many inputs are acknowledged before the host is told to stop.
const ENOUGH: usize = 150;

#[tokio::test]
async fn a_drain_at_full_load_loses_nothing_that_was_acknowledged() -> Result<()> {
    let (_folder, path) = misbehaving_with(&format!("{HOOK}[inputs.cron.yearly]\nschedule = \"0 0 1 1 *\"\n"))?;
    let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(path);
    fs::write(setup.path().join("events"), SECRET)?;
    let mut host = setup.config(&format!("{FAST}{SECRETS}")).start().await?;

    let acknowledged = Arc::new(Acknowledged::default());
    let (mut sockets, mut others) = (JoinSet::new(), JoinSet::new());
    for number in 0..10 {
        let client = host.coordinator(&format!("user-{number}"), "alpha").await?;
        sockets.spawn(load::send_until_closed(client, number, acknowledged.clone()));
    }
    let token = host.setup().token("shop").business("alpha", &["coordinator"]).mint()?;
    for number in 0..4 {
        let url = host.url().to_owned();
        others.spawn(load::give_in_until_gone(url.clone(), token.clone(), number, acknowledged.clone()));
        others.spawn(load::deliver_until_gone(url, number, acknowledged.clone()));
    }
    until("so much is acknowledged", async || Ok(acknowledged.count() >= ENOUGH)).await?;
    let output = host.setup().run(&["cron", "run", "alpha", "bundle/yearly", "--json"]).await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tick: Value = serde_json::from_slice(&output.stdout)?;
    acknowledged.note(tick["inputId"].as_str().context("the command names the input")?);
    host.terminate()?;

    while let Some(closed) = sockets.join_next().await {
        let closed = closed??;
        let advice: Value = serde_json::from_str(&closed.reason)?;
        assert_eq!((closed.code, &advice["reconnect"]), (1012, &Value::Bool(true)), "{closed:?}");
    }
    while let Some(sender) = others.join_next().await {
        sender??;
    }
    assert_eq!(host.ended().await?.code(), Some(0), "everything that ran was finished");

    host.restart().await?;
    let inputs = acknowledged.take();
    until("all that was acknowledged is decided", async || {
        let decided = decided_inputs(&all_decisions(&host, "alpha").await?);
        Ok(inputs.iter().all(|input| decided.contains(input)))
    })
    .await?;
    let decided = decided_inputs(&all_decisions(&host, "alpha").await?);
    for input in &inputs {
        assert_eq!(decided.iter().filter(|decided| *decided == input).count(), 1, "{input} is decided once");
    }
    Ok(())
}

fn decided_inputs(decisions: &[Value]) -> Vec<String> {
    decisions.iter().filter_map(|decision| decision["inputId"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_request_that_waits_when_the_host_leaves_is_answered_and_its_connection_closed() -> Result<()> {
    let mut host = misbehaving()?.start().await?;
    let token = host.setup().token("shop").business("alpha", &["coordinator"]).mint()?;
    let client = reqwest::Client::builder().no_proxy().timeout(signalbox_tests_support::DEADLINE).build()?;
    let request = client.post(format!("{}/v1/businesses/alpha/inputs?wait=30", host.url())).bearer_auth(token);
    let asked = tokio::spawn(request.json(&serde_json::json!({"content": {"text": "nap"}})).send());
    until("it is being decided", async || Ok(host.metric("signalbox_inputs_in_flight", &[]).await? == Some(1.0)))
        .await?;
    host.terminate()?;
    let response = asked.await??;
    assert_eq!(response.status().as_u16(), 200);
    let decision: Value = response.json().await?;
    assert_eq!(decision["responses"][0]["content"]["text"], "nap");
    assert!(host.ended().await?.success(), "no open connection keeps it");
    Ok(())
}
