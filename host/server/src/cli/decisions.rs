mod filter;
mod list;
mod show;
mod tail;

pub(super) use show::{effect_kind, effect_state, named_decision};

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use signalbox_store::Store;

use super::Configured;
use crate::config::{Config, StoreBackend};

/// Shows stored decisions, also while a host runs on the same store.
///
/// Examples:
///
///   signalbox decisions list --business trattoria-roma
///   signalbox decisions show dec_0123456789abcdef0123456789abcdef --journal
///   signalbox decisions tail --json
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
    Tail(tail::Options),
}

/// Runs one of the `decisions` commands.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let config = configured.load()?.config;
    super::wait_for(async {
        let store = open(&config).await?;
        match &options.command {
            Command::List(options) => list::run(&config, &store, options).await,
            Command::Show(options) => show::run(&config, &store, options).await,
            Command::Tail(options) => tail::run(&config, &store, options).await,
        }
    })
}

/// Opens the store for reading. Nothing is created, because a mistyped path would otherwise look like an empty store.
pub(super) async fn open(config: &Config) -> anyhow::Result<Store> {
    match config.store.backend {
        StoreBackend::Memory => bail!("a store in memory is seen by its host alone; configure [store] backend"),
        StoreBackend::Embedded if !config.store.path.exists() => bail!(
            "there is no store at {}; start `signalbox serve` first, or name the right configuration with --config",
            config.store.path.display()
        ),
        StoreBackend::Embedded | StoreBackend::Dynamodb => {}
    }
    let options = signalbox_store::Config { create_tables: false, ..config.store.resolve()? };
    Store::open(options).await.context("opening the store")
}

/// The businesses that the command covers: those named by options, or all of the directory.
fn businesses(config: &Config, named: &[String]) -> anyhow::Result<Vec<String>> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    crate::serve::business_ids(config).context("reading the business directory; or name a business with --business")
}
