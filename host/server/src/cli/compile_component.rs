use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use signalbox_sandbox::{CompileLimits, compile_as_child};

use super::output;
use crate::shutdown;

/// Reads a component from standard input and writes native code to standard output, within limits. The host runs itself
/// with this for each component that it compiles.
#[derive(Debug, Args)]
pub struct Options {
    /// How long the compilation may take, in milliseconds.
    #[arg(long)]
    time_ms: u64,
    /// How much memory the compilation may take, in bytes.
    #[arg(long)]
    memory: u64,
    /// The largest component that is accepted, in bytes.
    #[arg(long)]
    component_size: u64,
}

/// Compiles; the exit code tells why a compilation failed.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let limits = CompileLimits {
        time: Duration::from_millis(options.time_ms),
        memory: options.memory,
        component_size: options.component_size,
    };
    match compile_as_child(&limits, std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => Ok(shutdown::DONE),
        Err(error) => {
            output::problem(&format!("{error}\n"));
            Ok(ExitCode::from(error.exit_code()))
        }
    }
}
