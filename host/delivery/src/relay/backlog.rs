//! Counts what has not left, for the operator's metrics.

use std::time::Duration;

use signalbox_model::Timestamp;
use signalbox_store::{EffectBacklog, EffectBacklogs, Store};
use tokio::time::{MissedTickBehavior, interval};

use crate::metrics::{BACKLOG, BACKLOG_OLDEST};
use crate::route::TARGETS;

/// How often the decisions are counted. One count is 40 queries, which are most of what an idle host asks of the store.
const INTERVAL: Duration = Duration::from_secs(300);
/// At which number a count stops: a longer list costs more reads and tells the operator no more.
const MOST: usize = 10_000;

/// Counts the decisions with open effects at once and then every five minutes. Ends only when it is aborted.
pub(super) async fn count(store: Store) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Timestamp::now();
        match store.effect_backlogs(&TARGETS, now, MOST).await {
            Ok(backlogs) => show(&backlogs, now),
            Err(error) => tracing::warn!(%error, "cannot count the effects that have not left; counting again later"),
        }
    }
}

fn show(backlogs: &EffectBacklogs, now: Timestamp) {
    let EffectBacklogs { due, later, waiting, held_back, dead_letters } = backlogs;
    for (state, backlog) in [("due", due), ("later", later), ("waiting", waiting), ("dead_letter", dead_letters)] {
        ::metrics::gauge!(BACKLOG, "state" => state).set(backlog.decisions as f64);
        ::metrics::gauge!(BACKLOG_OLDEST, "state" => state).set(age(backlog, now));
    }
    for (target, backlog) in TARGETS.into_iter().zip(held_back) {
        ::metrics::gauge!(BACKLOG, "state" => "held_back", "target" => target).set(backlog.decisions as f64);
        ::metrics::gauge!(BACKLOG_OLDEST, "state" => "held_back", "target" => target).set(age(backlog, now));
    }
}

/// The seconds since the oldest was due; 0 when there is none, or when it is due later.
fn age(backlog: &EffectBacklog, now: Timestamp) -> f64 {
    backlog.oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64().max(0.0))
}
