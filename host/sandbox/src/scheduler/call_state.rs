use std::sync::atomic::{AtomicBool, Ordering};

use super::cpu_meter::CpuMeter;

/// The state that a guest call, which runs within its store, shares with the scheduler, which polls it.
#[derive(Default)]
pub(crate) struct CallState {
    /// The CPU time of the call.
    pub cpu: CpuMeter,
    is_preempted: AtomicBool,
    is_expired: AtomicBool,
    is_in_background: AtomicBool,
}

impl CallState {
    /// Notes that a tick came and the guest yields.
    pub fn preempt(&self) {
        self.is_preempted.store(true, Ordering::Relaxed);
    }

    /// Whether the guest has yielded since the last call of this function.
    pub fn take_preempted(&self) -> bool {
        self.is_preempted.swap(false, Ordering::Relaxed)
    }

    /// Notes that the call has its own thread from now on.
    pub fn move_to_background(&self) {
        self.is_in_background.store(true, Ordering::Relaxed);
    }

    /// Whether the call has its own thread.
    pub fn is_in_background(&self) -> bool {
        self.is_in_background.load(Ordering::Relaxed)
    }

    /// Notes that the deadline has passed.
    pub fn expire(&self) {
        self.is_expired.store(true, Ordering::Relaxed);
    }

    /// Whether the deadline has passed, so that the guest must not compute any more.
    pub fn is_expired(&self) -> bool {
        self.is_expired.load(Ordering::Relaxed)
    }
}
