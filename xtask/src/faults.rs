//! Kills hosts and causes every other fault on the host that the tests use.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::steps::Steps;
use crate::workspace::{Workspace, succeed};
use crate::{guests, tools};

/// Builds what is needed, causes the faults, and writes `bench/FAULTS.md`. In a release build no host would end itself
/// at a stage, so the debug build is used.
pub fn run(workspace: &Workspace, rounds: usize, seed: Option<u64>) -> Result<ExitCode> {
    let mut steps = Steps::new(4);
    steps.run("tools", tools::check)?;
    steps.run("wasm target", guests::add_target)?;
    steps.run("build of the guests", || guests::build_probes(workspace))?;
    steps.run("faults", || {
        succeed(workspace.cargo().args(["build", "--workspace", "--bins", "--test", "faults"]))?;
        let mut faults = Command::new(workspace.target.join("debug/signalbox-faults"));
        faults.args(["--rounds", &rounds.to_string()]);
        faults.args(seed.map(|seed| format!("--seed={seed}")));
        succeed(faults.current_dir(&workspace.root))
    })?;
    println!("\ncargo xtask faults: {}", steps.elapsed());
    Ok(ExitCode::SUCCESS)
}
