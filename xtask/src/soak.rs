//! Sends mixed traffic to the host that the tests use, for a chosen time.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::steps::Steps;
use crate::workspace::{Workspace, succeed};
use crate::{guests, tools};

/// Builds what is needed and runs the soak for `minutes`.
pub fn run(workspace: &Workspace, minutes: f64) -> Result<ExitCode> {
    let mut steps = Steps::new(4);
    steps.run("tools", tools::check)?;
    steps.run("wasm target", guests::add_target)?;
    steps.run("build of the guests", || guests::build_probes(workspace))?;
    steps.run("soak", || soak(workspace, minutes))?;
    println!("\ncargo xtask soak: {}", steps.elapsed());
    Ok(ExitCode::SUCCESS)
}

/// Runs the soak on the host as the tests build it, so that nothing else has to be compiled.
pub fn soak(workspace: &Workspace, minutes: f64) -> Result<()> {
    succeed(workspace.cargo().args(["build", "--workspace", "--bins", "--test", "journeys"]))?;
    let mut soak = Command::new(workspace.target.join("debug/signalbox-soak"));
    succeed(soak.args(["--minutes", &minutes.to_string()]).current_dir(&workspace.root))
}
