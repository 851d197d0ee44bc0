//! The search of the store for effects that no host is attempting.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use signalbox_model::Timestamp;
use signalbox_store::{DecisionRecord, QueuedEffects, Store};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::delivery::DeliveryContext;
use super::dispatcher::Dispatcher;
use crate::route::Route;

/// The most decisions that are read from the store at once.
const PAGE: u32 = 100;

/// How often the effects are looked for that another host has held back.
const HELD_BACK_INTERVAL: Duration = Duration::from_secs(60);

/// Finds decisions with effects to attempt, leases them, and hands them over when there is room. Cheap to clone.
#[derive(Clone)]
pub(super) struct Search {
    pub delivery: Arc<DeliveryContext>,
    pub found: mpsc::Sender<Arc<DecisionRecord>>,
    pub interval: Duration,
}

/// The relay takes no more decisions.
pub(super) struct RelayClosed;

impl Search {
    /// Hands over what is due, as it falls due, until the relay takes no more.
    pub async fn due(self) {
        let mut scan = ticks(self.interval);
        loop {
            tokio::select! {
                _ = scan.tick() => {}
                () = self.delivery.alarms.next() => {}
            }
            // One moment for all pages, so that the search ends however much falls due meanwhile.
            let now = Timestamp::now();
            let mut due = self.list(List::Due(now));
            while let Some(record) = due.next().await {
                if !self.delivery.can_attempt(&record, now) {
                    self.delivery.count_left(&record, now);
                    continue;
                }
                if let Err(RelayClosed) = self.hand_over(&record).await {
                    return;
                }
            }
        }
    }

    /// Hands over the decisions that wait for a target that is configured now. Effects wait when something is not
    /// configured; a start is when that may have changed.
    pub async fn waiting(self) {
        let can_leave = |record: &DecisionRecord| {
            let mut open = record.effects.iter().filter(|effect| !effect.state.is_final()).filter_map(Route::of);
            open.any(|route| self.delivery.dispatchers.contains_key(&route))
        };
        let mut waiting = self.list(List::Queued(QueuedEffects::Waiting));
        while let Some(record) = waiting.next().await {
            if can_leave(&record) && self.hand_over(&record).await.is_err() {
                return;
            }
        }
    }

    /// Hands over what a target holds back, at the pace at which the target takes it, until the relay takes no more. A
    /// target that does not answer gets one decision each time, which tries it.
    pub async fn held_back(self, route: Route, dispatcher: Dispatcher) {
        let held_back = QueuedEffects::HeldBack { target: route.name().to_owned() };
        let (mut scan, mut others) = (ticks(self.interval), ticks(HELD_BACK_INTERVAL));
        loop {
            let is_told = tokio::select! {
                _ = others.tick() => true,
                () = dispatcher.recovered() => true,
                _ = scan.tick() => false,
            };
            // Taken before the list is read: what is held back meanwhile is noted again.
            if !dispatcher.take_held_back() && !is_told {
                continue;
            }
            let mut taken = 0;
            let mut held_back = self.list(List::Queued(held_back.clone()));
            while let Some(record) = held_back.next().await {
                if taken > 0 && !dispatcher.answers() {
                    break;
                }
                dispatcher.room().await;
                if let Err(RelayClosed) = self.hand_over(&record).await {
                    return;
                }
                taken += 1;
            }
            if taken > 0 {
                dispatcher.note_held_back();
            }
        }
    }

    fn list(&self, list: List) -> Pages<'_> {
        Pages { store: &self.delivery.store, list, cursor: None, is_last: false, records: VecDeque::new() }
    }

    /// Leases a decision once there is room for it, and hands it over.
    async fn hand_over(&self, record: &DecisionRecord) -> Result<(), RelayClosed> {
        let room = self.found.reserve().await.map_err(|_| RelayClosed)?;
        let (id, business_id) = (&record.decision.id, &record.decision.business_id);
        match self.delivery.store.claim_effects(id, business_id, Timestamp::now()).await {
            Ok(Some(record)) => room.send(Arc::new(record)),
            // Another host was faster.
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(decision_id = id, %business_id, %error, "cannot lease effects; trying again later");
            }
        }
        Ok(())
    }
}

/// Decisions that are looked for.
enum List {
    /// Those with effects that are due at this moment.
    Due(Timestamp),
    Queued(QueuedEffects),
}

/// Decisions of a list, one after the other: one that stays where it is hides none of those after it.
struct Pages<'s> {
    store: &'s Store,
    list: List,
    cursor: Option<String>,
    is_last: bool,
    records: VecDeque<DecisionRecord>,
}

impl Pages<'_> {
    /// The next decision; none at the end of the list, or when the store fails.
    async fn next(&mut self) -> Option<DecisionRecord> {
        loop {
            if let Some(record) = self.records.pop_front() {
                return Some(record);
            }
            if self.is_last {
                return None;
            }
            let cursor = self.cursor.as_deref();
            let page = match &self.list {
                List::Due(now) => self.store.pending_decisions_after(*now, cursor, PAGE).await,
                List::Queued(list) => self.store.queued_effects(list, cursor, PAGE).await,
            };
            match page {
                Ok(page) => {
                    self.is_last = page.cursor.is_none();
                    self.cursor = page.cursor;
                    self.records = page.items.into();
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot look for effects to attempt; trying again later");
                    return None;
                }
            }
        }
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now(), period.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
