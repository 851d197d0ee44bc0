//! Everything that has a budget or a peer, measured in one run and written to `bench/RESULTS.md`.

mod graph;
mod guest_call;
mod http;
mod idle;
mod peers;
mod reasons;
mod sandbox;
mod share;
mod start;
mod store;
mod swap;
mod turn;
mod websocket;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use signalbox_tests_support::provenance;

use crate::report::Report;

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Sandbox,
    Peers,
    Graph,
    Websocket,
    Http,
    Idle,
    Start,
    Swap,
    Store,
    Share,
}

/// Measures all parts and writes the results, or some parts and only shows them.
pub async fn run(only: &[Part]) -> Result<()> {
    let folder = folder()?;
    let mut report = Report::default();
    let parts = if only.is_empty() { Part::value_variants() } else { only };
    for part in parts {
        match part {
            Part::Sandbox => sandbox::measure(&mut report).await?,
            Part::Peers => peers::measure(&mut report, &folder).await?,
            Part::Graph => graph::measure(&mut report).await?,
            Part::Websocket => websocket::measure(&mut report).await?,
            Part::Http => http::measure(&mut report).await?,
            Part::Idle => idle::measure(&mut report).await?,
            Part::Start => start::measure(&mut report, &folder).await?,
            Part::Swap => swap::measure(&mut report).await?,
            Part::Store => store::measure(&mut report).await?,
            Part::Share => share::measure(&mut report).await?,
        }
    }
    reasons::explain(&mut report);
    if only.is_empty() {
        let head = format!("Written by `cargo xtask bench`; do not edit.\n\n{}", provenance::table());
        fs::write(Path::new("bench/RESULTS.md"), report.text("Results", &head))?;
        println!("written to bench/RESULTS.md");
    }
    Ok(())
}

/// The folder that keeps the measurements' files between runs: beside the profile's folder that holds this program.
fn folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent).context("the program lies in a folder of cargo's")?;
    Ok(target.join("bench"))
}
