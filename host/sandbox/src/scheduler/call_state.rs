use std::sync::atomic::{AtomicBool, Ordering};

use super::cpu_meter::CpuMeter;

/// What a guest call, which runs within its store, and the scheduler, which polls it, tell each other.
#[derive(Default)]
pub(crate) struct CallState {
    /// The CPU time of the call.
    pub cpu: CpuMeter,
    is_preempted: AtomicBool,
    is_expired: AtomicBool,
    is_in_background: AtomicBool,
}

impl CallState {
    /// A tick came, and the guest yields.
    pub fn preempt(&self) {
        self.is_preempted.store(true, Ordering::Relaxed);
    }

    /// Whether the guest has yielded since this was asked last.
    pub fn take_preempted(&self) -> bool {
        self.is_preempted.swap(false, Ordering::Relaxed)
    }

    /// The call has a thread of its own from now on.
    pub fn move_to_background(&self) {
        self.is_in_background.store(true, Ordering::Relaxed);
    }

    /// Whether the call has a thread of its own.
    pub fn is_in_background(&self) -> bool {
        self.is_in_background.load(Ordering::Relaxed)
    }

    /// The deadline has passed.
    pub fn expire(&self) {
        self.is_expired.store(true, Ordering::Relaxed);
    }

    /// Whether the deadline has passed, so that the guest is not to compute again.
    pub fn is_expired(&self) -> bool {
        self.is_expired.load(Ordering::Relaxed)
    }
}
