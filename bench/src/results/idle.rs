//! Ten thousand idle connections, and one broadcast to all of them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _, stream};
use rustix::process::{Resource, getrlimit, setrlimit};
use signalbox_tests_support::{Server, Setup, bundle};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::bare;
use crate::figures::{ROUNDS, grouped, in_micros, kib, median, time};
use crate::load::{self, Socket, UNLIMITED};
use crate::report::{Report, Section};

const CONNECTIONS: usize = 10_000;
const BUSINESS: &str = "hall";
const QUIET: Duration = Duration::from_secs(10);

pub async fn measure(report: &mut Report) -> Result<()> {
    allow_files()?;
    let setup =
        Setup::new()?.business(BUSINESS, "probe-websocket")?.bundle(bundle("probes/websocket")?).config(UNLIMITED);
    let token = |number: usize| setup.token(&format!("user-{number}")).business(BUSINESS, &["coordinator"]).mint();
    let tokens = (0..CONNECTIONS).map(token).collect::<Result<Vec<_>>>()?;
    let server = Server::host(setup)?;
    let process = server.process();
    // One connection and one broadcast first, so that one-time costs are not counted with the ten thousand.
    let mut first = load::connect(&server.websocket, tokens.first().map(String::as_str)).await?;
    broadcast(&mut first, "warm").await?;
    heard(&mut first, "warm").await?;
    let before = process.private_memory()?;

    let started = Instant::now();
    let sockets: Vec<Socket> = stream::iter(tokens.iter().skip(1))
        .map(|token| load::connect(&server.websocket, Some(token)))
        .buffer_unordered(64)
        .try_collect()
        .await?;
    let connecting = started.elapsed();
    let each = (process.private_memory()? - before) as f64 / (CONNECTIONS - 1) as f64;

    let cpu = process.cpu_time()?;
    tokio::time::sleep(QUIET).await;
    let quiet = (process.cpu_time()? - cpu).as_secs_f64() / QUIET.as_secs_f64() * 100.0;

    let (mut sockets, mut last, mut cost) = (sockets, Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let word = format!("round-{round}");
        let (cpu, started, mut running) = (process.cpu_time()?, Instant::now(), JoinSet::new());
        broadcast(&mut first, &word).await?;
        for mut socket in sockets.drain(..) {
            let word = word.clone();
            running.spawn(async move {
                heard(&mut socket, &word).await?;
                anyhow::Ok(socket)
            });
        }
        heard(&mut first, &word).await?;
        while let Some(socket) = running.join_next().await {
            sockets.push(socket??);
        }
        last.push(in_micros(started.elapsed()));
        cost.push(in_micros(process.cpu_time()? - cpu) / CONNECTIONS as f64);
    }
    let after = (process.private_memory()? - before) as f64 / (CONNECTIONS - 1) as f64;

    drop((first, sockets, server));
    let echo = of_the_echo().await?;

    let held = grouped(CONNECTIONS as f64);
    let mut section = Section::new("Ten thousand connections");
    section.say(&format!(
        "{held} coordinators of one business, connected and authenticated. Memory is what the host's process holds privately \
         beyond what it held with one connection; the kernel's own buffers are not in it. A broadcast is one message, whose \
         decision speaks to all of them."
    ));
    section.table(
        &["figure", "measured"],
        &[
            vec![format!("{held} connects, 64 at a time"), time(in_micros(connecting))],
            vec!["memory of an idle connection".to_owned(), kib(each)],
            vec![format!("the same after {ROUNDS} broadcasts"), kib(after)],
            vec!["an idle connection to a bare axum echo".to_owned(), kib(echo)],
            vec![format!("CPU while {held} say nothing"), format!("{quiet:.1} % of a core")],
            vec!["broadcast, until the last has it".to_owned(), time(median(&last))],
            vec!["broadcast, the host's CPU for one of them".to_owned(), time(median(&cost))],
        ],
    );
    report.add(section);
    report.keep("idle.echo", echo);
    report.keep("idle.held", each.max(after));
    report.budget(
        "idle WebSocket, 10,000 held",
        "at most 12 KiB resident each",
        kib(each.max(after)),
        each.max(after) <= 12.0 * 1024.0,
    );
    Ok(())
}

/// The memory that a bare echo server holds for a connection.
async fn of_the_echo() -> Result<f64> {
    let server = bare::start()?;
    let first = load::connect(&server.websocket, None).await?;
    let before = server.process().private_memory()?;
    let sockets: Vec<Socket> = stream::iter(1..CONNECTIONS)
        .map(|_| load::connect(&server.websocket, None))
        .buffer_unordered(64)
        .try_collect()
        .await?;
    let each = (server.process().private_memory()? - before) as f64 / sockets.len() as f64;
    drop((first, sockets));
    Ok(each)
}

async fn broadcast(socket: &mut Socket, word: &str) -> Result<()> {
    let frame = format!(
        r#"{{"type":"message","id":"{word}-{}","businessId":"{BUSINESS}","content":{{"data":{{"calls":[{{"call":"broadcast","content":{{"text":"{word}"}}}}]}}}}}}"#,
        ulid::Ulid::new()
    );
    Ok(socket.send(Message::text(frame)).await?)
}

async fn heard(socket: &mut Socket, word: &str) -> Result<()> {
    let end = format!("\"{word}\"");
    loop {
        let text = load::next(socket).await?;
        ensure!(!text.starts_with("{\"type\":\"error\""), "instead of a notification came {text}");
        if text.starts_with("{\"type\":\"notification\"") && text.contains(&end) {
            return Ok(());
        }
    }
}

/// Allows this process, and by inheritance the host, enough open files for one end of every socket each.
fn allow_files() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    let needed = CONNECTIONS as u64 + 1_000;
    ensure!(
        limit.maximum.is_none_or(|most| most >= needed),
        "this machine lets a process open {:?} files, and {needed} are needed; raise its hard limit",
        limit.maximum
    );
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("the limit of open files cannot be raised")
}
