//! `cargo xtask …`: the tasks of this repository.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

mod bench;
mod demo;
mod faults;
mod fuzz;
mod guests;
mod services;
mod soak;
mod steps;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The tasks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything, start the host with the example bundles, and tell six stories on it.
    ///
    /// Keeps serving afterwards and prints how to send the next message by hand; Ctrl-C stops it.
    Demo {
        /// Stop after the stories; exit 0 only if every decision was made, stored, read back and answered as expected.
        #[arg(long)]
        once: bool,
        /// Send resource actions to a real Apache Kafka, which is started if it does not run; needs Java and Maven.
        #[arg(long)]
        kafka: bool,
    },
    /// Build what the tests need and run all of them: guests, format, tidy, lints, tests.
    Test {
        /// Run the tests of the store and of Kafka against DynamoDB Local and Apache Kafka, and nothing else; starts
        /// both if they do not run, and ends those that it started.
        #[arg(long)]
        real: bool,
    },
    /// Build the plugins to WebAssembly and put each bundle together under `target/plugins`.
    BuildPlugins {
        /// Build the probes of `tests/probes` as well, to `target/probes`.
        #[arg(long)]
        probes: bool,
    },
    /// Measure the host's speed and compare it with its peers and budgets; writes `bench/RESULTS.md`.
    Bench {
        /// Measure these parts only, and write nothing.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
    },
    /// Count the instructions of a decision with valgrind; adds a line to `bench/INSTRUCTIONS.md`.
    Instructions,
    /// Run every hostile guest beside a neighbour and measure both; writes `tests/containment/CONTAINMENT.md`.
    Containment,
    /// Kill hosts at every stage of an input's way, cause every other fault, and count what is lost or doubled; writes
    /// `bench/FAULTS.md`.
    Faults {
        /// How often hosts are killed.
        #[arg(long, default_value_t = 50)]
        rounds: usize,
        /// What chance begins with; a run with the same seed makes the same choices. Without it any.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Run one of the targets in `fuzz` under libFuzzer for some time; needs `cargo install cargo-fuzz`.
    Fuzz {
        /// The target.
        target: String,
        /// How long to run.
        #[arg(long, default_value_t = 10)]
        minutes: u32,
    },
    /// Send mixed traffic to a host for some time; fails unless memory, file handles, tasks and guest calls end where
    /// they began.
    Soak {
        /// How long to run.
        #[arg(long, default_value_t = 60.0)]
        minutes: f64,
    },
    /// Start Apache Kafka and DynamoDB Local on this machine for the tests, or end them; needs Java and Maven.
    Services {
        #[command(subcommand)]
        action: services::Action,
    },
    /// Check the rules of this repository that the compiler does not check.
    Tidy,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::locate()?;
    match arguments.task {
        Task::Demo { once, kafka } => demo::run(&workspace, once, kafka),
        Task::Test { real: false } => test::run(&workspace),
        Task::Test { real: true } => test::run_real(&workspace),
        Task::BuildPlugins { probes } => guests::run(&workspace, probes),
        Task::Bench { only } => {
            let arguments: Vec<String> = only.iter().map(|part| format!("--only={part}")).collect();
            bench::run(&workspace, "results", &arguments)
        }
        Task::Instructions => bench::run(&workspace, "instructions", &[]),
        Task::Containment => bench::containment(&workspace),
        Task::Faults { rounds, seed } => faults::run(&workspace, rounds, seed),
        Task::Fuzz { target, minutes } => fuzz::run(&workspace, &target, minutes),
        Task::Soak { minutes } => soak::run(&workspace, minutes),
        Task::Services { action } => services::run(&workspace, action),
        Task::Tidy => tidy::run(&workspace),
    }
}
