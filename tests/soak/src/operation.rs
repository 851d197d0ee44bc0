//! Operations on a running host: reloads and ticks.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::callers::Caller;
use crate::host::{Host, until};
use crate::{Answers, count};

/// One after the other: the command rewrites the configuration, which a reload must not find half written.
pub async fn operate(host: Arc<Host>, round: usize) -> Result<Answers> {
    let mut answers = Answers::new();
    reload(&host, round, &mut answers).await?;
    tick(&host, round, &mut answers).await?;
    Ok(answers)
}

/// A business is added and removed with SIGHUP.
async fn reload(host: &Arc<Host>, round: usize, answers: &mut Answers) -> Result<()> {
    let folder = host.setup()?.path().join("business");
    let file = folder.join("gamma.toml");
    let alpha = fs::read_to_string(folder.join("alpha.toml"))?;
    let caller = Caller::new(host, &format!("gamma-{round}"), "gamma")?;
    let exists = || async {
        let (status, answer) = caller.get("/v1/businesses/gamma/decisions?limit=1").await?;
        ensure!(status == 200 || status == 404, "{status} with {answer}");
        anyhow::Ok(status == 200)
    };
    fs::write(&file, alpha.replace("alpha", "gamma"))?;
    hang_up(host)?;
    until("a new business is there after SIGHUP", &exists).await?;
    let body = json!({"content": {"text": "are you there"}});
    let (status, decision) = caller.post("/v1/businesses/gamma/inputs?wait=30", None, &body).await?;
    ensure!(status == 200, "{status} with {decision}");
    fs::remove_file(&file)?;
    hang_up(host)?;
    until("a business is gone after SIGHUP", || async { Ok(!exists().await?) }).await?;
    count(answers, "reloads");
    Ok(())
}

fn hang_up(host: &Host) -> Result<()> {
    let pid = i32::try_from(host.process().0).ok().and_then(Pid::from_raw).context("the host is a process")?;
    kill_process(pid, Signal::HUP).context("the signal cannot be sent")
}

/// The host's own command makes a schedule tick.
async fn tick(host: &Arc<Host>, round: usize, answers: &mut Answers) -> Result<()> {
    let output = host.setup()?.run(&["cron", "run", "alpha", "bundle/yearly", "--json"]).await?;
    ensure!(output.status.success(), "`signalbox cron run`: {}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout)?;
    let decision = told.get("decisionId").and_then(Value::as_str).context("the command names the decision")?;
    let auditor = Caller::new(host, &format!("clock-{round}"), "alpha")?;
    until("a tick is decided", || async {
        let (status, _) = auditor.get(&format!("/v1/businesses/alpha/decisions/{decision}")).await?;
        Ok(status == 200)
    })
    .await?;
    count(answers, "ticks of a schedule");
    Ok(())
}
