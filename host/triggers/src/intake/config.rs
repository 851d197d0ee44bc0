use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, HumanSize};

/// `[intake]`: what is admitted, from whatever trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct IntakeConfig {
    /// Inputs that are decided at the same time; more are refused with `busy`.
    pub in_flight: usize,
    /// The same for one business, so that none takes all the room.
    pub in_flight_per_business: usize,
    /// When a sender that was refused with `busy` is told to come back.
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
}

impl Default for IntakeConfig {
    fn default() -> Self {
        Self {
            in_flight: 256,
            in_flight_per_business: 64,
            retry_after: HumanDuration::millis(500),
            text_size: HumanSize(16 * 1024),
            json_depth: 32,
            ack_after: HumanDuration::millis(50),
            recovery_interval: HumanDuration::secs(30),
            recover_after: HumanDuration::secs(120),
        }
    }
}
