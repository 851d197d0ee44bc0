//! Crash points: named stages of an input's way at which a host under test ends itself as `kill -9` would. With them
//! tests show what survives a crash at exactly that stage.
//!
//! A test sets [`CRASH_VARIABLE`] to a stage and a number, for example `before-commit:3`: the process ends when it
//! reaches that stage for the third time. In a build without debug assertions, which every release build is, [`pass`]
//! is empty and the variable is never read, so nothing can end an operator's host this way.

/// The environment variable that names the stage and the passing at which the process ends.
pub const CRASH_VARIABLE: &str = "SIGNALBOX_TEST_CRASH";

/// A stage of an input's way, from its receipt until its effects are cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrashPoint {
    /// An input was received and checked; nothing of it is stored.
    InputReceived,
    /// An input is stored; its sender has no acknowledgement yet.
    InputStored,
    /// A decision is made and not written.
    BeforeCommit,
    /// A decision is written; no other part of the host knows of it yet.
    AfterCommit,
    /// A decision's input is finished; the relay does not have the decision yet.
    InputFinished,
    /// A review is checked and not written.
    BeforeReview,
    /// A review is written; the relay does not have the effects yet that it released.
    AfterReview,
    /// A decision's effects are leased; none of them is attempted yet.
    EffectsLeased,
    /// An effect is about to be handed to its target.
    BeforeAttempt,
    /// A record is handed to the Kafka client; the brokers have not confirmed it yet.
    RecordUnconfirmed,
    /// A target has answered; how the effect stands is not written yet.
    AfterAttempt,
    /// How the effects of a decision stand is written.
    EffectsReported,
}

impl CrashPoint {
    /// All stages, in the order in which an input passes them.
    pub const ALL: [Self; 12] = [
        Self::InputReceived,
        Self::InputStored,
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::InputFinished,
        Self::BeforeReview,
        Self::AfterReview,
        Self::EffectsLeased,
        Self::BeforeAttempt,
        Self::RecordUnconfirmed,
        Self::AfterAttempt,
        Self::EffectsReported,
    ];

    /// Its name in [`CRASH_VARIABLE`].
    pub fn name(self) -> &'static str {
        match self {
            Self::InputReceived => "input-received",
            Self::InputStored => "input-stored",
            Self::BeforeCommit => "before-commit",
            Self::AfterCommit => "after-commit",
            Self::InputFinished => "input-finished",
            Self::BeforeReview => "before-review",
            Self::AfterReview => "after-review",
            Self::EffectsLeased => "effects-leased",
            Self::BeforeAttempt => "before-attempt",
            Self::RecordUnconfirmed => "record-unconfirmed",
            Self::AfterAttempt => "after-attempt",
            Self::EffectsReported => "effects-reported",
        }
    }
}

/// Notes that the process has reached a stage; ends it there if a test has asked for that.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn pass(_: CrashPoint) {}

/// Notes that the process has reached a stage; ends it there if a test has asked for that.
#[cfg(debug_assertions)]
pub fn pass(point: CrashPoint) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static PLANNED: OnceLock<Option<(CrashPoint, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let planned = PLANNED.get_or_init(|| planned(&std::env::var(CRASH_VARIABLE).ok()?));
    if let Some((at, count)) = *planned
        && at == point
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == count
    {
        // The signal ends every thread at once; no destructor runs and no buffer is written.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort();
    }
}

/// The stage and the number in the variable's value; none when it is not of that form.
#[cfg(debug_assertions)]
fn planned(value: &str) -> Option<(CrashPoint, u32)> {
    let (name, count) = value.split_once(':')?;
    let point = CrashPoint::ALL.into_iter().find(|point| point.name() == name)?;
    Some((point, count.parse().ok()?))
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_found_by_its_name() {
        for point in CrashPoint::ALL {
            assert_eq!(planned(&format!("{}:7", point.name())), Some((point, 7)));
        }
        for value in ["", "before-commit", "before-commit:", "before-commit:x", "another:1"] {
            assert_eq!(planned(value), None, "{value}");
        }
    }

    #[test]
    fn without_the_variable_every_stage_is_passed() {
        CrashPoint::ALL.into_iter().for_each(pass);
    }
}
