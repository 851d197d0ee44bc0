//! One host under one fault, and what its operator sees.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use signalbox_tests_support::{DEADLINE, Host};
use tokio::time::Instant;

use crate::ledger::{Counts, Order, Release, Way};
use crate::senders::{Address, Reviewer, send};
use crate::world::World;

/// A world with a running host.
pub struct Trial {
    pub world: World,
    pub host: Host,
    sent: usize,
    seen: Vec<Seen>,
}

/// What the operator sees.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where, for example `log` or a command.
    pub place: String,
    /// The line.
    pub text: String,
}

/// What was done, what came of it, and what the operator sees.
#[derive(Clone, Debug)]
pub struct FaultReport {
    /// What was done, in a sentence or two.
    pub done: &'static str,
    /// What went in and what came out.
    pub counts: Counts,
    /// What the operator sees.
    pub seen: Vec<Seen>,
}

impl Trial {
    pub async fn start(world: World) -> Result<Self> {
        let host = world.start(None).await?.context("a host without a plan to crash starts")?;
        Ok(Self { world, host, sent: 0, seen: Vec::new() })
    }

    /// New orders that are not sent yet, over WebSocket, API and webhook in turn.
    pub fn new_orders(&mut self, count: usize) -> Vec<Order> {
        let first = self.sent;
        self.sent += count;
        let orders = (first..first + count).map(|number| Order {
            name: format!("order-{number}"),
            way: match number % 3 {
                0 => Way::Websocket,
                1 => Way::Api,
                _ => Way::Webhook,
            },
            release: Release::AtOnce,
            round: 0,
            input: None,
            review: None,
            is_approved: false,
        });
        let orders: Vec<_> = orders.collect();
        orders.iter().cloned().for_each(|order| self.world.ledger.add(order));
        orders
    }

    /// Sends new orders until all are acknowledged.
    pub async fn orders(&mut self, count: usize) -> Result<()> {
        let orders = self.new_orders(count);
        self.send(orders).await
    }

    /// Sends orders until all are acknowledged; those that are refused meanwhile are sent again.
    pub async fn send(&self, mut orders: Vec<Order>) -> Result<()> {
        let until = Instant::now() + DEADLINE;
        while !orders.is_empty() {
            ensure!(Instant::now() < until, "{} orders are never acknowledged", orders.len());
            send(&self.world, Address::of(&self.world, &self.host)?, orders, Reviewer::Absent).await?;
            orders = self.world.ledger.open();
        }
        Ok(())
    }

    /// Waits for a log line with all of these texts.
    pub async fn sees_log(&mut self, texts: &[&str]) -> Result<()> {
        let fits = |line: &Value| {
            let line = told(line);
            texts.iter().all(|text| line.contains(text))
        };
        let line = self.host.log().wait_for(&format!("with {texts:?}"), fits).await?;
        self.note("log", told(&line));
        Ok(())
    }

    /// Waits until a metric with these labels has a value that fits.
    pub async fn sees_metric(&mut self, name: &str, labels: &[&str], fits: impl Fn(f64) -> bool) -> Result<()> {
        let until = Instant::now() + DEADLINE;
        loop {
            let value = self.host.metric(name, labels).await?;
            if let Some(value) = value.filter(|value| fits(*value)) {
                self.note("/metrics", format!("{name}{{{}}} {value}", labels.join(",")));
                return Ok(());
            }
            ensure!(Instant::now() < until, "{name} is {value:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until `/readyz` has this status.
    pub async fn sees_ready(&mut self, status: u16) -> Result<()> {
        let until = Instant::now() + DEADLINE;
        loop {
            let (found, body) = self.host.get("/readyz").await?;
            if found == status {
                let body: Value = serde_json::from_str(&body)?;
                let store = body.pointer("/parts/store").cloned().unwrap_or_default();
                self.note("/readyz", format!("{status}, store {store}"));
                return Ok(());
            }
            ensure!(Instant::now() < until, "/readyz is {found}: {body}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until `signalbox effects list` shows an effect whose state has this text.
    pub async fn sees_effects(&mut self, arguments: &[&str], wanted: &str) -> Result<()> {
        let until = Instant::now() + DEADLINE;
        let command: Vec<&str> = ["effects", "list"].iter().chain(arguments).copied().collect();
        loop {
            // As JSON, because a table is cut at the width of the terminal.
            let listed = self.world.setup.run(&[&command[..], &["--json"]].concat()).await?;
            ensure!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
            let effects: Vec<Value> = serde_json::from_slice(&listed.stdout)?;
            let states: Vec<String> =
                effects.iter().filter_map(|effect| Some(effect.pointer("/effect/state")?.to_string())).collect();
            if let Some(state) = states.iter().find(|state| state.contains(wanted)) {
                self.note(&format!("signalbox {}", command.join(" ")), state.clone());
                return Ok(());
            }
            ensure!(Instant::now() < until, "no effect with `{wanted}` is listed: {states:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Has every dead letter attempted again, as an operator does once the cause is gone.
    pub async fn retry_dead_letters(&mut self) -> Result<usize> {
        let listed = self.world.setup.run(&["effects", "list", "--state", "dead-letter", "--json"]).await?;
        let letters: Vec<Value> = serde_json::from_slice(&listed.stdout)?;
        for (index, letter) in letters.iter().enumerate() {
            let (decision, effect) =
                (crate::world::text(letter, "/decisionId"), crate::world::text(letter, "/effect/id"));
            let retried = self.world.setup.run(&["effects", "retry", decision, effect]).await?;
            ensure!(retried.status.success(), "{}", String::from_utf8_lossy(&retried.stderr));
            if index == 0 {
                let said = String::from_utf8_lossy(&retried.stdout).trim().to_owned();
                self.note("signalbox effects retry DECISION EFFECT", said);
            }
        }
        Ok(letters.len())
    }

    /// Notes something that the operator sees.
    pub fn note(&mut self, place: &str, text: impl Into<String>) {
        self.seen.push(Seen { place: place.to_owned(), text: text.into() });
    }

    /// Waits until every order has its effects at their targets and nothing is open.
    pub async fn end(self, done: &'static str) -> Result<FaultReport> {
        let counts = self.world.settled(&self.host).await?;
        Ok(FaultReport { done, counts, seen: self.seen })
    }
}

/// A log line as an operator reads it: level, message, fields.
fn told(line: &Value) -> String {
    let Some(fields) = line.as_object() else { return line.to_string() };
    let of = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let rest =
        fields.iter().filter(|(name, _)| !["level", "message", "target", "timestamp", "span"].contains(&name.as_str()));
    let rest: Vec<String> = rest.map(|(name, value)| format!("{name}={value}")).collect();
    format!("{} {} {}", of("level"), of("message"), rest.join(" ")).trim().to_owned()
}

impl fmt::Display for FaultReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.done, self.counts)?;
        self.seen.iter().try_for_each(|Seen { place, text }| writeln!(f, "  {place}: {text}"))
    }
}
