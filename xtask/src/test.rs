//! Every check before a change lands. All steps run, also after one has failed.

mod counts;
mod real;

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::steps::Steps;
use crate::workspace::{Workspace, shown, succeed};
use crate::{fuzz, guests, soak, tidy, tools};
use counts::Counts;
pub use real::run as run_real;

/// Long enough to show memory that grows with every round.
const SOAK_MINUTES: f64 = 3.0;

pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut steps = Steps::new(13);
    let mut counts = Counts::default();
    let plugins = workspace.root.join("plugins");
    let probes = workspace.root.join("tests/probes/guests");
    let all = || [workspace.cargo(), workspace.guest_cargo(&plugins), workspace.guest_cargo(&probes)];

    steps.attempt("tools", tools::check);
    steps.attempt("format", || all().iter_mut().try_for_each(|cargo| succeed(cargo.args(["fmt", "--check"]))));
    steps.attempt("tidy", || match tidy::run(workspace)? {
        ExitCode::SUCCESS => Ok(()),
        _ => bail!("the problems are above"),
    });
    steps.attempt("lock of the fuzz targets", || fuzz::check_lock(workspace));
    steps.attempt("wasm target", guests::add_target);
    steps.attempt("build of the plugins", || guests::build_plugins(workspace));
    steps.attempt("build of the probes", || guests::build_probes(workspace));
    steps.attempt("lints of the plugins", || lint(workspace.guest_cargo(&plugins)));
    steps.attempt("lints of the probes", || lint(workspace.guest_cargo(&probes)));
    steps.attempt("tests of the plugins", || test(workspace.guest_cargo(&plugins), ALL, &mut counts));
    steps.attempt("lints", || lint(workspace.cargo()));
    steps.attempt("tests", || test(workspace.cargo(), ALL, &mut counts));
    steps.attempt("soak", || soak::soak(workspace, SOAK_MINUTES));

    Ok(close("cargo xtask test", &steps, &counts))
}

fn lint(mut cargo: Command) -> Result<()> {
    succeed(cargo.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// Every test of a workspace.
const ALL: &[&str] = &["--workspace", "--no-fail-fast"];

/// Runs tests, shows their output as it comes, and sums up their counts.
fn test(mut cargo: Command, arguments: &[&str], counts: &mut Counts) -> Result<()> {
    cargo.arg("test").args(arguments).stdout(Stdio::piped());
    let mut child = cargo.spawn().with_context(|| format!("`{}` cannot be started", shown(&cargo)))?;
    if let Some(output) = child.stdout.take() {
        // A test may print invalid UTF-8, at which the counting must not stop.
        let mut lines = BufReader::new(output).split(b'\n');
        while let Some(line) = lines.next().transpose()? {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            counts.read(&line);
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(&cargo));
    }
    Ok(())
}

/// Prints what came of the task.
fn close(task: &str, steps: &Steps, counts: &Counts) -> ExitCode {
    println!("\n{}", closing_line(task, steps, counts));
    if steps.failed.is_empty() && counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn closing_line(task: &str, steps: &Steps, counts: &Counts) -> String {
    let mut line = format!(
        "{task}: {} tests passed, {} failed, {} ignored; {} steps passed, {} failed",
        counts.passed,
        counts.failed,
        counts.ignored,
        steps.passed(),
        steps.failed.len()
    );
    if !steps.failed.is_empty() {
        line.push_str(&format!(" ({})", steps.failed.join(", ")));
    }
    line.push_str(&format!("; {}", steps.elapsed()));
    line
}
