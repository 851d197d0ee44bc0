//! What a guest's store and whoever drives it tell each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

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

    /// The guest is about to compute, on this thread, which has computed for so long.
    pub fn begins(&self) -> u64 {
        let now = thread_time();
        self.looked.store(now, Ordering::Relaxed);
        now
    }

    /// The guest waits for something.
    pub fn pauses(&self) {
        let computed = u64::try_from(self.computed().as_nanos()).unwrap_or(u64::MAX);
        self.spent.fetch_add(computed, Ordering::Relaxed);
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
    let time = cpu_time::ThreadTime::try_now().map_or(Duration::ZERO, |time| time.as_duration());
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
