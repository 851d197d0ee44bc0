//! The delivery of one decision's effects, from the lease to the report.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use signalbox_capabilities::business::BusinessDirectory;
use signalbox_crash_points::{CrashPoint, pass};
use signalbox_model::{RetryPolicy, Timestamp};
use signalbox_store::{DecisionRecord, Effect, EffectLease, EffectState, EffectUpdate, Store, StoreError};
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use super::begun::BegunLeases;
use super::dispatcher::{Dispatched, Dispatcher};
use crate::metrics::{self, EFFECTS, MESSAGES_DELIVERED};
use crate::route::{Route, kind, priority};
use crate::targets::channels::{missing_channel_effects, waits_for_business};
use crate::{AdminEvent, AdminNotices, AttemptResult, DueEffect, FanOut, Notice, retry};

/// How long a finished attempt may go unreported while others of its decision go on.
const REPORT_WITHIN: Duration = Duration::from_secs(1);

/// The most moments kept at which an effect falls due; the search finds effects that fall due later.
const MAX_ALARMS: usize = 1_024;

/// The most effects remembered that were left to a newer host.
const MAX_LEFT: usize = 10_000;

/// What the deliveries of all decisions share.
pub(super) struct DeliveryContext {
    pub store: Store,
    pub dispatchers: BTreeMap<Route, Dispatcher>,
    pub default_policy: RetryPolicy,
    pub alarms: Alarms,
    pub begun: BegunLeases,
    /// Effects that are left to a newer host, each counted once.
    pub left: Mutex<HashSet<String>>,
    /// Has the channels of businesses, by which notifications leave besides the WebSocket.
    pub directory: Option<Arc<BusinessDirectory>>,
    /// Where operators are told of dead letters.
    pub admin: AdminNotices,
    pub fan_out: Option<FanOut>,
}

/// The next moments at which effects fall due, so that the search need not find them a scan later.
#[derive(Default)]
pub(super) struct Alarms {
    moments: Mutex<BTreeSet<Timestamp>>,
    changed: Notify,
}

impl DeliveryContext {
    /// Attempts the effects of a decision that are due, and reports how they stand.
    pub async fn deliver(&self, record: Arc<DecisionRecord>) {
        let (id, business_id) = (&record.decision.id, &record.decision.business_id);
        let now = Timestamp::now();
        self.count_left(&record, now);
        if !self.can_attempt(&record, now) {
            // Effects for later, and those that wait for a review: no lease is written for them.
            return self.set_alarms(&record);
        }
        let record = match self.leased(&record, now).await {
            Ok(Some(record)) => record,
            // Another host has the lease, or this one has begun it with another copy of the decision.
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(decision_id = id, %business_id, %error, "cannot lease a decision's effects; trying again later");
                return;
            }
        };
        let Some(lease) = record.lease.clone() else { return };
        pass(CrashPoint::EffectsLeased);
        let Some(record) = self.with_channel_effects(record, &lease, now).await else { return };
        let mut due: BTreeMap<Route, Vec<&Effect>> = BTreeMap::new();
        for effect in record.effects.iter().filter(|effect| is_due(effect, now)) {
            if let Some(route) = Route::of(effect) {
                due.entry(route).or_default().push(effect);
            }
        }
        let count = due.values().map(Vec::len).sum::<usize>();
        let (sender, mut receiver) = mpsc::channel(count.max(1));
        let ways = due.into_iter().map(|(route, mut effects)| {
            // The sort is stable: effects of the same priority keep their order.
            effects.sort_by_key(|effect| std::cmp::Reverse(priority(effect)));
            self.attempt_in_order(&record, route, effects, sender.clone())
        });
        let ways = futures_util::future::join_all(ways);
        drop(sender);
        let reports = async {
            let mut updates = Vec::new();
            while let Some(update) = receiver.recv().await {
                updates.push(update);
                let rest = async {
                    while let Some(update) = receiver.recv().await {
                        updates.push(update);
                    }
                };
                let is_over = tokio::select! {
                    () = rest => true,
                    () = sleep(REPORT_WITHIN) => false,
                };
                if is_over {
                    break;
                }
                self.report(&record, &lease, &std::mem::take(&mut updates), false).await;
            }
            self.report(&record, &lease, &updates, true).await;
        };
        tokio::join!(ways, reports);
    }

    /// Whether this version of the host can attempt an effect of the decision now.
    pub fn can_attempt(&self, record: &DecisionRecord, now: Timestamp) -> bool {
        record.effects.iter().any(|effect| Route::of(effect).is_some() && is_due(effect, now))
    }

    /// The decision with a lease of this host that begins here; none when another host has it, or this one has begun
    /// it before.
    async fn leased(
        &self,
        record: &Arc<DecisionRecord>,
        now: Timestamp,
    ) -> Result<Option<Arc<DecisionRecord>>, StoreError> {
        let decision = &record.decision;
        let is_own = |lease: &&EffectLease| lease.holder == self.store.instance() && lease.until > now;
        let record = match record.lease.as_ref().filter(is_own) {
            Some(_) => Some(record.clone()),
            None => self.store.claim_effects(&decision.id, &decision.business_id, now).await?.map(Arc::new),
        };
        let begins = |lease: &EffectLease| self.begun.begin(&decision.id, lease.until, now);
        Ok(record.filter(|record| record.lease.as_ref().is_some_and(begins)))
    }

    /// The decision with an effect for each channel by which its notifications leave besides the WebSocket. They are
    /// stored before any notification is attempted, so that none is reported as delivered whose channels could be
    /// forgotten. None when the host has lost the lease or could not store them.
    async fn with_channel_effects(
        &self,
        record: Arc<DecisionRecord>,
        lease: &EffectLease,
        now: Timestamp,
    ) -> Option<Arc<DecisionRecord>> {
        let Some(directory) = &self.directory else { return Some(record) };
        // A notification that is kept in the mailbox has left by its channels before.
        let leaves = |effect: &Effect| is_due(effect, now) && !matches!(effect.state, EffectState::Kept { .. });
        let missing = missing_channel_effects(directory, &record, leaves);
        if missing.is_empty() {
            return Some(record);
        }
        let (id, business_id) = (&record.decision.id, &record.decision.business_id);
        match self.store.add_effects(id, business_id, lease, &missing).await {
            Ok(record) => Some(Arc::new(record)).filter(|record| record.lease.as_ref() == Some(lease)),
            Err(StoreError::TooLarge { .. }) => {
                let channels = missing.len();
                tracing::error!(
                    decision_id = id,
                    business_id,
                    channels,
                    "a decision has no room for the effects of its notifications' channels; only those who are \
                     connected or resume get them"
                );
                Some(record)
            }
            Err(error) => {
                tracing::warn!(decision_id = id, %business_id, %error, "cannot store the effects of channels; trying again later");
                None
            }
        }
    }

    /// Also moments that have passed meanwhile.
    fn set_alarms(&self, record: &DecisionRecord) {
        let known = record.effects.iter().filter(|effect| Route::of(effect).is_some());
        self.alarms.set(known.filter_map(Effect::next_attempt));
    }

    /// Attempts effects of one target one after the other, so that records of one decision keep their order.
    async fn attempt_in_order(
        &self,
        record: &Arc<DecisionRecord>,
        route: Route,
        effects: Vec<&Effect>,
        updates: mpsc::Sender<EffectUpdate>,
    ) {
        let Some(lease) = &record.lease else { return };
        for effect in effects {
            let directory = self.directory.as_deref();
            let waits = directory.and_then(|directory| waits_for_business(directory, record, effect, Timestamp::now()));
            let state = match (waits, self.dispatchers.get(&route)) {
                (Some(waits), _) => waits,
                (None, None) => EffectState::Waiting { reason: route.missing(effect), until: None },
                (None, Some(dispatcher)) => {
                    let due = DueEffect { record: record.clone(), effect: effect.clone() };
                    let result = match dispatcher.dispatch(due, lease.until).await {
                        Dispatched::Attempted(result) => result,
                        Dispatched::Overloaded => AttemptResult::Unavailable {
                            reason: "more is to be delivered than the target takes".to_owned(),
                        },
                        Dispatched::LeaseEnds => return,
                    };
                    let (now, jitter) = (Timestamp::now(), rand::random());
                    retry::state_after(effect, result, route.name(), &self.default_policy, now, jitter)
                }
            };
            // The receiver lives as long as this.
            let _ = updates.send(EffectUpdate { effect_id: effect.id.clone(), state }).await;
        }
    }

    async fn report(&self, record: &DecisionRecord, lease: &EffectLease, updates: &[EffectUpdate], done: bool) {
        let (id, business_id) = (&record.decision.id, &record.decision.business_id);
        let reported = self.store.report_effects(id, business_id, lease, updates, done).await;
        pass(CrashPoint::EffectsReported);
        for update in updates {
            let effect = record.effects.iter().find(|effect| effect.id == update.effect_id);
            let result = if reported.is_ok() { state_name(&update.state) } else { "unreported" };
            ::metrics::counter!(EFFECTS, "kind" => effect.map_or("unknown", kind), "result" => result).increment(1);
            if let (EffectState::Delivered { to: Some(to), .. }, true) = (&update.state, reported.is_ok()) {
                let kind = effect.map_or("unknown", kind);
                ::metrics::counter!(MESSAGES_DELIVERED, "kind" => kind, "to" => metrics::name_of(*to)).increment(1);
            }
            if let EffectState::DeadLetter { .. } = &update.state {
                // The reason may quote what a target answered, and with it what a person wrote.
                let effect_id = &update.effect_id;
                tracing::error!(
                    decision_id = id,
                    business_id,
                    effect_id,
                    "an effect is a dead letter; its record says why"
                );
                self.admin.tell(AdminEvent::DeadLetter {
                    business_id: business_id.clone(),
                    decision_id: id.clone(),
                    effect_id: effect_id.clone(),
                });
            }
        }
        match reported {
            Ok(record) => {
                for effect in &record.effects {
                    if let (EffectState::HeldBack { .. }, Some(route)) = (&effect.state, Route::of(effect))
                        && let Some(dispatcher) = self.dispatchers.get(&route)
                    {
                        dispatcher.note_held_back();
                    }
                }
                self.set_alarms(&record);
                let updated = updates.iter().map(|update| &update.effect_id);
                let updated = updated.filter_map(|id| record.effects.iter().find(|effect| effect.id == *id));
                let mut sent = updated.filter(|effect| effect.is_resumable());
                if let Some(fan_out) = &self.fan_out
                    && sent.any(|effect| Notice::of(&record, effect).is_some())
                {
                    fan_out.changed(business_id, id);
                }
            }
            // The effects keep their states. When the lease has ended, a host attempts them again, under the same keys.
            Err(error) => {
                tracing::warn!(decision_id = id, %business_id, %error, "cannot note how a decision's effects stand");
            }
        }
    }

    /// Counts what only a newer version of the host knows how to deliver. It stays as it is, so that a newer host that
    /// runs beside this one finds it.
    pub fn count_left(&self, record: &DecisionRecord, now: Timestamp) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        for effect in record.effects.iter().filter(|effect| is_left(effect, now)) {
            if left.len() >= MAX_LEFT {
                left.clear();
            }
            if left.insert(effect.id.clone()) {
                ::metrics::counter!(EFFECTS, "kind" => "unknown", "result" => "left").increment(1);
                let decision_id = &record.decision.id;
                tracing::warn!(decision_id, effect_id = effect.id, "an effect is left to a newer version of the host");
            }
        }
    }
}

impl Alarms {
    /// Adds moments at which effects fall due.
    pub fn set(&self, moments: impl Iterator<Item = Timestamp>) {
        let mut alarms = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let before = alarms.first().copied();
        alarms.extend(moments);
        while alarms.len() > MAX_ALARMS {
            alarms.pop_last();
        }
        if alarms.first().copied() != before {
            self.changed.notify_one();
        }
    }

    /// Waits until an effect falls due.
    pub async fn next(&self) {
        loop {
            let first = self.moments.lock().unwrap_or_else(PoisonError::into_inner).first().copied();
            let Some(first) = first else {
                self.changed.notified().await;
                continue;
            };
            let now = Timestamp::now();
            if first <= now {
                self.moments.lock().unwrap_or_else(PoisonError::into_inner).retain(|at| *at > now);
                return;
            }
            let left = Duration::try_from(first.duration_since(now)).unwrap_or_default();
            tokio::select! {
                () = sleep(left) => {}
                () = self.changed.notified() => {}
            }
        }
    }
}

/// Whether an effect is to be attempted now.
fn is_due(effect: &Effect, now: Timestamp) -> bool {
    let is_open = matches!(
        effect.state,
        EffectState::Pending | EffectState::Waiting { .. } | EffectState::HeldBack { .. } | EffectState::Kept { .. }
    );
    is_open && effect.next_attempt().is_none_or(|at| at <= now)
}

/// Whether an effect is for a newer version to deliver: it is due, and this one does not know its kind, or its state.
fn is_left(effect: &Effect, now: Timestamp) -> bool {
    matches!(effect.state, EffectState::Unknown(_)) || (!effect.kind.is_known() && is_due(effect, now))
}

fn state_name(state: &EffectState) -> &'static str {
    match state {
        EffectState::Pending => "pending",
        EffectState::Withheld => "withheld",
        EffectState::Delivered { .. } => "delivered",
        EffectState::Kept { .. } => "kept",
        EffectState::Waiting { .. } => "waiting",
        EffectState::HeldBack { .. } => "held_back",
        EffectState::DeadLetter { .. } => "dead_letter",
        EffectState::Dropped { .. } => "dropped",
        EffectState::Unknown(_) => "unknown",
    }
}
