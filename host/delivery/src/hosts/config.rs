use serde::{Deserialize, Serialize};
use signalbox_model::HumanDuration;

/// `[delivery.hosts]`: how hosts on one store reach each other's people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct HostsConfig {
    /// How often a host renews its record in the store and looks for others; a host whose record is not renewed for
    /// three times as long counts as gone.
    pub heartbeat: HumanDuration,
    /// How often a host with connected people looks for what other hosts have decided, while something is going on.
    pub poll: HumanDuration,
    /// The same while nothing is going on.
    pub quiet_poll: HumanDuration,
    /// The same while hosts tell each other over Kafka.
    pub fan_out_poll: HumanDuration,
}

impl Default for HostsConfig {
    fn default() -> Self {
        Self {
            heartbeat: HumanDuration::secs(15),
            poll: HumanDuration::secs(1),
            quiet_poll: HumanDuration::secs(2),
            fan_out_poll: HumanDuration::secs(10),
        }
    }
}
