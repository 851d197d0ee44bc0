//! Schedules: one task keeps the timetable, and every due tick is fired once in the whole cluster.
//!
//! The store holds every schedule and how far it has ticked, so a host that starts or takes over knows them. The
//! timetable in memory only says when to look; the claim in the store decides whether a tick may be fired.

mod bundles;
mod config;
mod dispatch;
mod metrics;
mod timetable;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use signalbox_intake::Intake;
use signalbox_model::Clock;
use signalbox_store::{Schedule, ScheduleDefinition, Store, StoreError};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use dispatch::{ScheduleProgress, TickDispatcher};
use timetable::{TimetableEntry, duration};

pub use bundles::BUNDLE_PREFIX;
pub use config::CronConfig;
pub use metrics::describe_metrics;

/// The most schedules that one query reads, and the most unfinished ticks that are taken up at the same time.
const PAGE_SIZE: u32 = 100;
/// The most schedules that fire at the same time in one process.
const MAX_CONCURRENT_SCHEDULES: usize = 32;
/// The most schedules of one business that fire at the same time, so that one business with many schedules does not
/// keep the others' from firing.
const MAX_CONCURRENT_SCHEDULES_PER_BUSINESS: usize = 8;

/// Business and name.
type ScheduleKey = (String, String);

/// Tells the scheduler of this process that schedules of a business have changed. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ScheduleChanges {
    inner: Arc<Changes>,
}

#[derive(Debug, Default)]
struct Changes {
    businesses: Mutex<HashSet<String>>,
    wake: Notify,
}

impl ScheduleChanges {
    /// Says that schedules of this business were made, replaced or cancelled.
    pub fn notify(&self, business_id: &str) {
        self.lock().insert(business_id.to_owned());
        self.inner.wake.notify_one();
    }

    fn take(&self) -> HashSet<String> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.inner.businesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Owns the timetable; works only while [`Self::run`] runs.
pub struct CronScheduler {
    firing: Arc<TickDispatcher>,
    changes: ScheduleChanges,
    entries: HashMap<ScheduleKey, TimetableEntry>,
    /// The schedules that each business's bundle declared when they were last written to the store.
    declared: HashMap<String, Vec<ScheduleDefinition>>,
    refresh_at: Timestamp,
    scan_at: Timestamp,
    running: JoinSet<Option<(ScheduleKey, ScheduleProgress)>>,
    /// The task that takes up unfinished ticks.
    reclaiming: Option<AbortHandle>,
    /// Cancelled when no more ticks are to be claimed.
    stop: CancellationToken,
}

impl CronScheduler {
    /// A scheduler whose inputs `intake` accepts.
    pub fn new(config: CronConfig, intake: Intake, store: Store, clock: Clock) -> Self {
        let owner = ulid::Ulid::new().to_string();
        Self {
            firing: Arc::new(TickDispatcher { config, intake, store, clock, owner }),
            changes: ScheduleChanges::default(),
            entries: HashMap::new(),
            declared: HashMap::new(),
            refresh_at: Timestamp::MIN,
            scan_at: Timestamp::MIN,
            running: JoinSet::new(),
            reclaiming: None,
            stop: CancellationToken::new(),
        }
    }

    /// A handle that tells this scheduler of changes made in this process.
    pub fn changes(&self) -> ScheduleChanges {
        self.changes.clone()
    }

    /// Fires due ticks until `stop`; then no more ticks are claimed, and those that are being fired are finished.
    pub async fn run(mut self, stop: CancellationToken) {
        let (clock, changes) = (self.firing.clock.clone(), self.changes.clone());
        loop {
            self.start_due().await;
            let wake = self.wakes_at();
            tokio::select! {
                () = stop.cancelled() => break,
                () = changes.inner.wake.notified() => {}
                Some(ended) = self.running.join_next() => self.note(ended),
                () = clock.sleep_until(wake) => {}
            }
        }
        self.stop.cancel();
        while let Some(ended) = self.running.join_next().await {
            self.note(ended);
        }
    }

    /// Fires all ticks that are due at this moment, and returns when that is done.
    pub async fn run_due(&mut self) {
        self.start_due().await;
        while let Some(ended) = self.running.join_next().await {
            self.note(ended);
            self.start_due().await;
        }
    }

    fn wakes_at(&self) -> Timestamp {
        // A schedule that waits for others of its business is looked at again when one of them has ended.
        let firing = self.firing_by_business();
        let free = self.entries.iter().filter(|((business, _), _)| is_below_limit(&firing, business));
        let entries = free.filter_map(|(_, entry)| entry.wakes_at()).min();
        let idle = self.running.len() < MAX_CONCURRENT_SCHEDULES;
        let next = self.refresh_at.min(self.scan_at);
        entries.filter(|_| idle).map_or(next, |entries| entries.min(next))
    }

    async fn start_due(&mut self) {
        let now = self.firing.clock.now();
        if now >= self.refresh_at {
            self.changes.take();
            match self.refresh(now).await {
                Ok(()) => {}
                Err(error) => tracing::warn!(%error, "cannot read the schedules; trying again"),
            }
            self.refresh_at =
                now.checked_add(duration(self.firing.config.refresh_interval.0)).unwrap_or(Timestamp::MAX);
        }
        for business_id in self.changes.take() {
            if let Err(error) = self.refresh_business(&business_id, now).await {
                tracing::warn!(business_id, %error, "cannot read a business's schedules; trying again");
                self.refresh_at = now;
            }
        }
        if now >= self.scan_at {
            self.scan_at = now.checked_add(duration(self.firing.config.scan_interval.0)).unwrap_or(Timestamp::MAX);
            self.start_reclaiming(now);
        }
        let mut busy = self.firing_by_business();
        for (key, entry) in &mut self.entries {
            let full = self.running.len() >= MAX_CONCURRENT_SCHEDULES || !is_below_limit(&busy, &key.0);
            if entry.busy || full || entry.wakes_at().is_none_or(|at| at > now) {
                continue;
            }
            entry.advance(now, &self.firing.config);
            let due = std::mem::take(&mut entry.due);
            if due.is_empty() {
                continue;
            }
            (entry.busy, entry.not_before) = (true, None);
            *busy.entry(key.0.clone()).or_default() += 1;
            let (firing, key) = (self.firing.clone(), key.clone());
            let (schedule, once, claimed) = (entry.schedule.clone(), entry.is_once(), entry.claimed);
            self.running.spawn(async move { Some((key, firing.work(&schedule, once, due, claimed).await)) });
        }
    }

    /// How many schedules of each business are firing.
    fn firing_by_business(&self) -> HashMap<String, usize> {
        let mut firing = HashMap::new();
        for ((business, _), _) in self.entries.iter().filter(|(_, entry)| entry.busy) {
            *firing.entry(business.clone()).or_default() += 1;
        }
        firing
    }

    /// Takes up unfinished ticks of this and other hosts, unless an earlier scan's task still runs.
    fn start_reclaiming(&mut self, now: Timestamp) {
        if self.reclaiming.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (firing, stop) = (self.firing.clone(), self.stop.clone());
        self.reclaiming = Some(self.running.spawn(async move {
            if let Err(error) = firing.reclaim_all(now, &stop).await {
                tracing::warn!(%error, "cannot look for unfinished ticks; trying again");
            }
            None
        }));
    }

    fn note(&mut self, ended: Result<Option<(ScheduleKey, ScheduleProgress)>, JoinError>) {
        let (key, progress) = match ended {
            Ok(Some(done)) => done,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "a task that fires ticks ended before it was done");
                // The task's schedule is unknown after a panic; the store knows which ticks were claimed.
                self.entries.clear();
                self.refresh_at = Timestamp::MIN;
                return;
            }
        };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        (entry.busy, entry.not_before, entry.claimed) = (false, progress.not_before, progress.claimed);
        let later = std::mem::replace(&mut entry.due, progress.remaining);
        entry.due.extend(later);
        if progress.stale {
            let business_id = key.0.clone();
            self.entries.remove(&key);
            self.changes.notify(&business_id);
        }
    }

    /// Reads all schedules, and writes those of bundles that have changed.
    async fn refresh(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let intake = self.firing.intake.clone();
        let mut written = Vec::new();
        for business in intake.businesses() {
            let Ok((business, inputs)) = intake.inputs(&business.business_id) else { continue };
            let declared = bundles::declared(&business, &inputs, &self.firing.config);
            if self.declared.get(&business.business_id) != Some(&declared) {
                bundles::write(&self.firing.store, &business.business_id, &declared, now).await?;
                self.declared.insert(business.business_id.clone(), declared);
                written.push(business.business_id.clone());
            }
        }
        let mut cursor = None;
        let mut found = HashSet::new();
        loop {
            let page = self.firing.store.all_schedules(cursor.as_deref(), PAGE_SIZE).await?;
            for schedule in page.items {
                found.insert(key(&schedule));
                self.enter(schedule, now);
            }
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        // The query for all schedules may lag behind the ones that just read each business; a missing schedule is
        // dropped only after a while, and until then its claim shows whether it is gone.
        let stale_before = now.checked_sub(duration(self.firing.config.refresh_interval.0)).unwrap_or(Timestamp::MIN);
        self.entries.retain(|key, entry| entry.busy || found.contains(key) || entry.read_at > stale_before);
        for business_id in written {
            self.refresh_business(&business_id, now).await?;
        }
        Ok(())
    }

    async fn refresh_business(&mut self, business_id: &str, now: Timestamp) -> Result<(), StoreError> {
        let schedules = self.firing.store.schedules(business_id).await?;
        let found: HashSet<ScheduleKey> = schedules.iter().map(key).collect();
        self.entries.retain(|key, entry| entry.busy || key.0 != business_id || found.contains(key));
        schedules.into_iter().for_each(|schedule| self.enter(schedule, now));
        Ok(())
    }

    /// Puts a schedule into the timetable, unless this host has no bundle that decides its ticks.
    fn enter(&mut self, schedule: Schedule, now: Timestamp) {
        let key = key(&schedule);
        if let Some(entry) = self.entries.get_mut(&key)
            && (entry.busy || entry.schedule.generation == schedule.generation)
        {
            // A task that works on an older version of the schedule finds out by its claim.
            if entry.schedule.generation == schedule.generation {
                entry.schedule = schedule;
            }
            entry.read_at = now;
            return;
        }
        self.entries.remove(&key);
        if schedule.paused || self.firing.intake.inputs(&key.0).is_err() {
            return;
        }
        match TimetableEntry::new(schedule, now) {
            Ok(entry) => {
                self.entries.insert(key, entry);
            }
            Err(reason) => {
                tracing::warn!(business_id = key.0, schedule = key.1, reason, "a schedule cannot tick");
            }
        }
    }
}

fn is_below_limit(firing: &HashMap<String, usize>, business_id: &str) -> bool {
    firing.get(business_id).is_none_or(|count| *count < MAX_CONCURRENT_SCHEDULES_PER_BUSINESS)
}

fn key(schedule: &Schedule) -> ScheduleKey {
    (schedule.definition.business_id.clone(), schedule.definition.name.clone())
}
