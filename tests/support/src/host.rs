use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::Value;
use signalbox_crash_points::{CRASH_VARIABLE, CrashPoint};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::{Client, DEADLINE, LOADING, Log, Process, Setup, Usage, artefacts};

/// A running `signalbox serve`; it is killed when this value is dropped.
#[derive(Debug)]
pub struct Host {
    setup: Arc<Setup>,
    process: Child,
    ready: Ready,
    log: Log,
}

/// The line that `serve` prints when it is ready.
#[derive(Debug, Deserialize)]
struct Ready {
    url: String,
    websocket: String,
}

/// The host ended before it was ready.
#[derive(Debug, thiserror::Error)]
#[error("the host ended with {status}; its log ends with\n{log}")]
pub struct EndedEarly {
    /// How it ended.
    pub status: ExitStatus,
    /// The last lines of its log.
    pub log: String,
}

impl Host {
    /// Starts a host on these files, beside others that run on them.
    pub async fn start(setup: Arc<Setup>) -> Result<Self> {
        Self::start_to_crash(setup, None).await
    }

    /// Starts a host that ends itself when it passes a stage for the given time. The error is a [`EndedEarly`] when the
    /// host ended before it was ready.
    pub async fn start_to_crash(setup: Arc<Setup>, crash: Option<(CrashPoint, u32)>) -> Result<Self> {
        let log = Log::new();
        let (process, ready) = spawn(&setup, crash, &log).await?;
        Ok(Self { setup, process, ready, log })
    }

    /// Its address, `http://127.0.0.1:…`.
    pub fn url(&self) -> &str {
        &self.ready.url
    }

    /// The address of its WebSocket.
    pub fn websocket(&self) -> &str {
        &self.ready.websocket
    }

    /// Its files.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The log, from the host's first start on.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A connection of a user who coordinates this business.
    pub async fn coordinator(&self, user: &str, business: &str) -> Result<Client> {
        Client::connect(self.websocket(), &self.setup.token(user).business(business, &["coordinator"]).mint()?).await
    }

    /// The resources of the host's process.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(Process(self.process.id().context("the host has ended")?))
    }

    /// `kill -9`.
    pub async fn kill(&mut self) -> Result<()> {
        timeout(DEADLINE, self.process.kill())
            .await
            .context("a killed host stays")?
            .context("the host cannot be killed")
    }

    /// Sends SIGTERM; use [`Host::ended`] to wait for the host's end.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Sends SIGHUP.
    pub fn reload(&self) -> Result<()> {
        self.signal(Signal::HUP)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(pid.context("the host has ended already")?, signal).context("the signal cannot be sent")
    }

    /// Whether the process has ended, and how.
    pub fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.try_wait().context("the host cannot be waited for")
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let ended = timeout(DEADLINE, self.process.wait()).await;
        ended.with_context(|| format!("the host does not end; its log ends with\n{}", self.log.tail()))?.context("wait")
    }

    /// Starts a new process on the same files, after the old one has ended.
    pub async fn restart(&mut self) -> Result<()> {
        if self.process.try_wait()?.is_none() {
            bail!("the old process still runs; kill or terminate it first");
        }
        (self.process, self.ready) = spawn(&self.setup, None, &self.log).await?;
        Ok(())
    }

    /// A page of the host as text, whatever its status.
    pub async fn get(&self, path: &str) -> Result<(u16, String)> {
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build()?;
        let response = client.get(format!("{}{path}", self.url())).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// The sum of a metric over all its label values that contain every one of `labels`, for example
    /// `source="websocket"`; none when there is no such line.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> Result<Option<f64>> {
        let (_, page) = self.get("/metrics").await?;
        let mut sum = None;
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let found = series.split('{').next() == Some(name);
            if found && labels.iter().all(|label| series.contains(label)) {
                let value: f64 = value.parse().with_context(|| format!("`{line}` has no number"))?;
                *sum.get_or_insert(0.0) += value;
            }
        }
        Ok(sum)
    }

    /// A decision's record, read from the store by `signalbox decisions show`; none when there is no such decision.
    pub async fn decision(&self, id: &str) -> Result<Option<Value>> {
        let output = self.setup.run(&["decisions", "show", id, "--json"]).await?;
        if !output.status.success() {
            return Ok(None);
        }
        serde_json::from_slice(&output.stdout).context("`signalbox decisions show --json` printed no JSON")
    }
}

async fn spawn(setup: &Setup, crash: Option<(CrashPoint, u32)>, log: &Log) -> Result<(Child, Ready)> {
    let _loading = LOADING.lock().await;
    let mut process = Command::new(artefacts::signalbox()?)
        .args(["serve", "--config"])
        .arg(setup.config_file()?)
        .envs(setup.environment().iter().cloned())
        .envs(crash.map(|(point, passing)| (CRASH_VARIABLE, format!("{}:{passing}", point.name()))))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("signalbox cannot be started")?;
    let following = log.follow(process.stderr.take().context("the host has no standard error")?);
    let mut lines = BufReader::new(process.stdout.take().context("the host has no standard output")?).lines();
    let first = timeout(DEADLINE, lines.next_line()).await;
    let first =
        first.with_context(|| format!("the host prints no ready line; its log ends with\n{}", log.tail()))??;
    let Some(first) = first else {
        let status = timeout(DEADLINE, process.wait()).await??;
        // The last log lines may still be on their way.
        timeout(DEADLINE, following).await??;
        return Err(EndedEarly { status, log: log.tail() }.into());
    };
    let ready = serde_json::from_str(&first).with_context(|| format!("the ready line is `{first}`"))?;
    // Read on, so that the host never blocks on a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((process, ready))
}
