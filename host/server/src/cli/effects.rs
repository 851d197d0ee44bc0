mod command;
mod list;
mod show;
mod tail;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Configured, decisions};
use crate::config::Config;

/// Shows what decisions cause outside: what has not left yet, and what the development sink was given.
///
/// Examples:
///
///   signalbox effects list
///   signalbox effects list --state dead-letter --business trattoria-roma
///   signalbox effects show dec_0123456789abcdef0123456789abcdef act_0123456789abcdef0123456789abcdef
///   signalbox effects retry dec_0123456789abcdef0123456789abcdef act_0123456789abcdef0123456789abcdef
///   signalbox effects tail --follow
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Options),
    Show(show::Options),
    Retry(command::RetryOptions),
    Cancel(command::CancelOptions),
    Tail(tail::Options),
}

/// Runs one of the `effects` commands.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let config = configured.load()?.config;
    super::wait_for(carry_out(&config, &options.command))
}

async fn carry_out(config: &Config, command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(options) => list::run(&decisions::open(config).await?, options).await,
        Command::Show(options) => show::run(config, &decisions::open(config).await?, options).await,
        Command::Retry(options) => command::retry(config, &decisions::open(config).await?, options).await,
        Command::Cancel(options) => command::cancel(config, &decisions::open(config).await?, options).await,
        Command::Tail(options) => tail::run(config, options).await,
    }
}
