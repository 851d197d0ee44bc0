use serde::{Deserialize, Serialize};
use signalbox_model::HumanDuration;

/// `[cron]`: when hosts fire the ticks of schedules, and how many schedules plugins may create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct CronConfig {
    /// How often the host reads all schedules again, to notice what other hosts and commands have changed.
    pub refresh_interval: HumanDuration,
    /// How often the host searches the store for ticks that no host has fired: ticks whose host died after it claimed
    /// them, and ticks of `signalbox cron run`.
    pub scan_interval: HumanDuration,
    /// How long a claimed tick is reserved for the host that claimed it. If that host dies, another host fires the tick
    /// after this time.
    pub lease: HumanDuration,
    /// How long after its time a tick may be noticed. A tick that is noticed later counts as missed, and the catch-up
    /// policy of its schedule applies.
    pub late_after: HumanDuration,
    /// The age of the oldest missed tick that the host still makes up for.
    pub catch_up_age: HumanDuration,
    /// The most missed ticks that the host makes up for in one schedule of a bundle with `catch-up = "all"`.
    pub catch_up_limit: u32,
    /// The most schedules that the plugins of one business may have at the same time. Schedules that a bundle declares
    /// do not count. Beyond the limit, a plugin gets the error `limit-reached`, and existing schedules continue.
    pub schedules_per_business: usize,
    /// The most schedules that one decision may create. Beyond the limit, a plugin gets the error `limit-reached`.
    pub schedules_per_decision: usize,
    /// The shortest time between two ticks of a schedule that a plugin creates. For a shorter one, the plugin gets the
    /// error `too-often`.
    pub least_interval: HumanDuration,
}

impl Default for CronConfig {
    fn default() -> Self {
        Self {
            refresh_interval: HumanDuration::secs(30),
            scan_interval: HumanDuration::secs(5),
            lease: HumanDuration::secs(60),
            late_after: HumanDuration::secs(60),
            catch_up_age: HumanDuration::secs(24 * 60 * 60),
            catch_up_limit: 100,
            schedules_per_business: 200,
            schedules_per_decision: 20,
            least_interval: HumanDuration::secs(5 * 60),
        }
    }
}
