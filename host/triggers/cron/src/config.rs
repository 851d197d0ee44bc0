use serde::{Deserialize, Serialize};
use signalbox_model::HumanDuration;

/// `[cron]`: how schedules tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct CronConfig {
    /// How often all schedules are read again, to see what other hosts and commands have changed.
    pub refresh_interval: HumanDuration,
    /// How often the store is searched for ticks that a host claimed and did not fire.
    pub scan_interval: HumanDuration,
    /// How long a claimed tick is left to the host that claimed it.
    pub lease: HumanDuration,
    /// A tick that is noticed later than this was missed: the schedule's catch-up policy decides.
    pub late_after: HumanDuration,
    /// Ticks missed longer ago are never made up for.
    pub catch_up_age: HumanDuration,
    /// The most ticks that a bundle's schedule with `catch-up = "all"` makes up for.
    pub catch_up_limit: u32,
    /// The most schedules that a business may have of its plugins' making; those of bundles do not count.
    pub schedules_per_business: usize,
    /// The most schedules that one decision may make.
    pub schedules_per_decision: usize,
    /// How long it is at least from one tick of a plugin's schedule to the next.
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
