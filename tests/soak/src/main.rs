//! `signalbox-soak`: sends rounds of mixed traffic to one host. Between rounds the host is idle, and must use the same
//! memory, file handles, runtime tasks and slots for guest calls as before. Started by `cargo xtask soak`, which builds
//! what it needs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

mod callers;
mod conversations;
mod growth;
mod guests;
mod host;
mod operation;
mod sample;
mod senders;
mod strangers;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::task::JoinSet;

use host::Host;
use sample::Sample;

/// With fewer rounds, growth could not be told from warming up.
const LEAST_ROUNDS: usize = 6;

/// The number of correct answers, by kind of request.
type Answers = BTreeMap<&'static str, u64>;

/// Counts one more.
fn count(answers: &mut Answers, what: &'static str) {
    *answers.entry(what).or_default() += 1;
}

/// Sends rounds of mixed traffic to a host, and checks that its resources end where they began.
#[derive(Parser)]
#[command(name = "signalbox-soak")]
struct Arguments {
    /// How long to run; at least six rounds are made.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().minutes).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the soak for this many minutes; an error names the resources that have grown.
async fn run(minutes: f64) -> Result<()> {
    let time = Duration::try_from_secs_f64(minutes * 60.0).context("the minutes are no time")?;
    let started = Instant::now();
    let host = Arc::new(Host::start().await?);
    let (mut samples, mut total) = (Vec::new(), Answers::new());
    println!("{}", Sample::HEADER);
    while samples.len() < LEAST_ROUNDS || started.elapsed() < time {
        let number = samples.len() + 1;
        let round = Instant::now();
        let answers = traffic(&host, number).await.with_context(|| format!("in round {number}"))?;
        let checked: u64 = answers.values().sum();
        for (what, times) in answers {
            *total.entry(what).or_default() += times;
        }
        let sample = sample::settled(&host, growth::baseline(&samples)).await?;
        println!("{}", sample.row(number, round.elapsed(), checked));
        samples.push(sample);
    }
    println!("\n| what was answered as it should be | times |\n| --- | ---: |");
    for (what, times) in &total {
        println!("| {what} | {times} |");
    }
    host.nothing_panicked()?;
    let grown = growth::grown(&samples);
    println!("\n{}", growth::told(&samples));
    if !grown.is_empty() {
        bail!("after {} rounds the host is not where it began: {}", samples.len(), grown.join("; "));
    }
    println!("soak: {} rounds, {} answers, all as they should be", samples.len(), total.values().sum::<u64>());
    Ok(())
}

/// One round: all kinds of traffic at the same time, until everything has been answered and every client is gone.
async fn traffic(host: &Arc<Host>, round: usize) -> Result<Answers> {
    let mut running = JoinSet::new();
    running.spawn(conversations::hold(host.clone(), round));
    running.spawn(conversations::spread_news(host.clone(), round));
    running.spawn(strangers::misbehave(host.clone(), round));
    running.spawn(strangers::stop_reading(host.clone(), round));
    running.spawn(strangers::fall_silent(host.clone(), round));
    running.spawn(callers::call(host.clone(), round));
    running.spawn(callers::review(host.clone(), round));
    running.spawn(senders::deliver(host.clone(), round));
    running.spawn(guests::misbehave(host.clone(), round));
    running.spawn(guests::reach_out(host.clone(), round));
    running.spawn(operation::operate(host.clone(), round));
    let mut all = Answers::new();
    while let Some(ended) = running.join_next().await {
        for (what, times) in ended.context("a part of the round panicked")?? {
            *all.entry(what).or_default() += times;
        }
    }
    Ok(all)
}
