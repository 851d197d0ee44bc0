//! From a coordinator's message to its reply, compared with a bare WebSocket echo under the same load from the same
//! process.

use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use signalbox_tests_support::{Server, Setup, bundle};

use crate::bare;
use crate::cpu::cpu_time;
use crate::figures::{ROUNDS, grouped, in_micros, median, micros, rate, time};
use crate::load::{self, Socket, UNLIMITED};
use crate::report::{Report, Section};

/// The business that gets the messages.
pub const BUSINESS: &str = "trattoria";
/// The secret with which webhooks are signed, in the form of Standard Webhooks.
pub const SECRET: &str = "whsec_c2lnbmFsYm94LWJlbmNoLXNlY3JldC1vZi0zMi1ieXRlcw==";
const ROUND: Duration = Duration::from_secs(2);
/// How long an open loop runs: long enough for a meaningful 99.9th percentile.
const OPEN_LOOP: Duration = Duration::from_secs(5);

/// A setup with the chain for one business, and limits that the load does not reach.
pub fn setup() -> Result<Setup> {
    let setup = Setup::new()?;
    std::fs::write(setup.path().join("webhook-secret"), SECRET)?;
    Ok(setup.business(BUSINESS, "probe-chain")?.bundle(bundle("probes/chain")?).config(UNLIMITED).config(
        // The bundle's webhook needs a secret, or the bundle is not loaded.
        "[webhooks]\ndeliveries-per-second = 1000000\nburst = 1000000\nin-flight = 1024\nsecrets.CHAIN_WEBHOOK = [{ file = \"webhook-secret\" }]",
    ))
}

/// A server under load, and its measurements.
struct Contender {
    name: &'static str,
    server: Server,
    /// A user for each connection, because a reply to a user reaches all of the user's connections.
    tokens: Vec<String>,
    /// By number of connections: messages a second of each round, and the server's processor time for one message.
    rounds: Vec<(Vec<f64>, Vec<f64>)>,
    /// By number of connections: the load generator's processor time for one message.
    load: Vec<Vec<f64>>,
}

const CONNECTIONS: [usize; 3] = [1, 32, 200];

impl Contender {
    fn host(name: &'static str, setup: Setup) -> Result<Self> {
        let most = CONNECTIONS.into_iter().max().unwrap_or(0);
        let token = |number| setup.token(&format!("user-{number}")).business(BUSINESS, &["coordinator"]).mint();
        let tokens = (0..most).map(token).collect::<Result<_>>()?;
        Ok(Self {
            name,
            server: Server::host(setup)?,
            tokens,
            rounds: vec![Default::default(); 3],
            load: vec![Vec::new(); 3],
        })
    }

    async fn sockets(&self, count: usize) -> Result<Vec<Socket>> {
        let mut sockets = Vec::with_capacity(count);
        for number in 0..count {
            let token = self.tokens.get(number).map(String::as_str);
            sockets.push(load::connect(&self.server.websocket, token).await?);
        }
        Ok(sockets)
    }

    async fn round(&mut self, keep: bool) -> Result<()> {
        for (at, count) in CONNECTIONS.into_iter().enumerate() {
            let mut sockets = self.sockets(count).await?;
            let (before, own) = (self.server.process().cpu_time()?, cpu_time());
            let most = load::most(&mut sockets, BUSINESS, ROUND).await?;
            let cpu = self.server.process().cpu_time()? - before;
            let own = cpu_time() - own;
            if keep && let (Some((rates, costs)), Some(load)) = (self.rounds.get_mut(at), self.load.get_mut(at)) {
                let messages = most * ROUND.as_secs_f64();
                rates.push(most);
                costs.push(in_micros(cpu) / messages);
                load.push(in_micros(own) / messages);
            }
        }
        Ok(())
    }

    fn most(&self, at: usize) -> f64 {
        self.rounds.get(at).map_or(0.0, |(rates, _)| median(rates))
    }

    fn cost(&self, at: usize) -> f64 {
        self.rounds.get(at).map_or(0.0, |(_, costs)| median(costs))
    }

    async fn felt(&self, at: usize) -> Result<(f64, Histogram<u64>)> {
        let half = self.most(at) / 2.0;
        let sockets = self.sockets(CONNECTIONS.get(at).copied().unwrap_or(1)).await?;
        Ok((half, load::steady(sockets, BUSINESS, half, OPEN_LOOP).await?))
    }
}

pub async fn measure(report: &mut Report) -> Result<()> {
    let bare = Contender {
        name: "bare axum echo",
        server: bare::start()?,
        tokens: Vec::new(),
        rounds: vec![Default::default(); 3],
        load: vec![Vec::new(); 3],
    };
    let memory = Contender::host("host, store in memory", setup()?.store_in_memory())?;
    let stored = Contender::host("host, embedded store in a file", setup()?)?;
    let mut all = [bare, memory, stored];
    for turn in 0..=ROUNDS {
        for contender in &mut all {
            contender.round(turn > 0).await?;
        }
    }
    let mut section = Section::new("WebSocket, from message to reply");
    section.say(
        "Messages through the chain of three nodes, each acknowledged, decided, recorded and answered. Server and load \
         share the machine; the servers take turns in each round. *Most* is a closed loop: every connection sends the \
         next message as soon as the last is answered. CPU is what the server's process computed for one message.",
    );
    let mut rows = Vec::new();
    for (at, connections) in CONNECTIONS.into_iter().enumerate() {
        for contender in &all {
            let most = contender.most(at);
            let share = all.first().map_or(0.0, |bare| most / bare.most(at));
            rows.push(vec![
                contender.name.to_owned(),
                connections.to_string(),
                rate(most),
                format!("{:.0} %", share * 100.0),
                micros(contender.cost(at)),
            ]);
        }
    }
    section.table(&["server", "connections", "most", "beside the echo", "CPU for one"], &rows);
    section.say("*Felt* is an open loop at half of each one's most: every message has its moment, and its time runs from that moment.");
    let mut rows = Vec::new();
    for (at, connections) in CONNECTIONS.into_iter().enumerate() {
        for contender in &all {
            let (half, took) = contender.felt(at).await?;
            let quantile = |share: f64| time(took.value_at_quantile(share) as f64);
            rows.push(vec![
                contender.name.to_owned(),
                connections.to_string(),
                rate(half),
                grouped(took.len() as f64),
                quantile(0.5),
                quantile(0.99),
                quantile(0.999),
            ]);
        }
    }
    section.table(&["server", "connections", "messages", "measured", "p50", "p99", "p99.9"], &rows);
    report.add(section);
    let [bare, memory, stored] = &all;
    report.keep("websocket.echo", bare.cost(1));
    report.keep("websocket.memory", memory.cost(1));
    report.keep("websocket.stored", stored.cost(1));
    report.keep("websocket.load", stored.load.get(1).map_or(0.0, |load| median(load)));
    let share = memory.most(1) / bare.most(1);
    report.budget(
        "WebSocket message to reply, store in memory, 32 connections",
        "at least 40 % of a bare axum echo's messages",
        format!("{:.0} %", share * 100.0),
        share >= 0.4,
    );
    let best = stored.most(1).max(stored.most(2));
    report.budget("the same, stored in the embedded store", "at least 2,500/s on 2 cores", rate(best), best >= 2_500.0);
    Ok(())
}
