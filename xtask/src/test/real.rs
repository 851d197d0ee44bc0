//! The tests that make sense against real servers: the store's against DynamoDB Local, Kafka's against Apache Kafka.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;

use super::{Counts, close, test};
use crate::services::{self, Up, python};
use crate::steps::Steps;
use crate::workspace::{Workspace, succeed};
use crate::{guests, tools};

/// Every guarantee of the store, and the upgrade of its tables.
const STORE: &[&str] = &["--workspace", "--test", "conformance", "--", "at_the_endpoint"];

const TRIGGER: &[&str] = &["--workspace", "--test", "kafka", "--", "--skip", "faults::"];

const DELIVERY: &[&str] = &["--workspace", "--test", "targets", "--", "kafka::", "--skip", "faults::"];

const JOURNEYS: &[&str] = &["--workspace", "--test", "journeys", "--", "kafka::"];

/// Starts the services that do not run, tests against them, and ends those that it started.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut steps = Steps::new(11);
    let mut counts = Counts::default();
    steps.attempt("tools", tools::check);
    steps.attempt("wasm target", guests::add_target);
    steps.attempt("build of the plugins", || guests::build_plugins(workspace));
    steps.attempt("build of the probes", || guests::build_probes(workspace));
    let python = steps.run("stock client in Python", || python::with_client(workspace)).ok().flatten();
    if let Ok(up) = steps.run("services", || services::up(workspace, None)) {
        let cargo = || against(workspace, &up);
        steps.attempt("store at DynamoDB Local", || test(cargo(), STORE, &mut counts));
        println!("\nleft out: the tests in `faults`, because only the mock cluster fails when a test tells it to");
        steps.attempt("Kafka trigger at Apache Kafka", || test(cargo(), TRIGGER, &mut counts));
        steps.attempt("delivery at Apache Kafka", || test(cargo(), DELIVERY, &mut counts));
        steps.attempt("journeys at Apache Kafka", || {
            // A journey runs the host's program, which cargo does not build for a test alone.
            succeed(workspace.cargo().args(["build", "--workspace", "--bins", "--test", "journeys"]))?;
            test(with(cargo(), python.as_ref()), JOURNEYS, &mut counts)
        });
        steps.attempt("end of the services", || services::down(workspace, Some(&up.started)));
    }
    Ok(close("cargo xtask test --real", &steps, &counts))
}

/// A call of cargo whose tests find the services.
fn against(workspace: &Workspace, up: &Up) -> Command {
    let mut cargo = workspace.cargo();
    cargo.envs(up.variables.iter().map(|(name, value)| (*name, value)));
    cargo
}

/// A call of cargo whose tests read with this Python, if there is one.
fn with(mut cargo: Command, python: Option<&PathBuf>) -> Command {
    if let Some(python) = python {
        cargo.env("SIGNALBOX_TEST_PYTHON", python);
    }
    cargo
}
