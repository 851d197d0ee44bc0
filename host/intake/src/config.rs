use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, HumanSize};

/// `[intake]`: what is admitted, from whatever trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct IntakeConfig {
    /// Inputs that are decided at the same time; more wait in line.
    pub in_flight: usize,
    /// The same for one business, so that none takes all the room.
    pub in_flight_per_business: usize,
    /// The same for one user, where an input has one.
    pub in_flight_per_user: usize,
    /// Inputs that wait in line; beyond it the newest of the business with the most is refused with `busy`.
    pub waiting: usize,
    /// The same for one business; more are refused with `busy`.
    pub waiting_per_business: usize,
    /// How long an input waits in line before it is refused with `busy`.
    pub admission_wait: HumanDuration,
    /// Inputs that one user may send each second, over time and all triggers.
    pub rate_per_user: NonZeroU32,
    /// The same at once.
    pub burst_per_user: NonZeroU32,
    /// Inputs that may be sent to one business each second, over time and all triggers.
    pub rate_per_business: NonZeroU32,
    /// The same at once.
    pub burst_per_business: NonZeroU32,
    /// When a sender that was refused with `busy` is told to come back at the earliest.
    pub retry_after: HumanDuration,
    /// The longest `content.text`.
    pub text_size: HumanSize,
    /// The deepest nesting in `content.data` and `content.metadata`.
    pub json_depth: u32,
    /// A decision that takes longer is acknowledged before it is made; its input is stored first.
    pub ack_after: HumanDuration,
    /// How often the store is searched for inputs that were acknowledged and not decided.
    pub recovery_interval: HumanDuration,
    /// Only inputs acknowledged longer ago are taken up while the host runs, because another host may be at them.
    pub recover_after: HumanDuration,
    /// How often an input is taken up again while a host ends each time; then it is recorded as failed, as a dead
    /// letter.
    pub recovery_attempts: NonZeroU32,
}

impl Default for IntakeConfig {
    fn default() -> Self {
        Self {
            in_flight: 256,
            in_flight_per_business: 64,
            in_flight_per_user: 32,
            waiting: 512,
            waiting_per_business: 64,
            admission_wait: HumanDuration::secs(1),
            // More than one trigger lets a user send, and less than all of them together.
            rate_per_user: const { NonZeroU32::new(30).unwrap() },
            burst_per_user: const { NonZeroU32::new(60).unwrap() },
            rate_per_business: const { NonZeroU32::new(200).unwrap() },
            burst_per_business: const { NonZeroU32::new(400).unwrap() },
            retry_after: HumanDuration::millis(500),
            text_size: HumanSize(16 * 1024),
            json_depth: 32,
            ack_after: HumanDuration::millis(50),
            recovery_interval: HumanDuration::secs(30),
            recover_after: HumanDuration::secs(120),
            // More than a few restarts in a row, by an operator or a scheduler, and few enough to notice a dead letter
            // soon.
            recovery_attempts: const { NonZeroU32::new(5).unwrap() },
        }
    }
}
