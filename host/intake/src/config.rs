use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, HumanSize};

/// `[intake]`: the limits of inputs, whichever trigger they come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct IntakeConfig {
    /// The number of inputs that the host decides at the same time; further inputs wait in a queue.
    pub in_flight: usize,
    /// The number of inputs of one business that the host decides at the same time.
    pub in_flight_per_business: usize,
    /// The number of inputs of one user that the host decides at the same time, where an input has a user.
    pub in_flight_per_user: usize,
    /// The number of inputs that may wait in the queue. When it is full, the newest input of the business with the most
    /// waiting inputs is refused with `busy`.
    pub waiting: usize,
    /// The number of inputs of one business that may wait in the queue; further ones are refused with `busy`.
    pub waiting_per_business: usize,
    /// How long an input waits in the queue before it is refused with `busy`.
    pub admission_wait: HumanDuration,
    /// The number of inputs per second that one user may send to this host, on average and over all triggers.
    pub rate_per_user: NonZeroU32,
    /// The number of inputs that one user may send at once.
    pub burst_per_user: NonZeroU32,
    /// The number of inputs per second that this host takes for one business, on average and over all triggers.
    pub rate_per_business: NonZeroU32,
    /// The number of inputs that this host takes for one business at once.
    pub burst_per_business: NonZeroU32,
    /// How long a sender that was refused with `busy` is told to wait before it sends again.
    pub retry_after: HumanDuration,
    /// The largest `content.text`.
    pub text_size: HumanSize,
    /// The deepest nesting of `content.data` and `content.metadata`.
    pub json_depth: u32,
    /// When a decision takes longer than this, the host stores its input and acknowledges the input before the decision
    /// is made.
    pub ack_after: HumanDuration,
    /// How often the store is searched for inputs that were acknowledged and not decided.
    pub recovery_interval: HumanDuration,
    /// The host decides an acknowledged input that it finds in the store only when the input is older than this,
    /// because another host may be deciding a newer one.
    pub recover_after: HumanDuration,
    /// How many times hosts may crash while they decide an input. After that the input is recorded as failed, as a dead
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
