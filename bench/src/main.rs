//! `signalbox-bench`: measures what the host promises. Started by `cargo xtask`, which builds what it needs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

mod containment;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "signalbox-bench", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure everything that has a budget or a peer; writes `bench/RESULTS.md`.
    Results,
    /// Let every hostile guest loose beside a neighbour; writes `bench/CONTAINMENT.md`.
    Containment(containment::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// False when something is not as it must be, which has been told.
fn run(arguments: Arguments) -> anyhow::Result<bool> {
    match arguments.task {
        Task::Results => anyhow::bail!("nothing is measured yet"),
        Task::Containment(options) => containment::run(&options),
    }
}
