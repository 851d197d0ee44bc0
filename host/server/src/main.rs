//! The program `signalbox`: the host, and the commands around it.

mod cli;
mod compiler;
mod config;
mod health;
mod serve;
mod shutdown;
mod telemetry;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::run(cli::Cli::parse())
}
