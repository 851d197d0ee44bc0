//! `kill -9` at every stage between the receipt of an input and the clearing of its effects.
//!
//! A *chain* of rounds shares one store. Each round starts a host that ends itself at a stage, chosen with the passing
//! at which it does, and sends orders to it over WebSocket, API, webhook and Kafka; what the round before has left, its
//! host takes up. What a host has not acknowledged before it died is sent again under the same id. After the last round
//! of the chain a host without a plan to crash has to bring everything to its end.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use signalbox_tests_support::{CrashPoint, DEADLINE, Host};
use tokio::task::JoinSet;

use crate::ledger::{Counts, Order, Way};
use crate::senders::{Address, Reviewer, send};
use crate::world::{World, WorldOptions, release_of};

/// Rounds that share a store.
const CHAIN: usize = 10;

/// Chains that run at the same time.
const AT_A_TIME: usize = 2;

/// Orders of one round.
const ORDERS: usize = 12;

/// How long a host may take to reach its stage; then it is killed where it is.
const REACH: Duration = Duration::from_secs(5);

/// The probability that the other host dies too.
const BOTH_DIE: f64 = 0.3;

/// Where a host is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It ends itself there.
    At(CrashPoint),
    /// From outside, at any moment.
    Anywhere,
}

impl Stage {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::At(point) => point.name(),
            Self::Anywhere => "anywhere",
        }
    }

    /// What it means, for the report.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::At(CrashPoint::InputReceived) => "an input was received, nothing of it is stored",
            Self::At(CrashPoint::InputStored) => "an input is stored, its sender has no acknowledgement",
            Self::At(CrashPoint::BeforeCommit) => "a decision is made and not written",
            Self::At(CrashPoint::AfterCommit) => "a decision is written, the host does not know it yet",
            Self::At(CrashPoint::InputFinished) => "an input is finished, the relay does not have its decision",
            Self::At(CrashPoint::BeforeReview) => "a review is checked and not written",
            Self::At(CrashPoint::AfterReview) => "a review is written, the relay does not have what it released",
            Self::At(CrashPoint::EffectsLeased) => "effects are leased and not attempted",
            Self::At(CrashPoint::BeforeAttempt) => "an effect is about to be handed to its target",
            Self::At(CrashPoint::RecordUnconfirmed) => "a record is handed to Kafka and not confirmed",
            Self::At(CrashPoint::AfterAttempt) => "the target has answered, the effect is not cleared",
            Self::At(CrashPoint::EffectsReported) => "the effects are cleared",
            Self::Anywhere => "anywhere, from outside",
        }
    }
}

/// The rounds of one stage.
#[derive(Clone, Copy, Debug, Default)]
pub struct StageRounds {
    /// All of them.
    pub rounds: usize,
    /// Those whose host died at the stage; in the others it was killed from outside before it got there.
    pub reached: usize,
}

/// What came of all rounds.
#[derive(Clone, Debug, Default)]
pub struct Crashes {
    /// The rounds by stage.
    pub stages: BTreeMap<Stage, StageRounds>,
    /// Rounds in which another host on the same store lived on.
    pub beside_another: usize,
    /// Hosts that were killed in addition, beside the one of the round.
    pub both_killed: usize,
    /// What went in and what came out.
    pub counts: Counts,
}

/// Kills hosts for `rounds` rounds. Fails when anything acknowledged is lost or anything is doubled.
pub async fn run(rounds: usize, seed: u64) -> Result<Crashes> {
    let mut all = Crashes::default();
    let mut chains: Vec<_> = (0..rounds.div_ceil(CHAIN)).collect();
    chains.reverse();
    let mut running = JoinSet::new();
    loop {
        while running.len() < AT_A_TIME
            && let Some(chain) = chains.pop()
        {
            let rounds = (rounds - chain * CHAIN).min(CHAIN);
            running.spawn(run_chain(chain, rounds, seed.wrapping_add(chain as u64)));
        }
        let Some(ended) = running.join_next().await else { return Ok(all) };
        all.add(ended??);
        println!("{} rounds: {}", all.rounds(), all.counts);
    }
}

impl Crashes {
    /// All rounds.
    pub fn rounds(&self) -> usize {
        self.stages.values().map(|stage| stage.rounds).sum()
    }

    fn add(&mut self, other: Self) {
        for (stage, rounds) in other.stages {
            let own = self.stages.entry(stage).or_default();
            own.rounds += rounds.rounds;
            own.reached += rounds.reached;
        }
        self.beside_another += other.beside_another;
        self.both_killed += other.both_killed;
        self.counts += other.counts;
    }
}

/// One chain: every other one has two hosts on a shared store.
async fn run_chain(number: usize, rounds: usize, seed: u64) -> Result<Crashes> {
    let (is_shared, options) = (number % 2 == 1, WorldOptions::default());
    let world = if is_shared { World::shared(options).await? } else { World::embedded(options).await? };
    let mut chain = Chain {
        number,
        world,
        is_shared,
        chance: StdRng::seed_from_u64(seed),
        stages: Vec::new(),
        survivor: None,
        crashes: Crashes::default(),
    };
    let described = format!("chain {number} of seed {seed}, {}", if is_shared { "two hosts" } else { "one host" });
    chain.run(rounds).await.context(described)?;
    Ok(chain.crashes)
}

struct Chain {
    number: usize,
    world: World,
    is_shared: bool,
    chance: StdRng,
    /// The stages of the next rounds.
    stages: Vec<Stage>,
    /// The host beside the one that is to die.
    survivor: Option<Host>,
    crashes: Crashes,
}

impl Chain {
    async fn run(&mut self, rounds: usize) -> Result<()> {
        for round in 0..rounds {
            let stage = self.stage();
            self.round(round, stage).await.with_context(|| format!("round {round}, {}", stage.name()))?;
        }
        let host = match self.survivor.take() {
            Some(host) => host,
            None => self.world.start(None).await?.context("a host without a plan starts")?,
        };
        let until = Instant::now() + DEADLINE;
        while !self.world.is_done() {
            ensure!(Instant::now() < until, "not acknowledged or not approved: {:?}", self.world.ledger.unfinished());
            let (address, open) = (Address::of(&self.world, &host)?, self.world.ledger.open());
            send(&self.world, address, open, Reviewer::Approves).await?;
        }
        self.crashes.counts = self.world.settled(&host).await?;
        Ok(())
    }

    /// Every stage comes once before any comes again.
    fn stage(&mut self) -> Stage {
        if self.stages.is_empty() {
            let points = CrashPoint::ALL.into_iter();
            // Without Kafka no record waits for the brokers.
            let points = points.filter(|point| self.is_shared || *point != CrashPoint::RecordUnconfirmed);
            self.stages = points.map(Stage::At).chain([Stage::Anywhere]).collect();
            self.stages.shuffle(&mut self.chance);
        }
        self.stages.pop().unwrap_or(Stage::Anywhere)
    }

    async fn round(&mut self, round: usize, stage: Stage) -> Result<()> {
        let world = &self.world;
        let crash = match stage {
            Stage::At(point) => Some((point, self.chance.random_range(1..=passings(point)))),
            Stage::Anywhere => None,
        };
        for order in orders(self.number, round, self.is_shared) {
            world.ledger.add(order);
        }
        let counted = self.crashes.stages.entry(stage).or_default();
        counted.rounds += 1;
        if self.is_shared && self.survivor.is_none() {
            self.survivor = world.start(None).await?;
        }
        let Some(mut dying) = world.start(crash).await? else {
            // What the last round had left brought it to its stage.
            counted.reached += 1;
            return Ok(());
        };
        let (to_dying, to_survivor) =
            world.ledger.open().into_iter().partition(|_| self.survivor.is_none() || self.chance.random());
        let kill_after = match stage {
            Stage::Anywhere => Some(world.ledger.acknowledged() + self.chance.random_range(0..ORDERS / 2)),
            Stage::At(_) => None,
        };
        let address = Address::of(world, &dying)?;
        let beside = self.survivor.as_ref().map(|survivor| Address::of(world, survivor)).transpose()?;
        let sent_beside = async {
            match beside.clone() {
                Some(beside) => send(world, beside, to_survivor, Reviewer::Absent).await,
                None => Ok(()),
            }
        };
        let (sent, sent_beside, reached) = tokio::join!(
            send(world, address, to_dying, Reviewer::Approves),
            sent_beside,
            ends(world, &mut dying, kill_after)
        );
        sent.and(sent_beside)?;
        counted.reached += usize::from(reached?);
        let Some(beside) = beside else { return Ok(()) };
        self.crashes.beside_another += 1;
        if self.chance.random_bool(BOTH_DIE) {
            self.survivor = None;
            self.crashes.both_killed += 1;
            return Ok(());
        }
        // Senders whose host has died turn to the other one.
        send(world, beside, world.ledger.open(), Reviewer::Absent).await
    }
}

/// Waits until the host has died, and kills it when its time has come or when it does not reach its stage; whether it
/// died as it was to.
async fn ends(world: &World, host: &mut Host, kill_after: Option<usize>) -> Result<bool> {
    let until = Instant::now() + REACH;
    loop {
        if let Some(status) = host.has_ended()? {
            let log = host.log().text().join("\n");
            ensure!(status.signal() == Some(9), "the host ended with {status}; its log is\n{log}");
            return Ok(true);
        }
        let is_time = kill_after.is_some_and(|count| world.ledger.acknowledged() >= count);
        if is_time || Instant::now() > until {
            host.kill().await?;
            return Ok(is_time);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How often a host of one round passes a stage for certain.
fn passings(point: CrashPoint) -> u32 {
    match point {
        CrashPoint::BeforeReview | CrashPoint::AfterReview => 1,
        CrashPoint::InputStored | CrashPoint::InputFinished => 2,
        CrashPoint::BeforeAttempt | CrashPoint::RecordUnconfirmed | CrashPoint::AfterAttempt => 8,
        _ => 4,
    }
}

/// The new orders of a round.
fn orders(chain: usize, round: usize, has_kafka: bool) -> impl Iterator<Item = Order> {
    (0..ORDERS).map(move |index| Order {
        name: format!("order-{chain}-{round}-{index}"),
        way: match index % 4 {
            0 => Way::Websocket,
            1 => Way::Api,
            2 => Way::Webhook,
            _ if has_kafka => Way::Kafka,
            _ => Way::Websocket,
        },
        release: release_of(round * ORDERS + index),
        round,
        input: None,
        review: None,
        is_approved: false,
    })
}
