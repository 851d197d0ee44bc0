use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::output;
use crate::shutdown;

/// Says which build this is: version, compiler, Wasm engine and target.
///
/// Example: signalbox version --json
#[derive(Debug, Args)]
pub struct Options {
    /// Prints JSON for programs.
    #[arg(long)]
    json: bool,
}

/// Prints the build. The output is the same for any two builds of the same sources.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (version, rust) = (env!("CARGO_PKG_VERSION"), env!("SIGNALBOX_RUSTC"));
    let (wasmtime, target) = (env!("SIGNALBOX_WASMTIME"), env!("SIGNALBOX_TARGET"));
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    if options.json {
        output::json(&json!({
            "version": version, "rust": rust, "wasmtime": wasmtime, "target": target, "profile": profile,
        }))?;
    } else {
        output::line(&format!(
            "signalbox {version}\nrust      {rust}\nwasmtime  {wasmtime}\ntarget    {target}\nprofile   {profile}"
        ))?;
    }
    Ok(shutdown::DONE)
}
