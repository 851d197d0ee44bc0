use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::folder::DemoFolder;
use crate::workspace::shown;

/// The first start compiles the plugins to native code.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// A running `signalbox serve`.
pub struct Host {
    process: Child,
    pid: Pid,
    /// Set by Ctrl-C.
    interrupted: Arc<AtomicBool>,
    pub url: String,
    pub websocket: String,
}

/// The line that `serve` prints when it is ready.
#[derive(Deserialize)]
struct Ready {
    ready: bool,
    url: String,
    websocket: String,
}

impl Host {
    pub fn start(folder: &DemoFolder) -> Result<Self> {
        let log = File::create(&folder.log).with_context(|| format!("{} cannot be written", folder.log.display()))?;
        let mut command = Command::new(&folder.signalbox);
        command.arg("serve").arg("--config").arg(&folder.config).stdout(Stdio::piped()).stderr(log);
        // In a process group of its own, so that Ctrl-C reaches only the demo, which asks the host to stop once.
        command.process_group(0);
        let mut process = command.spawn().with_context(|| format!("`{}` cannot be started", shown(&command)))?;
        let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw).context("the host has no process id")?;
        let interrupted = pass_on_interrupts(pid)?;
        match ready(&mut process) {
            Ok(Ready { url, websocket, .. }) => Ok(Self { process, pid, interrupted, url, websocket }),
            Err(error) => {
                process.kill().ok();
                process.wait().ok();
                Err(error.context(format!("the host did not start; the end of its log:\n{}", tail(folder))))
            }
        }
    }

    /// Asks the host to stop, and waits until it has. The host's own deadline keeps the wait short.
    pub fn stop(&mut self) -> Result<()> {
        kill_process(self.pid, Signal::TERM).context("the host cannot be asked to stop")?;
        let status = self.process.wait()?;
        if !status.success() {
            bail!("the host was asked to stop and ended with {status}");
        }
        Ok(())
    }

    /// Waits until Ctrl-C has been pressed and the host has stopped.
    pub fn wait(&mut self) -> Result<()> {
        let status = self.process.wait()?;
        if !status.success() || !self.interrupted.load(Ordering::Relaxed) {
            bail!("the host ended by itself ({status})");
        }
        Ok(())
    }
}

/// From here on Ctrl-C asks the host to stop, and [`Host::wait`] returns once it has.
fn pass_on_interrupts(pid: Pid) -> Result<Arc<AtomicBool>> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("signals cannot be listened to")?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&interrupted);
    thread::spawn(move || {
        for _ in signals.forever() {
            seen.store(true, Ordering::Relaxed);
            kill_process(pid, Signal::TERM).ok();
        }
    });
    Ok(interrupted)
}

/// The host ends with the demo, however the demo ends.
impl Drop for Host {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn ready(process: &mut Child) -> Result<Ready> {
    let output = process.stdout.take().context("the host has no standard output")?;
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut lines = BufReader::new(output).lines();
        if let Some(Ok(line)) = lines.next() {
            sender.send(line).ok();
        }
        // Read on, so that the host never blocks on a full pipe.
        lines.for_each(drop);
    });
    let line = receiver.recv_timeout(START_DEADLINE).context("it printed no ready line")?;
    let ready: Ready = serde_json::from_str(&line).with_context(|| format!("its ready line is `{line}`"))?;
    if !ready.ready {
        bail!("its ready line is `{line}`");
    }
    Ok(ready)
}

fn tail(folder: &DemoFolder) -> String {
    let log = fs::read_to_string(&folder.log).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}

/// A token for a user with these roles, each a business and a role, made by the host's own command.
pub fn token(folder: &DemoFolder, user: &str, roles: &[(&str, &str)]) -> Result<String> {
    let mut command = Command::new(&folder.signalbox);
    command.args(["token", "--json", "--user", user, "--expires", "12h", "--config"]).arg(&folder.config);
    for (business, role) in roles {
        command.args(["--business", &format!("{business}:{role}")]);
    }
    let answer = answer(&mut command)?;
    let token = answer.get("token").and_then(Value::as_str);
    token.map(str::to_owned).with_context(|| format!("`{}` gave no token", shown(&command)))
}

/// Makes a schedule tick now with the host's own command; returns the decision's id.
pub fn tick(folder: &DemoFolder, business: &str, schedule: &str) -> Result<String> {
    let mut command = Command::new(&folder.signalbox);
    command.args(["cron", "run", business, schedule, "--json", "--config"]).arg(&folder.config);
    let answer = answer(&mut command)?;
    let decision = answer.get("decisionId").and_then(Value::as_str);
    decision.map(str::to_owned).with_context(|| format!("`{}` names no decision", shown(&command)))
}

/// A decision from the store, read with the host's own command.
pub fn decision(folder: &DemoFolder, id: &str) -> Result<Value> {
    answer(Command::new(&folder.signalbox).args(["decisions", "show", id, "--json", "--config"]).arg(&folder.config))
}

/// The effects that have not left, read with the host's own command.
pub fn waiting_effects(folder: &DemoFolder) -> Result<Vec<Value>> {
    let mut command = Command::new(&folder.signalbox);
    let listed = answer(command.args(["effects", "list", "--json", "--config"]).arg(&folder.config))?;
    Ok(listed.as_array().cloned().unwrap_or_default())
}

/// The records in the file that stands in for Kafka, read with the host's own command.
pub fn sink_records(folder: &DemoFolder) -> Result<Vec<Value>> {
    let mut command = Command::new(&folder.signalbox);
    let printed = printed(command.args(["effects", "tail", "--json", "--config"]).arg(&folder.config))?;
    let records = printed.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    records.with_context(|| format!("`{}` printed no JSON", shown(&command)))
}

fn answer(command: &mut Command) -> Result<Value> {
    let printed = printed(command)?;
    serde_json::from_str(&printed).with_context(|| format!("`{}` printed no JSON", shown(command)))
}

fn printed(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("`{}` cannot be started", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", shown(command), String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no text", shown(command)))
}
