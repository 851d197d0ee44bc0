//! The program `signalbox`: the host, and the commands around it.

mod cli;
mod compiler;
mod config;
mod health;
mod serve;
mod shutdown;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

/// A decision makes and drops some hundred small values, on whichever thread has it at the moment.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(cli::Cli::parse())
}
