//! One order for the decisions of all hosts, whatever their clocks show.
//!
//! Each host counts its moments from a base by a monotonic clock, so a machine's clock that is set back does not affect
//! them. One item of the store holds the latest known moment of all hosts. Every few seconds each host moves that
//! moment on, and catches up with it when its own count is behind. So the moments of running hosts differ by at most
//! [`APART`], with one exception: a host whose clock has gone forward is ahead for a while. Such a host notes the leap
//! in the item before it uses it, and a reader with a cursor within the leap starts reading before the leap.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use signalbox_model::Timestamp;
use tokio::sync::Semaphore;

use crate::WallClock;

mod said;
mod stand;

use stand::add;

/// How often a host updates the item, when nothing is wrong.
pub(crate) const SYNC_EVERY: Duration = Duration::from_secs(10);
/// A host that has not updated the item for this long gives no moment before it has done so.
const STALE: Duration = Duration::from_secs(15);
/// By how much a clock may be ahead of the count before this is a leap; clocks are adjusted a little all the time.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(1);
/// The largest difference between the moments of two hosts, except for leaps: the time since one's last update, what a
/// new host does not take for a leap, and a few adjustments.
pub(crate) const APART: Duration = Duration::from_secs(20);
/// A new host that is further ahead of the item than this may be ahead of a running host, so it notes a leap.
const SILENCE: SignedDuration = SignedDuration::from_secs(16);

/// The count of one host.
#[derive(Debug)]
pub(crate) struct Timeline {
    wall: WallClock,
    line: Mutex<Line>,
    /// Only one task at a time updates the item.
    asking: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Line {
    /// None before the first update of the item.
    base: Option<Anchor>,
    /// The latest moment that was given.
    last: Option<Timestamp>,
}

/// The base of the count.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    moment: Timestamp,
    /// When the base was set, by a monotonic clock.
    at: Instant,
    /// The time of the machine's clock at that moment.
    wall: Timestamp,
}

impl Timeline {
    pub(crate) fn new(wall: WallClock) -> Self {
        Self { wall, line: Mutex::default(), asking: Arc::new(Semaphore::new(1)) }
    }

    /// The time of the machine's clock, which may be wrong.
    pub(crate) fn wall(&self) -> Timestamp {
        self.wall.now()
    }

    /// The next moment, later than all earlier ones; none when the item has to be updated first.
    fn next(&self) -> Option<Timestamp> {
        let wall = self.wall.now();
        let mut line = self.line();
        let base = line.base?;
        let passed = base.at.elapsed();
        // The machine slept, or its clock was set forward, so other hosts may be further.
        let ahead = wall.duration_since(add(base.wall, passed));
        if passed > STALE || ahead > TOLERANCE {
            return None;
        }
        let moment = line.count(passed)?;
        line.last = Some(moment);
        Some(moment)
    }

    /// The state that this host would store: the time of the machine's clock, and the host's count.
    fn proposed(&self) -> (Timestamp, Instant, Option<Timestamp>) {
        let (wall, at) = (self.wall.now(), Instant::now());
        let line = self.line();
        let counted = line.base.and_then(|base| line.count(base.at.elapsed()));
        (wall, at, counted)
    }

    /// Sets the base of the count; the count never goes back.
    fn settle(&self, moment: Timestamp, at: Instant, wall: Timestamp) {
        let mut line = self.line();
        let counted = line.base.map(|base| add(base.moment, at.saturating_duration_since(base.at)));
        line.base = Some(Anchor { moment: counted.map_or(moment, |counted| counted.max(moment)), at, wall });
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn count(&self, passed: Duration) -> Option<Timestamp> {
        let counted = add(self.base?.moment, passed);
        Some(match self.last {
            Some(last) => counted.max(add(last, Duration::from_nanos(1))),
            None => counted,
        })
    }
}
