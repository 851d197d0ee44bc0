//! Builds the measured programs in release mode, and starts the measurements.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::steps::Steps;
use crate::workspace::{Workspace, succeed};
use crate::{guests, tools};

/// Runs one of the tasks of `signalbox-bench` with these arguments.
pub fn run(workspace: &Workspace, task: &str, arguments: &[String]) -> Result<ExitCode> {
    let mut all = vec![task.to_owned()];
    all.extend_from_slice(arguments);
    measure(workspace, task, "signalbox-bench", &all)
}

/// Runs `signalbox-containment`.
pub fn containment(workspace: &Workspace) -> Result<ExitCode> {
    measure(workspace, "containment", "signalbox-containment", &[])
}

/// Builds everything for a release and runs a program of it.
fn measure(workspace: &Workspace, task: &str, program: &str, arguments: &[String]) -> Result<ExitCode> {
    let mut steps = Steps::new(5);
    steps.run("tools", tools::check)?;
    steps.run("wasm target", guests::add_target)?;
    steps.run("build of the guests", || {
        guests::build_plugins(workspace).and_then(|()| guests::build_probes(workspace))
    })?;
    steps.run("release build", || build(workspace))?;
    let binary = workspace.target.join("release").join(program);
    steps.run(task, || succeed(Command::new(binary).args(arguments).current_dir(&workspace.root)))?;
    println!("\ncargo xtask {task}: {}", steps.elapsed());
    Ok(ExitCode::SUCCESS)
}

fn build(workspace: &Workspace) -> Result<()> {
    succeed(workspace.cargo().args(["build", "--release", "--workspace", "--bins"]))
}
