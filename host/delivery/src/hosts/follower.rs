//! Reads what other hosts have decided, and sends it to the people who are connected here.
//!
//! The feed is read from a little before the start of the last read, because hosts write slightly out of order. Every
//! few seconds it is read from further back, by as much as hosts' moments can differ; that is rarely needed, so it need
//! not be quick.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use signalbox_model::Timestamp;
use signalbox_sessions::Sessions;
use signalbox_store::{ChangedDecision, DecisionRecord, Handover, Store, StoreError};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::fan_out::{FanOutReader, FanOutState, Heard};
use super::handled::HandledChanges;
use super::presence::Neighbours;
use super::push::{Window, send_changes};
use crate::metrics::{FAN_OUT_READING, FEED_FRAMES, FEED_READS};
use crate::{Audience, HostsConfig};

/// How many changes one read of a partition of the feed returns at most.
const PAGE: usize = 500;

/// How many decisions are read at once.
const BATCH: usize = 100;

/// How far before the start of the last read the feed is usually read: indexes are updated about so late.
const OVERLAP: Duration = Duration::from_secs(3);

/// How much earlier than now a decision that is only heard of now may have been made.
const LATE: Duration = Duration::from_secs(30);

/// How often the feed is read from further back.
const FULL_READ_INTERVAL: Duration = Duration::from_secs(15);

/// How long nothing has to happen until the feed is read less often.
const QUIET_AFTER: Duration = Duration::from_secs(30);

/// How long after all hosts announce their changes what they made before is looked for once more.
const LAST_CATCH_UP: Duration = Duration::from_secs(10);

/// How soon businesses are followed one by one again while a host does not announce its changes yet. It doubles each
/// time, because such a host may have died.
const CATCH_UP_INTERVAL: Duration = Duration::from_secs(2);
const LONGEST_CATCH_UP_INTERVAL: Duration = Duration::from_secs(16);

/// Businesses that are read at a time.
const CONCURRENT_BUSINESSES: usize = 8;

/// Follows the change feed for the people who are connected to this host.
pub struct Follower {
    config: HostsConfig,
    store: Store,
    sessions: Sessions,
    audience: Arc<dyn Audience>,
    handled: Arc<HandledChanges>,
    handovers: mpsc::Sender<Handover>,
    neighbours: watch::Receiver<Neighbours>,
    fan_out: Option<FanOutReader>,
    progress: Option<Progress>,
    catch_up: Option<CatchUp>,
    last_found: Instant,
}

/// How far the feed has been read.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// The start of the last read.
    read: Timestamp,
    /// The start of the last read from further back, and when it was.
    read_fully: Timestamp,
    read_fully_at: Option<Instant>,
    /// What happened before was found by earlier reads, or before people were connected.
    since: Timestamp,
}

impl Progress {
    fn from(at: Timestamp) -> Self {
        Self { read: at, read_fully: at, read_fully_at: None, since: at.checked_sub(LATE).unwrap_or(Timestamp::MIN) }
    }
}

/// Businesses are followed one by one: a host does not announce its changes, or has just begun to.
#[derive(Clone, Copy, Debug)]
struct CatchUp {
    from: Timestamp,
    next: Instant,
    interval: Duration,
    /// Set once all hosts announce their changes.
    is_last: bool,
}

impl Follower {
    pub(crate) fn new(
        config: HostsConfig,
        store: Store,
        sessions: Sessions,
        audience: Arc<dyn Audience>,
        handled: Arc<HandledChanges>,
        handovers: mpsc::Sender<Handover>,
        neighbours: watch::Receiver<Neighbours>,
    ) -> Self {
        let last_found = Instant::now();
        Self {
            config,
            store,
            sessions,
            audience,
            handled,
            handovers,
            neighbours,
            fan_out: None,
            progress: None,
            catch_up: None,
            last_found,
        }
    }

    /// Also hears of changes from other hosts over Kafka.
    pub fn with_fan_out(mut self, reader: FanOutReader) -> Self {
        self.fan_out = Some(reader);
        self
    }

    /// Follows until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut next = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                heard = heard(&mut self.fan_out) => {
                    if let Heard::Changed(changed) = heard {
                        self.hear(changed).await;
                        continue;
                    }
                }
                Ok(()) = self.neighbours.changed() => {}
                () = sleep_until(next) => {}
            }
            self.look().await;
            next = Instant::now() + self.pause();
        }
    }

    /// How long the feed need not be read.
    fn pause(&self) -> Duration {
        let HostsConfig { poll, quiet_poll, fan_out_poll, .. } = &self.config;
        let pause = match &self.fan_out {
            Some(reader) if reader.state() == FanOutState::Reading && self.catch_up.is_none() => fan_out_poll,
            _ if self.last_found.elapsed() > QUIET_AFTER => quiet_poll,
            _ => poll,
        };
        pause.0.max(Duration::from_millis(10))
    }

    /// Looks for what is new, when there is anybody who may have made it and anybody to send it to.
    async fn look(&mut self) {
        if let Some(reader) = &self.fan_out {
            let reads = reader.state() == FanOutState::Reading;
            ::metrics::gauge!(FAN_OUT_READING).set(f64::from(u8::from(reads)));
        }
        let neighbours = *self.neighbours.borrow();
        let looked = match neighbours {
            Neighbours::None(at) => {
                self.progress = Some(Progress::from(at));
                self.catch_up = None;
                return;
            }
            Neighbours::Some { .. } if self.sessions.count() == 0 => {
                // Clients that connect later ask for what they have missed.
                self.progress = None;
                self.catch_up = None;
                return;
            }
            Neighbours::Some { all_announce } => self.follow(all_announce).await,
        };
        let result = if looked.is_ok() { "read" } else { "failed" };
        ::metrics::counter!(FEED_READS, "result" => result).increment(1);
        if let Err(error) = looked {
            tracing::debug!(%error, "cannot look for what other hosts have decided; trying again");
        }
    }

    async fn follow(&mut self, all_announce: bool) -> Result<(), StoreError> {
        let now = self.store.moment().await?;
        let progress = *self.progress.get_or_insert_with(|| Progress::from(now));
        self.read_feed(now, progress).await?;
        if !all_announce && self.catch_up.is_none_or(|catch_up| catch_up.is_last) {
            let (from, next) = (progress.since, Instant::now());
            self.catch_up = Some(CatchUp { from, next, interval: CATCH_UP_INTERVAL, is_last: false });
        }
        let ends = |catch_up: &CatchUp| all_announce && !catch_up.is_last;
        if let Some(catch_up) = self.catch_up.filter(|known| ends(known) || known.next <= Instant::now()) {
            let unseen = self.store.unseen_changes_from(now).await?;
            self.follow_businesses(catch_up.from, now).await?;
            let now = Instant::now();
            self.catch_up = match (all_announce, catch_up.is_last) {
                (false, _) => Some(CatchUp {
                    from: unseen,
                    next: now + catch_up.interval,
                    interval: (catch_up.interval * 2).min(LONGEST_CATCH_UP_INTERVAL),
                    is_last: false,
                }),
                // What was written a moment before may not be in the index of its business yet.
                (true, false) => Some(CatchUp { next: now + LAST_CATCH_UP, is_last: true, ..catch_up }),
                (true, true) => None,
            };
        }
        Ok(())
    }

    async fn read_feed(&mut self, now: Timestamp, mut progress: Progress) -> Result<(), StoreError> {
        let reads_fully = progress.read_fully_at.is_none_or(|at| at.elapsed() >= FULL_READ_INTERVAL);
        let mut from = progress.read.checked_sub(OVERLAP).unwrap_or(Timestamp::MIN);
        if reads_fully {
            from = self.store.unseen_changes_from(progress.read_fully).await?;
            progress.since = from;
        }
        loop {
            let part = self.store.changes_since(from, PAGE).await?;
            let mut changes = part.changes;
            changes.retain(|(at, changed)| self.is_new(*at, changed));
            for batch in changes.chunks(BATCH) {
                let wanted: Vec<_> = batch.iter().map(|(_, changed)| changed.clone()).collect();
                for record in self.store.changed_decisions(&wanted).await? {
                    self.send(&record, progress.since, now, "feed");
                }
                for (at, changed) in batch {
                    self.handled.note(*at, &changed.id);
                }
            }
            match part.more_from.filter(|next| *next > from) {
                Some(next) => from = next,
                None => break,
            }
        }
        progress.read = now;
        if reads_fully {
            progress.read_fully = now;
            progress.read_fully_at = Some(Instant::now());
            self.handled.forget_before(progress.since);
        }
        self.progress = Some(progress);
        Ok(())
    }

    fn is_new(&self, at: Timestamp, changed: &ChangedDecision) -> bool {
        self.sessions.is_connected(&changed.business_id) && !self.handled.contains(at, &changed.id)
    }

    /// Follows each business in which somebody is connected by the decisions of the business.
    async fn follow_businesses(&mut self, from: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let store = self.store.clone();
        let reads = stream::iter(self.sessions.businesses()).map(move |business_id| {
            let store = store.clone();
            async move { store.decisions_from(&business_id, from, BATCH).await }
        });
        let mut reads = std::pin::pin!(reads.buffer_unordered(CONCURRENT_BUSINESSES));
        while let Some(records) = reads.next().await {
            for record in records? {
                self.send(&record, from, now, "business");
            }
        }
        Ok(())
    }

    /// Reads the decisions that other hosts have named, and those that were named meanwhile.
    async fn hear(&mut self, first: ChangedDecision) {
        let mut named = vec![first];
        if let Some(reader) = &mut self.fan_out {
            while named.len() < BATCH
                && let Some(changed) = reader.try_next()
            {
                named.push(changed);
            }
        }
        let mut wanted: Vec<ChangedDecision> = Vec::new();
        for changed in named {
            if self.sessions.is_connected(&changed.business_id) && !wanted.contains(&changed) {
                wanted.push(changed);
            }
        }
        if wanted.is_empty() {
            return;
        }
        let read = async {
            let now = self.store.moment().await?;
            Ok::<_, StoreError>((now, self.store.changed_decisions(&wanted).await?))
        };
        match read.await {
            Ok((now, records)) => {
                let since = self.progress.get_or_insert_with(|| Progress::from(now)).since;
                for record in records {
                    self.send(&record, since, now, "fan_out");
                    self.handled.note(record.decision.created_at, &record.decision.id);
                }
            }
            Err(error) => tracing::debug!(%error, "cannot read what another host has decided; the feed has it too"),
        }
    }

    fn send(&mut self, record: &DecisionRecord, since: Timestamp, now: Timestamp, path: &'static str) {
        let window = Window::since(since, now);
        let sent = send_changes(record, window, &self.sessions, self.audience.as_ref());
        if sent.frames > 0 {
            self.last_found = Instant::now();
            ::metrics::counter!(FEED_FRAMES, "path" => path).increment(sent.frames as u64);
        }
        let open = record.effects.iter().filter(|effect| !effect.state.is_final());
        let effect_ids: Vec<_> = open.map(|effect| effect.id.clone()).filter(|id| sent.taken.contains(id)).collect();
        if !effect_ids.is_empty() {
            let (business_id, decision_id) = (record.decision.business_id.clone(), record.decision.id.clone());
            // A handover that finds no room costs no message: it goes to the fallback topic as well.
            let handover = Handover { business_id, decision_id, effect_ids, at: Timestamp::now() };
            let _ = self.handovers.try_send(handover);
        }
    }
}

/// The next change that another host has named; never returns without a topic.
async fn heard(fan_out: &mut Option<FanOutReader>) -> Heard {
    match fan_out {
        Some(reader) => reader.next().await,
        None => std::future::pending().await,
    }
}
