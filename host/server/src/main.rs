//! The program `signalbox`: the host, and the commands around it.

use std::process::ExitCode;

use clap::Parser as _;

/// A decision makes and drops some hundred small values, on whichever thread has it at the moment.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    signalbox_server::run(signalbox_server::Cli::parse())
}
