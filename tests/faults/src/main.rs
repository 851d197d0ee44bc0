//! `signalbox-faults`: kills hosts, causes every other fault, and writes what came of it to a page.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Parser;
use signalbox_tests_faults::crashes;
use signalbox_tests_faults::faults::FAULTS;
use signalbox_tests_faults::report::{self, FaultRow};

/// The options of a run.
#[derive(Parser)]
#[command(name = "signalbox-faults")]
struct Options {
    /// How often hosts are killed.
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// What chance begins with; a run with the same seed makes the same choices. Without it any.
    #[arg(long)]
    seed: Option<u64>,
    /// Only faults whose name contains this text, `crashes` for the killed hosts; no report is written then.
    #[arg(long)]
    only: Option<String>,
    /// The file of the report.
    #[arg(long, default_value = "bench/FAULTS.md")]
    report: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Causes all faults, also after one has shown a loss. False when one did.
async fn run(options: &Options) -> Result<bool> {
    let began = Instant::now();
    let seed = options.seed.unwrap_or_else(rand::random);
    println!("seed {seed}");
    let is_chosen = |name: &str| options.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let killed = match is_chosen("crashes") {
        true => Some(crashes::run(options.rounds, seed).await.map_err(|error| format!("{error:#}"))),
        false => None,
    };
    if let Some(Err(error)) = &killed {
        println!("crashes: FAILED: {error}");
    }
    let mut rows = Vec::new();
    for fault in FAULTS.iter().filter(|fault| is_chosen(fault.name)) {
        let caused = (fault.cause)(seed).await.map_err(|error| format!("{error:#}"));
        match &caused {
            Ok(report) => println!("{}: {report}", fault.name),
            Err(error) => println!("{}: FAILED: {error}", fault.name),
        }
        rows.push(FaultRow { name: fault.name, caused });
    }
    let is_well = killed.as_ref().is_none_or(Result::is_ok) && rows.iter().all(|row| row.caused.is_ok());
    if let (None, Some(killed)) = (&options.only, &killed) {
        let page = report::page(killed, &rows, seed, began.elapsed());
        std::fs::write(&options.report, page).with_context(|| options.report.display().to_string())?;
        println!("{} is written", options.report.display());
    }
    Ok(is_well)
}
