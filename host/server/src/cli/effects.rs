mod command;
mod list;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Configured, decisions};

/// Shows effects that have not left yet, and what became of them, also while a host runs on the same store.
///
/// Examples:
///
///   signalbox effects list
///   signalbox effects list --state dead-letter --business trattoria-roma
///   signalbox effects retry dec_0123456789abcdef0123456789abcdef act_0123456789abcdef0123456789abcdef
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Options),
    Retry(command::RetryOptions),
    Cancel(command::CancelOptions),
}

/// Runs one of the `effects` commands.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let config = configured.load()?.config;
    super::wait_for(async {
        let store = decisions::open(&config).await?;
        match &options.command {
            Command::List(options) => list::run(&store, options).await,
            Command::Retry(options) => command::retry(&config, &store, options).await,
            Command::Cancel(options) => command::cancel(&config, &store, options).await,
        }
    })
}
