//! `signalbox-bench`: measures how fast the host is, and compares it with its peers and budgets. Started by `cargo
//! xtask`, which builds what it needs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

mod bare;
mod bundle;
mod cpu;
mod figures;
mod in_process;
mod instructions;
mod load;
mod report;
mod results;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The same allocator as the host's, for the host's code and the bare server alike.
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
    /// Measures everything that has a budget or a peer; writes `bench/RESULTS.md`.
    Results {
        /// Measures these parts only, and writes nothing.
        #[arg(long, value_delimiter = ',')]
        only: Vec<results::Part>,
    },
    /// Counts the instructions of a decision; adds a line to `bench/INSTRUCTIONS.md`.
    Instructions,
    /// Makes decisions one after the other on one thread, for callgrind to count.
    #[command(hide = true)]
    Decide {
        /// How many decisions to make.
        count: u32,
        /// Records the decisions in memory.
        #[arg(long)]
        recorded: bool,
    },
    /// Serves the bare server that the host is compared with.
    #[command(hide = true)]
    Bare,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match arguments.task {
        Task::Results { only } => runtime()?.block_on(results::run(&only)),
        Task::Bare => runtime()?.block_on(bare::serve()),
        Task::Instructions => instructions::run(),
        Task::Decide { count, recorded } => instructions::decide(count, recorded),
    }
}
