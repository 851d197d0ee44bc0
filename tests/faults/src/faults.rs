//! Every fault by its name.

mod brokers;
mod host;
mod receivers;
mod stores;

use std::pin::Pin;

use anyhow::Result;

use crate::trial::FaultReport;

/// Causes a fault, with a seed for what is left to chance.
pub type CauseFault = fn(u64) -> Pin<Box<dyn Future<Output = Result<FaultReport>> + Send>>;

/// A fault that can be caused.
#[derive(Clone, Copy)]
pub struct Fault {
    /// Its name in the report.
    pub name: &'static str,
    /// Causes it.
    pub cause: CauseFault,
}

macro_rules! faults {
    ($($name:literal: $cause:path,)*) => { &[$(Fault { name: $name, cause: |seed| Box::pin($cause(seed)) }),*] };
}

/// All faults, in the order of the report.
pub const FAULTS: &[Fault] = faults! {
    "Kafka down": brokers::down,
    "Kafka slow": brokers::slow,
    "Kafka erroring": brokers::erroring,
    "Kafka leaders moving": brokers::leaders_move,
    "message too large": brokers::message_too_large,
    "topic unknown": brokers::topic_unknown,
    "topic forbidden": brokers::topic_forbidden,
    "store throttled": stores::throttled,
    "store down": stores::down,
    "store slow": stores::slow,
    "store's answers lost": stores::answers_lost,
    "HTTP target hangs": receivers::hangs,
    "HTTP target refuses": receivers::refuses,
    "HTTP target resets": receivers::resets,
    "HTTP target answers garbage": receivers::answers_garbage,
    "HTTP target's answers lost": receivers::answers_lost,
    "HTTP target answers 503": receivers::unavailable,
    "disk full": host::disk_full,
    "SIGTERM at full load": host::sigterm_at_full_load,
};

/// The fault of this name.
pub fn named(name: &str) -> Option<Fault> {
    FAULTS.iter().find(|fault| fault.name == name).copied()
}
