//! When a bundle's schedules tick next.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_graph::{CronInput, Inputs};

use crate::cli::cron::next_ticks;

/// How many ticks of each schedule are shown.
const SHOWN: usize = 3;

/// A schedule on the clock of one time zone.
struct Ticks<'a> {
    name: &'a str,
    schedule: &'a str,
    timezone: String,
    next: Vec<String>,
}

/// A line for each schedule and time zone.
pub(super) fn lines(inputs: &Inputs, zones: Option<&BTreeSet<String>>) -> Vec<String> {
    let line = |ticks: Ticks<'_>| {
        let Ticks { name, schedule, timezone, next } = ticks;
        format!("schedule {name}, {schedule}, in {timezone}: next {}", next.join(", "))
    };
    ticks(inputs, zones).into_iter().map(line).collect()
}

/// The same as JSON.
pub(super) fn json(inputs: &Inputs, zones: Option<&BTreeSet<String>>) -> Value {
    let one = |ticks: Ticks<'_>| json!({ "name": ticks.name, "schedule": ticks.schedule, "timezone": ticks.timezone, "next": ticks.next });
    ticks(inputs, zones).into_iter().map(one).collect()
}

/// The ticks of a schedule without a time zone of its own are left out when the businesses' time zones are unknown.
fn ticks<'a>(inputs: &'a Inputs, zones: Option<&BTreeSet<String>>) -> Vec<Ticks<'a>> {
    let now = Timestamp::now();
    let one = |(name, input): (&'a String, &'a CronInput)| {
        let own = input.timezone.clone().map(|zone| BTreeSet::from([zone]));
        let zones = own.or_else(|| zones.cloned()).unwrap_or_default();
        zones.into_iter().filter_map(move |timezone| {
            let expression = input.schedule.parse().ok()?;
            let next = next_ticks(&expression, &signalbox_model::time_zone(&timezone)?, now, SHOWN);
            Some(Ticks { name, schedule: &input.schedule, timezone, next })
        })
    };
    inputs.cron.iter().flat_map(one).collect()
}

/// The time zones of the businesses of the type, which schedules without a time zone use; UTC when there is no such
/// business. None when a file that cannot be read may hold such a business.
pub(super) fn zones(business_type: &str, directory: &BusinessDirectory) -> Option<BTreeSet<String>> {
    let is_of_the_type = |found: Option<&str>| found.is_none_or(|found| found == business_type);
    if directory.not_loaded().iter().any(|file| is_of_the_type(file.business_type.as_deref())) {
        return None;
    }
    let businesses = directory.all();
    let of_the_type = businesses.iter().filter(|business| business.business_type == business_type);
    let zones: BTreeSet<String> = of_the_type.map(|business| business.timezone.clone()).collect();
    Some(if zones.is_empty() { without_businesses() } else { zones })
}

/// The time zones in which schedules are shown when no business has them yet.
pub(super) fn without_businesses() -> BTreeSet<String> {
    BTreeSet::from(["UTC".to_owned()])
}
