//! `signalbox-bench`: measures what the host promises. Started by `cargo xtask`, which builds what it needs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

mod bare;
mod bundle;
mod containment;
mod desk;
mod figures;
mod host;
mod instructions;
mod load;
mod machine;
mod report;
mod results;
mod soak;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The host's, for it and for the peers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "signalbox-bench", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure everything that has a budget or a peer; writes `bench/RESULTS.md`.
    Results {
        /// Measure these parts only, and write nothing.
        #[arg(long, value_delimiter = ',')]
        only: Vec<results::Part>,
    },
    /// Count the instructions of a decision; adds a line to `bench/INSTRUCTIONS.md`.
    Instructions,
    /// Decide so many times, one after the other, on one thread: what callgrind counts.
    #[command(hide = true)]
    Decide {
        /// How many times.
        count: u32,
        /// Record them in memory.
        #[arg(long)]
        recorded: bool,
    },
    /// Serve what the host is compared with.
    #[command(hide = true)]
    Bare,
    /// Send rounds of mixed traffic to a host, and see that it ends with what it began with.
    Soak {
        /// For how long; at least six rounds are made.
        #[arg(long, default_value_t = 60.0)]
        minutes: f64,
    },
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
    let served = |work: &mut dyn FnMut(&tokio::runtime::Runtime) -> anyhow::Result<()>| {
        work(&tokio::runtime::Builder::new_multi_thread().enable_all().build()?).map(|()| true)
    };
    match arguments.task {
        Task::Results { only } => served(&mut |runtime| runtime.block_on(results::run(&only))),
        Task::Bare => served(&mut |runtime| runtime.block_on(bare::serve())),
        Task::Instructions => instructions::run().map(|()| true),
        Task::Decide { count, recorded } => instructions::decide(count, recorded).map(|()| true),
        Task::Containment(options) => containment::run(&options),
        Task::Soak { minutes } => served(&mut |runtime| runtime.block_on(soak::run(minutes))),
    }
}
