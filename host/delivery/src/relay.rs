use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use signalbox_model::{DecisionModel, Timestamp};
use signalbox_sessions::{Encoded, Sessions, response_frames};
use signalbox_store::{DecisionRecord, Store};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_util::sync::CancellationToken;

use crate::metrics::{EFFECTS, QUEUE_FULL, RESPONSES};
use crate::{Audience, RelayConfig, outcome, review, schedule};

/// The most decisions a search takes from the store at once.
const PAGE: u32 = 100;

/// The most moments kept at which an effect falls due; later ones are found by the search.
const MAX_ALARMS: usize = 1_024;

/// The most effects remembered that were left to a newer host.
const MAX_LEFT: usize = 10_000;

/// Hears of businesses whose schedules were changed.
type TellSchedules = Box<dyn Fn(&str) + Send>;

/// Where a decision is handed over once it is stored. Cheap to clone.
#[derive(Clone)]
pub struct Relay {
    sessions: Sessions,
    audience: Arc<dyn Audience>,
    queue: mpsc::Sender<Arc<DecisionRecord>>,
}

/// The relay's own task: delivers effects from the queue, and from the store those the queue never saw.
pub struct RelayTask {
    config: RelayConfig,
    store: Store,
    sessions: Sessions,
    audience: Arc<dyn Audience>,
    queue: mpsc::Receiver<Arc<DecisionRecord>>,
    alarms: BTreeSet<Timestamp>,
    found: Found,
    /// Effects that are left to a newer host, each counted once.
    left: HashSet<String>,
    tell_schedules: Option<TellSchedules>,
    schedules_per_business: usize,
}

/// Decisions that a recent search found: a copy of one that comes through the queue is older than what was delivered.
#[derive(Default)]
struct Found {
    lately: HashSet<String>,
    before: HashSet<String>,
}

impl Relay {
    /// A relay and its task, which has to be run.
    pub fn new(
        config: RelayConfig,
        store: Store,
        sessions: Sessions,
        audience: Arc<dyn Audience>,
    ) -> (Self, RelayTask) {
        let (sender, receiver) = mpsc::channel(config.queue.max(1));
        let relay = Self { sessions: sessions.clone(), audience: audience.clone(), queue: sender };
        (
            relay,
            RelayTask {
                config,
                store,
                sessions,
                audience,
                queue: receiver,
                alarms: BTreeSet::new(),
                found: Found::default(),
                left: HashSet::new(),
                tell_schedules: None,
                schedules_per_business: usize::MAX,
            },
        )
    }

    /// Sends a stored decision's answers to connected users, and has its effects delivered. Never waits: what does
    /// not fit into the queue is in the store and found there.
    pub fn committed(&self, record: &Arc<DecisionRecord>) {
        self.respond(record);
        self.reviewed(record);
    }

    /// Tells reviewers how a decision's review stands, and has what it lets leave delivered. Never waits.
    pub fn reviewed(&self, record: &Arc<DecisionRecord>) {
        let connections = review::announce(record, &self.sessions, self.audience.as_ref());
        if record.review.is_some() {
            tracing::debug!(decision_id = record.decision.id, connections, "told reviewers how a review stands");
        }
        if record.effects.iter().all(|effect| effect.state.is_final()) {
            return;
        }
        if self.queue.try_send(record.clone()).is_err() {
            ::metrics::counter!(QUEUE_FULL).increment(1);
        }
    }

    fn respond(&self, record: &DecisionRecord) {
        let cursor = record.cursor();
        for (user_id, frame) in response_frames(&record.decision, &record.output, &record.reply, &cursor) {
            let business_id = &record.decision.business_id;
            let connections = self.sessions.send_to_user(business_id, &user_id, &Encoded::json(&frame));
            let result = if connections > 0 { "sent" } else { "missed" };
            ::metrics::counter!(RESPONSES, "result" => result).increment(1);
        }
    }
}

impl RelayTask {
    /// Has `tell` called with the business whenever its schedules were changed in the store.
    pub fn when_schedules_change(mut self, tell: impl Fn(&str) + Send + 'static) -> Self {
        self.tell_schedules = Some(Box::new(tell));
        self
    }

    /// Makes no schedule for a business that has as many of its plugins' making already.
    pub fn limit_schedules(mut self, per_business: usize) -> Self {
        self.schedules_per_business = per_business;
        self
    }

    /// Delivers until `stop`, and then what is still in the queue.
    pub async fn run(mut self, stop: CancellationToken) {
        self.retry_waiting().await;
        self.search().await;
        let period = self.config.scan_interval.0.max(Duration::from_millis(10));
        let mut search = interval_at(Instant::now() + period, period);
        search.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let alarm = self.next_alarm();
            tokio::select! {
                () = stop.cancelled() => break,
                received = self.queue.recv() => match received {
                    Some(record) => self.take_from_queue(&record).await,
                    None => break,
                },
                _ = search.tick() => {
                    self.found.before = std::mem::take(&mut self.found.lately);
                    self.search().await;
                }
                () = sleep(alarm.unwrap_or(period)), if alarm.is_some() => self.search().await,
            }
        }
        self.queue.close();
        while let Some(record) = self.queue.recv().await {
            self.take_from_queue(&record).await;
        }
    }

    /// What a search has delivered meanwhile is confirmed, and what is confirmed is never sent again.
    async fn take_from_queue(&mut self, record: &DecisionRecord) {
        let DecisionModel { id, business_id, .. } = &record.decision;
        if !self.found.lately.contains(id) && !self.found.before.contains(id) {
            return self.deliver(record).await;
        }
        match self.store.decision(id, business_id).await {
            Ok(Some(now)) => self.deliver(&now).await,
            Ok(None) => {}
            Err(error) => tracing::warn!(decision_id = id, %error, "cannot read a decision again; the search finds it"),
        }
    }

    fn next_alarm(&mut self) -> Option<Duration> {
        let now = Timestamp::now();
        let next = *self.alarms.first()?;
        // An alarm that has gone off is answered by one search, which finds all that is due by then.
        self.alarms.retain(|at| *at > now || *at == next);
        if next <= now {
            self.alarms.remove(&next);
            return Some(Duration::ZERO);
        }
        Duration::try_from(next.duration_since(now)).ok()
    }

    /// Effects wait when something is not configured; a start is when that may have changed.
    async fn retry_waiting(&mut self) {
        let mut cursor = None;
        loop {
            let page = match self.store.waiting_decisions_after(cursor.as_deref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "cannot look for waiting effects");
                    return;
                }
            };
            if !page.items.is_empty() {
                tracing::info!(decisions = page.items.len(), "trying effects again that wait for a backend");
            }
            for record in page.items {
                self.deliver(&record).await;
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return;
            }
        }
    }

    /// Delivers everything that is due, page by page: what stays where it is hides nothing behind it.
    async fn search(&mut self) {
        // One moment for all pages, so that the search ends however much falls due meanwhile.
        let (now, mut cursor) = (Timestamp::now(), None);
        loop {
            let page = match self.store.pending_decisions_after(now, cursor.as_deref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "cannot look for effects that are due; trying again later");
                    return;
                }
            };
            for record in page.items {
                self.found.lately.insert(record.decision.id.clone());
                self.deliver(&record).await;
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return;
            }
        }
    }

    async fn deliver(&mut self, record: &DecisionRecord) {
        let now = Timestamp::now();
        let due_later = record.effects.iter().filter_map(|effect| outcome::due_at(effect, now));
        self.alarms.extend(due_later);
        while self.alarms.len() > MAX_ALARMS {
            self.alarms.pop_last();
        }
        self.leave(record, now);
        let mut updates = outcome::deliver(record, now, &self.sessions, self.audience.as_ref());
        let schedules = schedule::deliver(record, now, &self.store, self.schedules_per_business).await;
        if let Some(tell) = self.tell_schedules.as_ref().filter(|_| !schedules.is_empty()) {
            tell(&record.decision.business_id);
        }
        updates.extend(schedules);
        if updates.is_empty() {
            return;
        }
        let (id, business_id) = (&record.decision.id, &record.decision.business_id);
        if let Err(error) = self.store.update_effects(id, business_id, &updates).await {
            // They stay pending and are found by the next search; a notification that comes twice has the same id.
            ::metrics::counter!(EFFECTS, "kind" => "any", "result" => "failed").increment(updates.len() as u64);
            tracing::warn!(decision_id = id, %business_id, %error, "cannot note what was delivered");
        }
    }

    /// Counts what only a newer version of the host knows how to deliver. It stays as it is, and so a newer host that
    /// runs beside this one finds it at once.
    fn leave(&mut self, record: &DecisionRecord, now: Timestamp) {
        for effect in record.effects.iter().filter(|effect| outcome::is_left(effect, now)) {
            if self.left.len() >= MAX_LEFT {
                self.left.clear();
            }
            if self.left.insert(effect.id.clone()) {
                ::metrics::counter!(EFFECTS, "kind" => "unknown", "result" => "left").increment(1);
                let decision_id = &record.decision.id;
                tracing::warn!(decision_id, effect_id = effect.id, "an effect is left to a newer version of the host");
            }
        }
    }
}
