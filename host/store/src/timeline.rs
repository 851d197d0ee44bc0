//! One order for what all hosts decide, whatever their clocks say.
//!
//! Each host counts on from a moment by a clock that never goes back, and nothing else moves its moments on: a
//! machine's clock that is set back changes nothing. Where the hosts stand is kept in one item, which each of them
//! moves on every few seconds and takes its own place from when it is behind. So the moments of hosts that run are
//! never further apart than [`APART`], but for the time after somebody's clock has gone forward: then that host notes
//! the leap in the item before it uses it, and whoever reads on from a cursor within the leap begins before it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use signalbox_model::Timestamp;
use tokio::sync::Semaphore;

use crate::WallClock;

mod said;
mod stand;

use stand::add;

/// How often a host says where it stands, when nothing is wrong.
pub(crate) const SYNC_EVERY: Duration = Duration::from_secs(10);
/// Without having said so for this long, a host gives no moment before it has.
const STALE: Duration = Duration::from_secs(15);
/// How far a clock may be ahead of what was counted before that is a leap: clocks are adjusted a little all the time.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(1);
/// The furthest that the moments of two hosts are apart but for leaps: what one has not said yet, what a new one does
/// not take for a leap, and a few adjustments.
pub(crate) const APART: Duration = Duration::from_secs(20);
/// Who is this far ahead of what all hosts have said may be ahead of a host that runs, and leaps.
const SILENCE: SignedDuration = SignedDuration::from_secs(16);

/// A host's own count.
#[derive(Debug)]
pub(crate) struct Timeline {
    wall: WallClock,
    line: Mutex<Line>,
    /// One at a time asks the store.
    asking: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Line {
    /// None before the store was asked.
    base: Option<Anchor>,
    /// The last moment that was given.
    last: Option<Timestamp>,
}

/// From where is counted on.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    moment: Timestamp,
    /// When that was, by a clock that never goes back.
    at: Instant,
    /// What the machine's clock showed then.
    wall: Timestamp,
}

impl Timeline {
    pub(crate) fn new(wall: WallClock) -> Self {
        Self { wall, line: Mutex::default(), asking: Arc::new(Semaphore::new(1)) }
    }

    /// The machine's time, which may be anything.
    pub(crate) fn wall(&self) -> Timestamp {
        self.wall.now()
    }

    /// The next moment, later than every one before; none when the store has to be asked first.
    fn next(&self) -> Option<Timestamp> {
        let wall = self.wall.now();
        let mut line = self.line();
        let base = line.base?;
        let passed = base.at.elapsed();
        // The machine slept, or its clock was set forward: the other hosts may be further.
        let ahead = wall.duration_since(add(base.wall, passed));
        if passed > STALE || ahead > TOLERANCE {
            return None;
        }
        let moment = line.count(passed)?;
        line.last = Some(moment);
        Some(moment)
    }

    /// Where this host would say that it stands: the machine's time, and what was counted.
    fn proposed(&self) -> (Timestamp, Instant, Option<Timestamp>) {
        let (wall, at) = (self.wall.now(), Instant::now());
        let line = self.line();
        let counted = line.base.and_then(|base| line.count(base.at.elapsed()));
        (wall, at, counted)
    }

    /// Counts on from here; never back.
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
