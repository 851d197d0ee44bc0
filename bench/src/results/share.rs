//! Where a decision's time goes, from the outside in: what each layer adds to the one below it.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;
use signalbox_graph::{Json, Next, Outcome, Scope, StepOutput, Stepper};
use signalbox_sandbox::{Generation, SandboxConfig};
use signalbox_store::{Backend, Config, Store};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

use super::graph;
use crate::bundle;
use crate::desk::{BUSINESS, Desk, TEXT, input};
use crate::figures::{ROUNDS, in_micros, median, micros};
use crate::machine::cpu_time;
use crate::report::{Report, Section};

const ROUND: Duration = Duration::from_millis(500);
const NODES: f64 = 3.0;

/// The chain's steps and conditions with outcomes that stand ready: the graph without guests.
fn step_through(generation: &Generation) -> Result<()> {
    let accepted = input(&json!({ "text": TEXT }))?;
    let scope = Scope::new(&accepted.input, &accepted.permissions);
    let mut stepper = Stepper::<()>::new(generation.graph.clone(), BTreeMap::new(), scope);
    loop {
        match stepper.next() {
            Next::Run(tasks) => {
                for task in tasks {
                    let updates = match &*task.name {
                        "understand" => vec![("intent".to_owned(), Json::parse("\"book\"".to_owned())?)],
                        "book" => vec![("notes".to_owned(), Json::parse("[\"book\"]".to_owned())?)],
                        _ => Vec::new(),
                    };
                    stepper.complete(task.id, Outcome::Done(StepOutput { updates, goto: Vec::new(), payload: () }));
                }
            }
            Next::Ended(_) => return Ok(()),
            Next::Wait => bail!("the graph waits for a node that is done"),
        }
    }
}

/// Processor time of one of whatever it does, in microseconds.
async fn round(mut work: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
    let (cpu, started, mut count) = (cpu_time(), Instant::now(), 0_u32);
    while started.elapsed() < ROUND {
        work().await?;
        count += 1;
    }
    Ok(in_micros(cpu_time() - cpu) / f64::from(count))
}

/// A thread that answers and does nothing else: what it costs to ask one.
struct Question(mpsc::Sender<oneshot::Sender<()>>);

impl Question {
    fn new() -> Result<Self> {
        let (ask, mut asked) = mpsc::channel::<oneshot::Sender<()>>(1);
        thread::Builder::new().name("question".to_owned()).spawn(move || {
            while let Some(answer) = asked.blocking_recv() {
                let _ = answer.send(());
            }
        })?;
        Ok(Self(ask))
    }

    async fn ask(&self) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await?;
        Ok(answered.await?)
    }
}

pub async fn measure(report: &mut Report) -> Result<()> {
    let (made, files) = (TempDir::new()?, TempDir::new()?);
    bundle::chain(made.path())?;
    let text = json!({ "text": TEXT });
    let desk = Desk::new().await?;
    desk.publish(made.path()).await?;
    let generation = desk.load(made.path()).await?;
    let file = Backend::Embedded { path: Some(files.path().join("store.db")) };
    let filed = Desk::with(Store::open(Config::new(file)).await?, SandboxConfig::default())?;
    filed.publish(made.path()).await?;
    let question = Question::new()?;
    let [mut graph, mut unrecorded, mut memory, mut stored, mut lookup, mut asked] = [const { Vec::new() }; 6];
    for turn in 0..=ROUNDS {
        let of_input = round(async || input(&text).map(drop)).await?;
        let of_graph = round(async || step_through(&generation)).await? - of_input;
        let of_decision = graph::cost(&desk, &text, ROUND).await?.cpu;
        let of_memory = round(async || desk.decide(input(&text)?).await).await? - of_input;
        let of_lookup =
            round(async || desk.store.decision("dec_unknown", BUSINESS).await.map(drop).map_err(Into::into)).await?;
        let of_question = round(async || question.ask().await).await?;
        let of_file = round(async || filed.decide(input(&text)?).await).await? - of_input;
        if turn > 0 {
            for (all, one) in [
                (&mut graph, of_graph),
                (&mut unrecorded, of_decision),
                (&mut memory, of_memory),
                (&mut stored, of_file),
                (&mut lookup, of_lookup),
                (&mut asked, of_question),
            ] {
                all.push(one);
            }
        }
    }
    let needs = "measure the part `sandbox` in the same run";
    let (sandbox, bare, warm) = (
        report.fact("call.sandbox").context(needs)?,
        report.fact("call.bare").context(needs)?,
        report.fact("call.warm").context(needs)?,
    );
    let (graph, unrecorded, memory, stored) = (median(&graph), median(&unrecorded), median(&memory), median(&stored));
    let (lookup, asked) = (median(&lookup), median(&asked));
    report.keep("share.unrecorded", unrecorded);
    report.keep("share.store", stored - unrecorded);
    report.keep("share.question", asked);
    let mut layers = vec![
        ("the guests' own work, arguments and results among it (3 calls of a live instance)", NODES * warm),
        ("three fresh instances of bare Wasmtime, made and dropped", NODES * (bare - warm)),
        ("the sandbox around them: limits, epochs, empty WASI, journal, breaker, conversion", NODES * (sandbox - bare)),
        ("the graph: steps, the condition in CEL, merging of channels", graph),
        ("context, record and bookkeeping of the executor", unrecorded - NODES * sandbox - graph),
        ("looking up in a store in memory whether it is decided", lookup),
        ("committing there: engine, its five indexes, SQLite", memory - unrecorded - lookup),
        ("the same in a file: what the write-ahead log adds", stored - memory),
    ];
    if let Some(served) = report.fact("websocket.stored") {
        layers.push((
            "WebSocket, admission, frames, log line, relay, less what callers at a time share",
            served - stored,
        ));
    }
    let mut section = Section::new("Where a decision's time goes");
    section.say(
        "CPU of one decision through the chain of three nodes, by what each layer adds to the one below it; every line is \
         the difference of two medians of the same run, so a small one is no more than noise.",
    );
    section.say(&format!(
        "Looking up and committing each ask the thread that owns the database. To ask a thread that does nothing and be \
         answered takes {} here when nothing else is asked: two threads are woken for it.",
        micros(asked)
    ));
    let mut sum = 0.0;
    let rows: Vec<Vec<String>> = layers
        .into_iter()
        .map(|(what, cost)| {
            sum += cost;
            vec![what.to_owned(), micros(cost), micros(sum)]
        })
        .collect();
    section.table(&["layer", "adds", "up to here"], &rows);
    report.add(section);
    Ok(())
}
