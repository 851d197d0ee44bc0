//! Limits the schedules that plugins create, for a business and in one decision.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use signalbox_bindings::signalbox::cron::cron::Error;
use signalbox_store::{ScheduleSource, Store, StoreError};
use tokio::sync::OnceCell;

/// Limits of schedules that plugins create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleLimits {
    /// How many a business may have.
    pub per_business: usize,
    /// How many different ones a decision may create.
    pub per_decision: usize,
    /// The shortest time between two ticks.
    pub least_interval: Duration,
}

impl Default for ScheduleLimits {
    fn default() -> Self {
        Self { per_business: 200, per_decision: 20, least_interval: Duration::from_secs(5 * 60) }
    }
}

/// The schedules that one decision has created, and those that its business had before.
#[derive(Debug, Default)]
pub struct ScheduleRoom {
    /// Whether the decision is about a schedule's tick.
    of_tick: bool,
    /// The names of the business's schedules that plugins created earlier; read when the first one is requested.
    before: OnceCell<BTreeSet<String>>,
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    /// Every name under which the decision created a schedule. A node that runs again creates no further ones.
    made: BTreeSet<String>,
    cancelled: BTreeSet<String>,
}

impl ScheduleRoom {
    /// For a decision about a schedule's tick, or for another decision.
    pub fn of(of_tick: bool) -> Self {
        Self { of_tick, ..Self::default() }
    }

    /// The earliest moment of a schedule that ticks once. Without it, a decision on a tick could create a schedule that
    /// ticks at once, and so on without end.
    pub(super) fn earliest(&self, now: Timestamp, limits: &ScheduleLimits) -> Option<Timestamp> {
        self.of_tick.then(|| now.checked_add(limits.least_interval).unwrap_or(Timestamp::MAX))
    }

    /// Counts a schedule, or says which limit is reached.
    pub(super) async fn take(
        &self,
        store: &Store,
        business_id: &str,
        name: &str,
        limits: &ScheduleLimits,
    ) -> Result<(), Error> {
        let before =
            self.before.get_or_try_init(|| made_before(store, business_id)).await.map_err(super::unavailable)?;
        let mut asked = self.lock();
        let ScheduleLimits { per_business, per_decision, .. } = *limits;
        if !asked.made.contains(name) && asked.made.len() >= per_decision {
            return Err(Error::LimitReached(format!(
                "this decision has made {per_decision} schedules, the most that one may make (cron.schedules-per-decision); make \
                 fewer, or one that ticks for all of them"
            )));
        }
        let standing = before.union(&asked.made).filter(|name| !asked.cancelled.contains(*name));
        let (others, is_new) =
            standing.fold(
                (0, true),
                |(others, is_new), standing| {
                    if standing == name { (others, false) } else { (others + 1, is_new) }
                },
            );
        if is_new && others >= per_business {
            return Err(Error::LimitReached(format!(
                "business {business_id} has {others} schedules of its plugins, and may have {per_business} \
                 (cron.schedules-per-business); cancel some first, or replace one under its name"
            )));
        }
        asked.made.insert(name.to_owned());
        asked.cancelled.remove(name);
        Ok(())
    }

    /// Releases the room of a schedule that this decision cancels.
    pub(super) fn give_back(&self, name: &str) {
        self.lock().cancelled.insert(name.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn made_before(store: &Store, business_id: &str) -> Result<BTreeSet<String>, StoreError> {
    let schedules = store.schedules(business_id).await?.into_iter().map(|schedule| schedule.definition);
    let made = schedules.filter(|definition| matches!(definition.source, ScheduleSource::Plugin { .. }));
    Ok(made.map(|definition| definition.name).collect())
}

#[cfg(test)]
mod tests {
    use signalbox_model::{CatchUp, HumanDuration, Overlap};
    use signalbox_store::{Config, ScheduleDefinition, ScheduleTiming};

    use super::*;

    async fn store_with(names: &[&str], source: ScheduleSource) -> Store {
        let store = Store::open(Config::memory()).await.unwrap();
        for name in names {
            let definition = ScheduleDefinition {
                business_id: "roma".to_owned(),
                name: (*name).to_owned(),
                timing: ScheduleTiming::Expression("0 8 * * *".to_owned()),
                timezone: "UTC".to_owned(),
                payload: None,
                overlap: Overlap::default(),
                catch_up: CatchUp::default(),
                jitter: HumanDuration::millis(0),
                source: source.clone(),
            };
            store.put_schedule(&definition, Timestamp::UNIX_EPOCH).await.unwrap();
        }
        store
    }

    fn of_plugin() -> ScheduleSource {
        ScheduleSource::Plugin { decision_id: "dec_1".to_owned() }
    }

    fn limits(per_business: usize, per_decision: usize) -> ScheduleLimits {
        ScheduleLimits { per_business, per_decision, ..ScheduleLimits::default() }
    }

    #[tokio::test]
    async fn a_decision_makes_no_more_schedules_than_it_may_and_a_name_that_comes_again_is_no_other() {
        let (store, room, limits) = (store_with(&[], of_plugin()).await, ScheduleRoom::default(), limits(10, 2));
        for name in ["a", "b", "a", "b"] {
            room.take(&store, "roma", name, &limits).await.unwrap();
        }
        let Err(Error::LimitReached(reason)) = room.take(&store, "roma", "c", &limits).await else {
            panic!("no limit")
        };
        assert!(reason.contains("made 2 schedules") && reason.contains("cron.schedules-per-decision"), "{reason}");
        // A schedule that was cancelled still counts as created; otherwise a loop could create any number of them.
        room.give_back("a");
        assert!(room.take(&store, "roma", "c", &limits).await.is_err());
    }

    #[tokio::test]
    async fn a_business_has_no_more_schedules_of_its_plugins_than_it_may_and_a_cancelled_one_makes_room() {
        let (store, room, limits) =
            (store_with(&["a", "b"], of_plugin()).await, ScheduleRoom::default(), limits(2, 10));
        room.take(&store, "roma", "a", &limits).await.unwrap();
        let Err(Error::LimitReached(reason)) = room.take(&store, "roma", "c", &limits).await else {
            panic!("no limit")
        };
        assert!(reason.contains("may have 2") && reason.contains("cron.schedules-per-business"), "{reason}");
        room.give_back("b");
        room.take(&store, "roma", "c", &limits).await.unwrap();
        assert!(room.take(&store, "roma", "b", &limits).await.is_err(), "its room is taken");
    }

    #[test]
    fn a_tick_does_not_ask_for_the_next_at_once() {
        let now = "2026-06-01T08:00:00Z".parse().unwrap();
        assert_eq!(ScheduleRoom::of(false).earliest(now, &limits(1, 1)), None);
        let earliest = ScheduleRoom::of(true).earliest(now, &limits(1, 1));
        assert_eq!(earliest, Some("2026-06-01T08:05:00Z".parse().unwrap()));
    }

    #[tokio::test]
    async fn what_a_bundle_declares_takes_no_room_and_what_is_above_the_limit_already_may_be_replaced() {
        let bundle = ScheduleSource::Bundle { hook: "daily".to_owned() };
        let (store, room) = (store_with(&["bundle/daily"], bundle).await, ScheduleRoom::default());
        room.take(&store, "roma", "a", &limits(1, 10)).await.unwrap();
        let (store, room) = (store_with(&["a", "b", "c"], of_plugin()).await, ScheduleRoom::default());
        room.take(&store, "roma", "a", &limits(1, 10)).await.unwrap();
        assert!(room.take(&store, "roma", "d", &limits(1, 10)).await.is_err());
    }
}
