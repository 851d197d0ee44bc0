//! What a guest's store and whoever drives it tell each other.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A thread that was asked for its time less than this part of a tick ago is not asked again when a guest begins: that would
/// cost as much as a short guest's own work.
const RECENT: u32 = 8;

thread_local! {
    /// When this thread was last asked how long it has computed, and what it said, in nanoseconds.
    static ASKED: Cell<Option<(Instant, u64)>> = const { Cell::new(None) };
}

/// The signs of one guest call.
#[derive(Default)]
pub(crate) struct Signs {
    ticked: AtomicBool,
    over: AtomicBool,
    apart: AtomicBool,
    /// How long its thread had computed when it was looked at last, in nanoseconds.
    looked: AtomicU64,
    /// What it computed before it waited for something, and was not charged for yet, in nanoseconds.
    spent: AtomicU64,
}

impl Signs {
    /// The guest is to let others compute.
    pub fn yields(&self) {
        self.ticked.store(true, Ordering::Relaxed);
    }

    /// Whether it was to, since this was asked last.
    pub fn take_yields(&self) -> bool {
        self.ticked.swap(false, Ordering::Relaxed)
    }

    /// The guest has a thread of its own from now on.
    pub fn goes_apart(&self) {
        self.apart.store(true, Ordering::Relaxed);
    }

    /// Whether the guest has a thread of its own.
    pub fn is_apart(&self) -> bool {
        self.apart.load(Ordering::Relaxed)
    }

    /// The deadline has passed.
    pub fn ends(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Whether the deadline has passed, so that the guest is not to compute again.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// The guest is about to compute, on this thread, which has computed for so long: or for less by a part of a tick, which
    /// is not charged, when the guest begins for the first time. One that has waited would gain it each time.
    pub fn begins(&self, now: Instant, tick: Duration) -> u64 {
        let first = self.looked.load(Ordering::Relaxed) == 0;
        let recent = ASKED.get().map(|(at, time)| (now.saturating_duration_since(at), time));
        let time = match recent {
            Some((since, time)) if first && since < tick / RECENT => time.saturating_add(nanos(since)),
            _ => {
                let time = thread_time();
                ASKED.set(Some((now, time)));
                time
            }
        };
        self.looked.store(time, Ordering::Relaxed);
        time
    }

    /// The guest waits for something.
    pub fn pauses(&self) {
        self.spent.fetch_add(nanos(self.computed()), Ordering::Relaxed);
    }

    /// How long the guest has computed in one go since it was looked at last. A thread that had to wait for a core did not
    /// compute.
    pub fn computed(&self) -> Duration {
        let now = thread_time();
        Duration::from_nanos(now.saturating_sub(self.looked.swap(now, Ordering::Relaxed)))
    }

    /// What it computed before, and waited for something in between.
    pub fn take_spent(&self) -> Duration {
        Duration::from_nanos(self.spent.swap(0, Ordering::Relaxed))
    }
}

/// How long this thread has computed, in nanoseconds.
pub(crate) fn thread_time() -> u64 {
    nanos(cpu_time::ThreadTime::try_now().map_or(Duration::ZERO, |time| time.as_duration()))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_secs(60);

    #[test]
    fn a_call_is_not_charged_for_what_the_thread_computed_before_it_and_one_that_waited_is_charged_to_the_nanosecond() {
        let (first, second) = (Signs::default(), Signs::default());
        let asked = Instant::now();
        let before = first.begins(asked, TICK);
        // The next begins a second later, and the thread has been idle: it cannot have computed for longer than that.
        let soon = second.begins(asked + Duration::from_secs(1), TICK);
        assert_eq!(soon, before + 1_000_000_000);
        assert_eq!(second.computed(), Duration::ZERO);
        let again = second.begins(asked + Duration::from_secs(2), TICK);
        assert!(again < soon, "it is asked: {again}");
        let late = Signs::default().begins(asked + TICK, TICK);
        assert!(late >= again && late < soon, "and so is one that begins long after: {late}");
    }
}
