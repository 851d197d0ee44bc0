//! The program `signalbox`: the host, and the commands around it.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    signalbox_server::run(signalbox_server::Cli::parse())
}
