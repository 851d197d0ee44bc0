//! When a bundle's schedules tick next.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_graph::{CronInput, Inputs};

use crate::cli::cron::next_ticks;
use crate::config::Config;

/// How many ticks of each are shown.
const SHOWN: usize = 3;

/// A schedule on the clock of one time zone.
struct Ticks<'a> {
    name: &'a str,
    schedule: &'a str,
    timezone: String,
    next: Vec<String>,
}

/// A line for each schedule and time zone.
pub(super) fn lines(inputs: &Inputs, business_type: &str, config: &Config) -> Vec<String> {
    let line = |ticks: Ticks<'_>| {
        let Ticks { name, schedule, timezone, next } = ticks;
        format!("schedule {name}, {schedule}, in {timezone}: next {}", next.join(", "))
    };
    ticks(inputs, business_type, config).into_iter().map(line).collect()
}

/// The same for programs.
pub(super) fn json(inputs: &Inputs, business_type: &str, config: &Config) -> Value {
    let one = |ticks: Ticks<'_>| json!({ "name": ticks.name, "schedule": ticks.schedule, "timezone": ticks.timezone, "next": ticks.next });
    ticks(inputs, business_type, config).into_iter().map(one).collect()
}

fn ticks<'a>(inputs: &'a Inputs, business_type: &str, config: &Config) -> Vec<Ticks<'a>> {
    let now = Timestamp::now();
    let zones = || zones(business_type, config);
    let one = |(name, input): (&'a String, &'a CronInput)| {
        let zones = input.timezone.clone().map_or_else(zones, |zone| BTreeSet::from([zone]));
        zones.into_iter().filter_map(move |timezone| {
            let expression = input.schedule.parse().ok()?;
            let next = next_ticks(&expression, &signalbox_model::time_zone(&timezone)?, now, SHOWN);
            Some(Ticks { name, schedule: &input.schedule, timezone, next })
        })
    };
    inputs.cron.iter().flat_map(one).collect()
}

/// Those of the businesses of the type, whose clock a schedule without a time zone keeps to; without such a business, UTC.
fn zones(business_type: &str, config: &Config) -> BTreeSet<String> {
    let directory = BusinessDirectory::open(&config.business.directory);
    let businesses = directory.map(|directory| directory.all()).unwrap_or_default();
    let of_the_type = businesses.iter().filter(|business| business.business_type == business_type);
    let zones: BTreeSet<String> = of_the_type.map(|business| business.timezone.clone()).collect();
    if zones.is_empty() { BTreeSet::from(["UTC".to_owned()]) } else { zones }
}
