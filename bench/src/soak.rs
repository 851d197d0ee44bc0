//! Rounds of mixed traffic on one host. Between them nothing is under way, and then it has to use what it used before:
//! memory, file handles, tasks of the runtime and places for guest calls.

mod callers;
mod conversations;
mod guests;
mod operation;
mod sample;
mod senders;
mod stage;
mod strangers;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;

use sample::Sample;
use stage::Stage;

/// Fewer would not tell growth from warming up.
const LEAST_ROUNDS: usize = 6;

/// What was answered as it should be, by what was asked.
type Answers = BTreeMap<&'static str, u64>;

/// Counts one more.
fn count(answers: &mut Answers, what: &'static str) {
    *answers.entry(what).or_default() += 1;
}

/// Soaks a host for so many minutes; an error names what is not where it was.
pub async fn run(minutes: f64) -> Result<()> {
    let time = Duration::try_from_secs_f64(minutes * 60.0).context("the minutes are no time")?;
    let started = Instant::now();
    let stage = Arc::new(Stage::start().await?);
    let (mut samples, mut total) = (Vec::new(), Answers::new());
    println!("{}", Sample::HEADER);
    while samples.len() < LEAST_ROUNDS || started.elapsed() < time {
        let number = samples.len() + 1;
        let round = Instant::now();
        let answers = traffic(&stage, number).await.with_context(|| format!("in round {number}"))?;
        let checked: u64 = answers.values().sum();
        for (what, times) in answers {
            *total.entry(what).or_default() += times;
        }
        let sample = sample::settled(&stage, verdict::baseline(&samples)).await?;
        println!("{}", sample.row(number, round.elapsed(), checked));
        samples.push(sample);
    }
    println!("\n| what was answered as it should be | times |\n| --- | ---: |");
    for (what, times) in &total {
        println!("| {what} | {times} |");
    }
    stage.nothing_panicked()?;
    let grown = verdict::grown(&samples);
    println!("\n{}", verdict::told(&samples));
    if !grown.is_empty() {
        bail!("after {} rounds the host is not where it began: {}", samples.len(), grown.join("; "));
    }
    println!("soak: {} rounds, {} answers, all as they should be", samples.len(), total.values().sum::<u64>());
    Ok(())
}

/// One round: everything at the same time, until all of it has been answered and every client is gone.
async fn traffic(stage: &Arc<Stage>, round: usize) -> Result<Answers> {
    let mut running = JoinSet::new();
    running.spawn(conversations::hold(stage.clone(), round));
    running.spawn(conversations::spread_news(stage.clone(), round));
    running.spawn(strangers::misbehave(stage.clone(), round));
    running.spawn(strangers::stop_reading(stage.clone(), round));
    running.spawn(strangers::fall_silent(stage.clone(), round));
    running.spawn(callers::call(stage.clone(), round));
    running.spawn(callers::review(stage.clone(), round));
    running.spawn(senders::deliver(stage.clone(), round));
    running.spawn(guests::misbehave(stage.clone(), round));
    running.spawn(guests::reach_out(stage.clone(), round));
    running.spawn(operation::operate(stage.clone(), round));
    let mut all = Answers::new();
    while let Some(ended) = running.join_next().await {
        for (what, times) in ended.context("a part of the round panicked")?? {
            *all.entry(what).or_default() += times;
        }
    }
    Ok(all)
}
