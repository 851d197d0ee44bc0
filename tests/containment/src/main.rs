//! `signalbox-containment`: runs every hostile guest beside a neighbour, checks that it is stopped as the table of
//! attempts says, and measures how long the neighbour waits meanwhile. Started by `cargo xtask containment`, which
//! builds what it needs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

mod load;
mod neighbour;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use signalbox_tests_probes::arena::Arena;
use signalbox_tests_probes::attempt::{Attempt, Ended, Way};
use signalbox_tests_probes::attempts::attempts;
use signalbox_tests_support::Process;

use load::Load;
use neighbour::Neighbour;
use report::Row;

/// The host's allocator, because the host's memory is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The options of a run.
#[derive(Parser)]
#[command(name = "signalbox-containment")]
struct Options {
    /// How many questions the neighbour asks each second.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// How many copies of an attempt start each second at most: the default rate of one business.
    #[arg(long, default_value_t = 200)]
    pace: u32,
    /// How long the neighbour is measured each time, in milliseconds.
    #[arg(long, default_value_t = 450)]
    window: u64,
    /// How many rounds each attempt has: undisturbed, beside one copy, beside many; the medians count.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many rounds there are in all when the first rounds say that the neighbour waited too long: few waits say
    /// little about the longest ones.
    #[arg(long, default_value_t = 15)]
    most_rounds: usize,
    /// Only attempts whose name contains this text; no report is written then.
    #[arg(long)]
    only: Option<String>,
    /// The file of the report.
    #[arg(long, default_value = "tests/containment/CONTAINMENT.md")]
    report: PathBuf,
}

/// An attempt that ends later than its deadline by more than this was not stopped in time: storing its decision takes a
/// while too.
const GRACE: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() -> ExitCode {
    match measure(&Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs everything and writes the report. False when an attempt was not stopped.
async fn measure(options: &Options) -> Result<bool> {
    let began = Instant::now();
    let mut rows = Vec::new();
    for attempt in attempts() {
        if options.only.as_ref().is_some_and(|only| !attempt.name.contains(only.as_str())) {
            continue;
        }
        let row = one(Arc::new(attempt), options).await?;
        println!("{}", row.line());
        rows.push(row);
    }
    let report = report::write(&rows, options, began.elapsed());
    if options.only.is_none() {
        std::fs::write(&options.report, &report).with_context(|| options.report.display().to_string())?;
    }
    println!("{}", report::summary(&rows));
    Ok(rows.iter().all(Row::was_stopped))
}

/// Runs one attempt with a new store: once alone, to check that it is stopped, and then beside the neighbour.
async fn one(attempt: Arc<Attempt>, options: &Options) -> Result<Row> {
    let arena = Arc::new(Arena::open().await?);
    let neighbour =
        Neighbour { arena: arena.clone(), rate: options.rate, window: Duration::from_millis(options.window) };
    // The first measurement includes one-time costs.
    neighbour.wait().await?;
    let began = Instant::now();
    let ended = attempt.run(&arena).await.with_context(|| format!("{} was not tried", attempt.name))?;
    let took = began.elapsed();
    let mut wrong = Vec::new();
    if let Ended::Loose(told) = ended {
        wrong.push(told);
    }
    if took > attempt.deadline + GRACE {
        wrong.push(format!("took {took:?}"));
    }
    let mut row = Row::new(attempt.clone(), took);
    let mut rounds = options.rounds;
    while row.rounds() < rounds {
        row.undisturbed.push(neighbour.wait().await?);
        for (at_a_time, beside) in [(1, &mut row.beside_one), (many(&attempt), &mut row.beside_many)] {
            let before = Process::own().memory()?;
            Process::own().forget_peak_memory()?;
            let load = Load::start(arena.clone(), attempt.clone(), at_a_time, options.pace);
            beside.waits.push(neighbour.wait().await?);
            let result = load.stop().await;
            beside.grown = beside.grown.max(Process::own().peak_memory()?.saturating_sub(before));
            beside.tried += result.tried;
            wrong.extend(result.wrong);
            arena.neighbour().await.with_context(|| format!("after {}", attempt.name))?;
        }
        // All of the further rounds: to stop at the first good result would bias the figure.
        if row.rounds() == options.rounds && !row.is_met() {
            rounds = rounds.max(options.most_rounds);
        }
    }
    row.wrong = wrong;
    Ok(row)
}

/// As many copies as the defaults let one business have in flight; as many as there are cores for an attempt that loads
/// a component; one for an attempt that consists of many calls itself.
fn many(attempt: &Attempt) -> usize {
    match attempt.way {
        Way::Load(_) => std::thread::available_parallelism().map_or(1, usize::from),
        Way::Other(_) => 1,
        _ => 64,
    }
}
