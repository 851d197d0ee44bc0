//! The watch over targets: those that stay away are told to the operators.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::dispatcher::Dispatcher;
use crate::route::Route;
use crate::{AdminEvent, AdminNotices};

/// How often the targets are looked at, at most.
const EVERY: Duration = Duration::from_secs(5);

/// Tells of each target that has not answered for as long as `after`, once, and of its recovery then.
pub(super) async fn targets(dispatchers: BTreeMap<Route, Dispatcher>, admin: AdminNotices, after: Duration) {
    let (mut away, mut told) = (BTreeMap::<Route, Instant>::new(), BTreeSet::new());
    loop {
        sleep(EVERY.min(after).max(Duration::from_millis(10))).await;
        for (route, dispatcher) in &dispatchers {
            let (route, target) = (*route, route.name());
            if dispatcher.answers() {
                away.remove(&route);
                if told.remove(&route) {
                    admin.tell(AdminEvent::TargetRecovered { target });
                }
            } else if away.entry(route).or_insert_with(Instant::now).elapsed() >= after && told.insert(route) {
                admin.tell(AdminEvent::TargetUnavailable { target, reason: dispatcher.reason() });
            }
        }
    }
}
