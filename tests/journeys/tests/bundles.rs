//! Bundles that cannot be loaded: which businesses have to wait, and which are served.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use signalbox_tests_support::{Caller, Client, Host, Setup, bundle};

use super::cron::{YEARLY, tick};
use super::webhooks::{HOOK, SECRET, deliver};
use super::{misbehaving_with, text_at, until};

/// Inserted into a manifest, it makes the manifest invalid.
const MISTAKE: &str = "\n[nonsense]\n";

/// Waiting inputs are taken up soon after their bundle is loaded.
const SOON: &str =
    "[cron]\nscan-interval = \"100ms\"\n[intake]\nrecovery-interval = \"100ms\"\nrecover-after = \"100ms\"\n";

fn spoil(folder: &Path, spoilt: bool) -> Result<()> {
    let manifest = folder.join("bundle.toml");
    let text = fs::read_to_string(&manifest)?.replace(MISTAKE, "");
    fs::write(&manifest, if spoilt { text + MISTAKE } else { text })?;
    Ok(())
}

/// The secrets of both bundles' webhooks, or of the neighbour's alone.
const BOTH: &str = "[webhooks.secrets]\nEVENTS = [{ file = \"events\" }]\nCHAIN_WEBHOOK = [{ file = \"events\" }]\n";
const NEIGHBOURS: &str = "[webhooks.secrets]\nCHAIN_WEBHOOK = [{ file = \"events\" }]\n";

/// The bundle `probes/chain`, which decides for the business `beta`.
fn with_a_neighbour(setup: Setup, secrets: &str) -> Result<Setup> {
    fs::write(setup.path().join("events"), SECRET)?;
    Ok(setup.business("beta", "probe-chain")?.bundle(bundle("probes/chain")?).config(secrets))
}

async fn readiness(host: &Host) -> Result<(u16, Value)> {
    let (status, body) = host.get("/readyz").await?;
    Ok((status, serde_json::from_str(&body)?))
}

async fn is_decided(host: &Host, business: &str, text: &str) -> Result<()> {
    let caller = Caller::new(&host.setup().token("shop").business(business, &["coordinator"]))?;
    let body = json!({"content": {"text": text}});
    let (status, decision) =
        caller.post(host, &format!("/v1/businesses/{business}/inputs?wait=30"), &[], &body).await?;
    anyhow::ensure!(status == 200 && decision.get("decisionCode").is_some(), "{status} {decision}");
    Ok(())
}

#[tokio::test]
async fn a_bad_bundle_keeps_its_own_businesses_waiting_and_nobody_else_and_nothing_accepted_is_lost() -> Result<()> {
    let (_folder, path) = misbehaving_with(&format!("{HOOK}{YEARLY}"))?;
    let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(path.clone());
    let mut host = with_a_neighbour(setup, BOTH)?.config(SOON).start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.say_as("m-1", "alpha", "nap, and wait for a bundle").await?;
    let accepted = ana.expect_for("ack", "m-1").await?;
    assert_eq!(accepted["state"], "accepted");
    let decision = text_at(&accepted, "/decisionId").context("it has an id")?.to_owned();
    until("its schedule is in the store", async || {
        let listed = host.setup().run(&["cron", "list", "--business", "alpha", "--json"]).await?;
        Ok(String::from_utf8_lossy(&listed.stdout).contains("bundle/yearly"))
    })
    .await?;
    host.kill().await?;
    spoil(&path, true)?;
    host.restart().await?;

    // The neighbour is served, and the log tells the operator.
    is_decided(&host, "beta", "hello").await?;
    let (status, ready) = readiness(&host).await?;
    assert_eq!((status, &ready["ready"], &ready["degraded"]), (200, &json!(true), &json!(true)), "{ready}");
    let told = &ready["parts"]["bundles"]["notLoaded"][0];
    assert_eq!(told["businessType"], "probe-failures", "{ready}");
    assert!(text_at(told, "/reason").is_some_and(|reason| reason.contains("nonsense")), "{ready}");
    let loaded = host.metric("signalbox_bundle_loaded", &["business_type=\"probe-failures\""]).await?;
    assert_eq!(loaded, Some(0.0));
    let line = host.log().wait_for("of the bundle", |line| line.to_string().contains("a bundle is not loaded")).await?;
    assert_eq!((&line["level"], &line["business_type"]), (&json!("ERROR"), &json!("probe-failures")), "{line}");

    // A client of the other business is told to try again.
    let mut ana =
        Client::connect(host.websocket(), &host.setup().token("ana").business("alpha", &["coordinator"]).mint()?)
            .await?;
    ana.say("alpha", "anybody there?").await?;
    let error = ana.expect_error("bundle_not_loaded").await?;
    assert_eq!(error["details"]["retryable"], true, "{error}");
    assert!(error["details"]["retryAfterMs"].is_u64(), "{error}");
    let caller = Caller::new(&host.setup().token("shop").business("alpha", &["coordinator"]))?;
    let (status, problem) =
        caller.post(&host, "/v1/businesses/alpha/inputs", &[], &json!({"content": {"text": "hello"}})).await?;
    assert_eq!((status, &problem["code"]), (503, &json!("bundle_not_loaded")), "{problem}");
    let (status, problem) = deliver(&host, "msg_1", r#"{"order":7}"#, SECRET).await?;
    assert_eq!((status, &problem["code"]), (503, &json!("bundle_not_loaded")), "{problem}");
    let ticked = tick(host.setup()).await?.context("the schedule is still there")?;
    assert!(host.decision(&decision).await?.is_none(), "it still waits");

    // A repaired bundle is loaded without a restart, and decides the waiting inputs.
    spoil(&path, false)?;
    host.reload()?;
    until("what was accepted is decided", async || Ok(host.decision(&decision).await?.is_some())).await?;
    until("the tick is decided", async || Ok(host.decision(&ticked).await?.is_some())).await?;
    is_decided(&host, "alpha", "hello").await?;
    assert_eq!(deliver(&host, "msg_1", r#"{"order":7}"#, SECRET).await?.0, 202);
    let (status, ready) = readiness(&host).await?;
    assert_eq!((status, &ready["degraded"]), (200, &json!(false)), "{ready}");
    let loaded = host.metric("signalbox_bundle_loaded", &["business_type=\"probe-failures\""]).await?;
    assert_eq!(loaded, Some(1.0));
    Ok(())
}

#[tokio::test]
async fn a_bad_business_file_keeps_its_own_business_waiting_and_nobody_else_and_nothing_accepted_is_lost() -> Result<()>
{
    let (_folder, path) = misbehaving_with(&format!("{HOOK}{YEARLY}"))?;
    let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(path);
    let mut host = with_a_neighbour(setup, BOTH)?.config(SOON).start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.say_as("m-1", "alpha", "nap, and wait for a file").await?;
    let accepted = ana.expect_for("ack", "m-1").await?;
    assert_eq!(accepted["state"], "accepted");
    let decision = text_at(&accepted, "/decisionId").context("it has an id")?.to_owned();
    until("its schedule is in the store", async || {
        let listed = host.setup().run(&["cron", "list", "--business", "alpha", "--json"]).await?;
        Ok(String::from_utf8_lossy(&listed.stdout).contains("bundle/yearly"))
    })
    .await?;
    host.kill().await?;
    let file = host.setup().path().join("business/alpha.toml");
    let right = fs::read_to_string(&file)?;
    fs::write(&file, format!("colour = \"red\"\n{right}"))?;
    host.restart().await?;

    // The neighbour is served, and the log tells the operator.
    is_decided(&host, "beta", "hello").await?;
    let (status, ready) = readiness(&host).await?;
    assert_eq!((status, &ready["ready"], &ready["degraded"]), (200, &json!(true), &json!(true)), "{ready}");
    assert_eq!(ready["parts"]["businesses"]["notLoaded"], 1, "{ready}");
    assert!(!ready.to_string().contains("alpha"), "strangers do not learn which businesses there are: {ready}");
    assert_eq!(host.metric("signalbox_business_files_not_loaded", &[]).await?, Some(1.0));
    let line = host.log().wait_for("of the place", |line| line.to_string().contains("unknown key `colour`")).await?;
    assert!(
        line["level"] == "ERROR" && text_at(&line, "/place").is_some_and(|at| at.contains("alpha.toml:1:1")),
        "{line}"
    );

    // A sender with access is told to try again, and one without access learns nothing.
    let token = host.setup().token("ana").business("alpha", &["coordinator"]).mint()?;
    let mut ana = Client::connect(host.websocket(), &token).await?;
    ana.say("alpha", "anybody there?").await?;
    let error = ana.expect_error("business_not_loaded").await?;
    assert_eq!(error["details"]["retryable"], true, "{error}");
    assert!(error["details"]["retryAfterMs"].is_u64(), "{error}");
    let caller = Caller::new(&host.setup().token("shop").business("alpha", &["coordinator"]))?;
    let hello = json!({"content": {"text": "hello"}});
    let (status, problem) = caller.post(&host, "/v1/businesses/alpha/inputs", &[], &hello).await?;
    assert_eq!((status, &problem["code"]), (503, &json!("business_not_loaded")), "{problem}");
    let stranger = Caller::new(&host.setup().token("eve").business("beta", &["coordinator"]))?;
    let (status, problem) = stranger.post(&host, "/v1/businesses/alpha/inputs", &[], &hello).await?;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{problem}");
    let (status, problem) = deliver(&host, "msg_1", r#"{"order":7}"#, SECRET).await?;
    assert_eq!((status, &problem["code"]), (503, &json!("business_not_loaded")), "{problem}");
    let ticked = tick(host.setup()).await?.context("the schedule is still there")?;
    assert!(host.decision(&decision).await?.is_none(), "it still waits");

    // A repaired file is loaded without a restart, and the waiting input is decided.
    fs::write(&file, &right)?;
    host.reload()?;
    until("what was accepted is decided", async || Ok(host.decision(&decision).await?.is_some())).await?;
    until("the tick is decided", async || Ok(host.decision(&ticked).await?.is_some())).await?;
    is_decided(&host, "alpha", "hello").await?;
    assert_eq!(deliver(&host, "msg_1", r#"{"order":7}"#, SECRET).await?.0, 202);

    // When the file becomes invalid while the host runs, the business is served as before.
    fs::write(&file, "businessId = ")?;
    host.reload()?;
    let kept = |line: &Value| line.to_string().contains("its business stays as it was");
    host.log().wait_for("of the file", kept).await?;
    is_decided(&host, "alpha", "hello again").await?;
    assert_eq!(readiness(&host).await?.1["degraded"], true);
    Ok(())
}

#[tokio::test]
async fn a_bundle_without_its_secret_keeps_only_its_own_businesses_waiting() -> Result<()> {
    let unset = format!("{NEIGHBOURS}EVENTS = [{{ env = \"A_SECRET_THAT_NOBODY_SET\" }}]\n");
    for (secrets, why) in [(NEIGHBOURS, "`EVENTS`"), (unset.as_str(), "A_SECRET_THAT_NOBODY_SET")] {
        let (_folder, path) = misbehaving_with(HOOK)?;
        let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(path);
        let host = with_a_neighbour(setup, secrets)?.start().await?;
        is_decided(&host, "beta", "hello").await?;
        let (_, ready) = readiness(&host).await?;
        let reason = text_at(&ready, "/parts/bundles/notLoaded/0/reason").context("it says why")?;
        assert!(reason.contains(why), "{reason}");
    }
    Ok(())
}

#[tokio::test]
async fn a_host_that_is_told_to_stop_at_a_bad_bundle_does_not_start() -> Result<()> {
    let (_folder, path) = misbehaving_with("")?;
    spoil(&path, true)?;
    let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(path);
    let setup = with_a_neighbour(setup, NEIGHBOURS)?;
    let output = setup.run(&["serve", "--set", "bundles.on-failure=stop"]).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("error[bundle_invalid]") && said.contains("nonsense"), "{said}");
    Ok(())
}

#[tokio::test]
async fn of_two_bundles_for_one_type_none_decides() -> Result<()> {
    let (_folder, path) = misbehaving_with("")?;
    let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(path).bundle(bundle("probes/failures")?);
    let host = with_a_neighbour(setup, NEIGHBOURS)?.start().await?;
    is_decided(&host, "beta", "hello").await?;
    let (_, ready) = readiness(&host).await?;
    assert_eq!(ready["parts"]["bundles"]["loaded"], json!(["probe-chain"]), "{ready}");
    assert_eq!(ready["parts"]["bundles"]["notLoaded"].as_array().map(Vec::len), Some(2), "{ready}");
    Ok(())
}

#[tokio::test]
async fn check_says_when_schedules_tick_on_the_clocks_of_the_businesses_and_warnings_can_be_denied() -> Result<()> {
    let cron = "[inputs.cron.morning]\nschedule = \"0 8 * * *\"\n[inputs.cron.evening]\nschedule = \"0 20 * * *\"\n\
                timezone = \"America/New_York\"\n[inputs.kafka.pos]\ntopic = \"pos.events\"\n";
    let (_folder, path) = misbehaving_with(cron)?;
    let rome = "businessId = \"roma\"\nname = \"Roma\"\ntype = \"probe-failures\"\ntimezone = \"Asia/Kolkata\"\n";
    let setup = Setup::new()?.business_file("roma", rome)?;
    let folder = path.to_string_lossy().into_owned();
    let output = setup.run(&["check", &folder]).await?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("can be loaded, with 1 warning"), "{said}");
    assert!(
        said.contains("schedule morning, 0 8 * * *, in Asia/Kolkata: next ") && said.contains("T08:00:00+05:30"),
        "{said}"
    );
    assert!(said.contains("in America/New_York") && said.contains("T20:00:00-0"), "{said}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no broker is configured"));
    let output = setup.run(&["check", &folder, "--deny-warnings", "--json"]).await?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!((output.status.code(), &report["ok"]), (Some(1), &json!(false)), "{report}");
    assert_eq!(report["problems"], json!([]), "a warning stays a warning");
    let next = report.pointer("/schedules/1/next").and_then(Value::as_array).context("the ticks of `morning`")?;
    assert_eq!(next.len(), 3);
    Ok(())
}
