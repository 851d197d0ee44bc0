//! The same graph in LangGraph for JavaScript and for Python, each installed into a folder of its own under
//! `target/bench`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;

use super::graph;
use super::guest_call::GuestCall;
use crate::bundle;
use crate::figures::{ROUNDS, median, micros, times};
use crate::in_process::{InProcessHost, TEXT};
use crate::report::{Report, Section};

const ROUND: Duration = Duration::from_secs(1);
/// The nodes of the graph, all of which run.
const NODES: f64 = 3.0;
const PEERS: &str = "bench/peers";

/// The output of a peer's program: processor and wall time of one run, in microseconds.
#[derive(Deserialize)]
struct Printed {
    cpu: f64,
    wall: f64,
}

struct Peer {
    name: &'static str,
    program: PathBuf,
    script: PathBuf,
    cpu: Vec<f64>,
    wall: Vec<f64>,
}

impl Peer {
    fn javascript(folder: &Path) -> Result<Self> {
        let folder = folder.join("javascript");
        fs::create_dir_all(&folder)?;
        for file in ["package.json", "package-lock.json", "chain.mjs"] {
            fs::copy(Path::new(PEERS).join("javascript").join(file), folder.join(file))?;
        }
        succeed(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--silent"]).current_dir(&folder))?;
        let script = folder.join("chain.mjs");
        Ok(Self { name: "LangGraph JS", program: "node".into(), script, cpu: Vec::new(), wall: Vec::new() })
    }

    fn python(folder: &Path) -> Result<Self> {
        let folder = folder.join("python");
        let peers = Path::new(PEERS).join("python");
        if !folder.join("bin/python").is_file() {
            succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        }
        let program = folder.join("bin/python");
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        succeed(Command::new(&program).args(pip).arg(peers.join("requirements.txt")))?;
        let script = peers.join("chain.py");
        Ok(Self { name: "LangGraph Python", program, script, cpu: Vec::new(), wall: Vec::new() })
    }

    fn round(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        let output = command.arg(&self.script).arg(ROUND.as_millis().to_string()).output()?;
        if !output.status.success() {
            bail!("{} failed: {}", self.name, String::from_utf8_lossy(&output.stderr));
        }
        let Printed { cpu, wall } =
            serde_json::from_slice(&output.stdout).with_context(|| format!("what {} prints", self.name))?;
        self.cpu.push(cpu);
        self.wall.push(wall);
        Ok(())
    }
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| {
        let program = command.get_program().to_string_lossy();
        format!(
            "`{program}` cannot be started; the comparison with LangGraph needs node with npm, and python3 with venv"
        )
    })?;
    if !status.success() {
        bail!("`{}` failed ({status})", command.get_program().to_string_lossy());
    }
    Ok(())
}

pub async fn measure(report: &mut Report, folder: &Path) -> Result<()> {
    let mut peers = [Peer::javascript(folder)?, Peer::python(folder)?];
    let (host, made, text) = (InProcessHost::new().await?, TempDir::new()?, json!({ "text": TEXT }));
    bundle::chain(made.path())?;
    host.publish(made.path()).await?;
    let call = GuestCall::new().await?;
    graph::cost(&host, &text, ROUND).await?;
    call.bare(ROUND).await?;
    let [mut cpu, mut wall, mut bare, mut warm] = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let cost = graph::cost(&host, &text, ROUND).await?;
        cpu.push(cost.cpu);
        wall.push(cost.wall);
        bare.push(NODES * call.bare(ROUND).await?);
        warm.push(NODES * call.warm(ROUND).await?);
        for peer in &mut peers {
            peer.round()?;
        }
    }
    let ours = median(&cpu);
    let mut rows = vec![vec![
        "Signalbox, a fresh sandbox for each node".to_owned(),
        micros(ours),
        micros(median(&wall)),
        "1x".to_owned(),
    ]];
    let (bare, warm) = (median(&bare), median(&warm));
    let of_wasmtime = |name: &str, cpu: f64| vec![name.to_owned(), micros(cpu), String::new(), times(cpu / ours)];
    rows.push(of_wasmtime("bare Wasmtime, three calls, each of a fresh instance", bare));
    rows.push(of_wasmtime("bare Wasmtime, three calls of an instance that lives on", warm));
    for peer in &peers {
        let (cpu, wall) = (median(&peer.cpu), median(&peer.wall));
        rows.push(vec![peer.name.to_owned(), micros(cpu), micros(wall), times(cpu / ours)]);
    }
    let mut section = Section::new("Three nodes and one condition, beside LangGraph");
    section.say(
        "The same graph without I/O: Signalbox runs each node as a component in a sandbox of its own, LangGraph runs \
         functions of its own process. Nothing is stored by any of them. Bare Wasmtime only calls a node three times: no \
         limits, no graph, no journal. All take turns in each round; versions are those of `bench/peers`.",
    );
    section.table(&["runtime", "CPU", "wall", "CPU beside Signalbox"], &rows);
    report.add(section);
    for (name, cost) in [("chain", ours), ("chain.bare", bare), ("chain.warm", warm)] {
        report.keep(name, cost);
    }
    report.budget("chain of 3 nodes, fresh sandbox for each, no I/O", "at most 60 µs CPU", micros(ours), ours <= 60.0);
    Ok(())
}
