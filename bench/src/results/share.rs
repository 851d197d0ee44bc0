//! How a decision's time divides: what each layer adds to the one below it.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::json;
use signalbox_graph::{Json, Next, Scope, StepOutput, Stepper, TaskResult};
use signalbox_sandbox::{Generation, SandboxConfig};
use signalbox_store::{Backend, Config, Store};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

use super::graph;
use super::guest_call::GuestCall;
use super::turn::turn;
use crate::bundle;
use crate::figures::{ROUNDS, median, micros};
use crate::in_process::{BUSINESS, InProcessHost, TEXT, input};
use crate::report::{Report, Section};

const ROUND: Duration = Duration::from_millis(500);
const NODES: f64 = 3.0;

/// Walks the chain's steps and conditions with prepared outcomes: the graph without guests.
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
                    stepper.complete(task.id, TaskResult::Done(StepOutput { updates, goto: Vec::new(), payload: () }));
                }
            }
            Next::Ended(_) => return Ok(()),
            Next::Pause => {}
            Next::Wait => bail!("the graph waits for a node that is done"),
        }
    }
}

/// A thread that only answers, to measure what a question to another thread costs.
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

/// The cost of each part in one round, as processor time in microseconds.
struct Round {
    warm: f64,
    bare: f64,
    sandbox: f64,
    graph: f64,
    unrecorded: f64,
    lookup: f64,
    asked: f64,
    memory: f64,
    stored: f64,
}

pub async fn measure(report: &mut Report) -> Result<()> {
    let (made, files) = (TempDir::new()?, TempDir::new()?);
    bundle::chain(made.path())?;
    let text = json!({ "text": TEXT });
    let host = InProcessHost::new().await?;
    host.publish(made.path()).await?;
    let generation = host.load(made.path()).await?;
    let file = Backend::Embedded { path: Some(files.path().join("store.db")) };
    let filed = InProcessHost::with(Store::open(Config::new(file)).await?, SandboxConfig::default())?;
    filed.publish(made.path()).await?;
    let question = Question::new()?;
    let call = GuestCall::new().await?;
    let mut rounds = Vec::new();
    for at in 0..=ROUNDS {
        let of_input = turn(ROUND, 1, async || input(&text).map(drop)).await?;
        let round = Round {
            warm: NODES * call.warm(ROUND).await?,
            bare: NODES * call.bare(ROUND).await?,
            sandbox: NODES * call.sandbox(ROUND).await?,
            graph: turn(ROUND, 1, async || step_through(&generation)).await? - of_input,
            unrecorded: graph::cost(&host, &text, ROUND).await?.cpu,
            lookup: turn(ROUND, 1, async || {
                host.store.decision("dec_unknown", BUSINESS).await.map(drop).map_err(Into::into)
            })
            .await?,
            asked: turn(ROUND, 1, async || question.ask().await).await?,
            memory: turn(ROUND, 1, async || host.decide(input(&text)?).await).await? - of_input,
            stored: turn(ROUND, 1, async || filed.decide(input(&text)?).await).await? - of_input,
        };
        // The first round warms up.
        if at > 0 {
            rounds.push(round);
        }
    }
    let of = |part: fn(&Round) -> f64| median(&rounds.iter().map(part).collect::<Vec<_>>());
    let (warm, bare, sandbox) = (of(|round| round.warm), of(|round| round.bare), of(|round| round.sandbox));
    let (graph, unrecorded, lookup) = (of(|round| round.graph), of(|round| round.unrecorded), of(|round| round.lookup));
    let (memory, stored, asked) = (of(|round| round.memory), of(|round| round.stored), of(|round| round.asked));
    report.keep("share.unrecorded", unrecorded);
    report.keep("share.store", stored - unrecorded);
    report.keep("share.question", asked);
    let mut layers = vec![
        ("the guests' own work, arguments and results among it (3 calls of a live instance)", warm),
        ("three fresh instances of bare Wasmtime, made and dropped", bare - warm),
        ("the sandbox around them: limits, epochs, empty WASI, journal, breaker, conversion", sandbox - bare),
        ("the graph: steps, the condition in CEL, merging of channels", graph),
        ("context, record and bookkeeping of the executor", unrecorded - sandbox - graph),
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
         the difference of two medians of what took turns in the same rounds, so a small one is no more than noise. The last \
         line compares with what the sockets came to above.",
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
