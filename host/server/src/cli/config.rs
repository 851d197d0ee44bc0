use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Configured, output};
use crate::config::{Loaded, settings, to_toml};
use crate::shutdown;

/// Shows the configuration that is in force, each value with the place where it was set.
///
/// Secrets are references in the configuration, so the output holds none.
///
/// Example: SIGNALBOX_SERVER__LISTEN=127.0.0.1:9000 signalbox config
#[derive(Debug, Args)]
pub struct Options {
    /// Prints JSON for programs: a list of section, key, value and from.
    #[arg(long)]
    json: bool,
}

/// Prints the configuration; the exit code says whether it is valid.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let loaded = configured.load()?;
    for warning in &loaded.warnings {
        output::problem(&format!("note: {warning}\n"));
    }
    print(&loaded, options.json)
}

/// Also used by `serve --check-config`.
pub fn print(loaded: &Loaded, as_json: bool) -> anyhow::Result<ExitCode> {
    let settings = settings(loaded)?;
    if as_json {
        let all: Vec<_> = settings
            .iter()
            .map(|setting| {
                json!({
                    "section": setting.section, "key": setting.key, "value": setting.value, "from": setting.from,
                })
            })
            .collect();
        output::json(&all)?;
    } else {
        output::text(&to_toml(&settings))?;
    }
    Ok(shutdown::DONE)
}
