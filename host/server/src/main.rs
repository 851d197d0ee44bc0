//! The program `signalbox`: the host, and the commands around it.

use std::process::ExitCode;

use clap::Parser as _;

/// Decisions allocate often, and their memory moves between threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    signalbox_server::run(signalbox_server::Cli::parse())
}
