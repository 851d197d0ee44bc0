//! The place that a decision is about, as its settings describe it.

use jiff::civil::{Date, DateTime};
use serde::de::DeserializeOwned;
use signalbox_sdk::{Context, Failure};

use crate::booking::Request;
use crate::calendar;
use crate::channels::DayFacts;
use crate::hours::{self, Hours, Window};
use crate::language::Language;
use crate::menu::Dish;
use crate::tables::Rules;

/// The local time at the place when the decision started.
pub fn now(context: &Context) -> Result<DateTime, Failure> {
    let without_offset = context.local_now.get(..19).unwrap_or(&context.local_now);
    without_offset
        .parse()
        .map_err(|error| Failure::fatal(format!("the local time `{}` cannot be read: {error}", context.local_now)))
}

/// Its opening hours, from the settings `hours` and `special-days`.
pub fn hours(context: &Context) -> Result<Hours, Failure> {
    let hours =
        Hours { week: needed(context, "hours")?, special_days: context.setting("special-days")?.unwrap_or_default() };
    match hours.misspelt_day() {
        Some(key) => Err(Failure::fatal(format!(
            "the business `{}` has the special day `{key}`; write it like `2026-12-31`, or `12-25` for every year",
            context.business.id
        ))),
        None => Ok(hours),
    }
}

/// The rules for bookings, from the setting `booking`.
pub fn rules(context: &Context) -> Result<Rules, Failure> {
    let rules: Rules = needed(context, "booking")?;
    match rules.problem() {
        Some(problem) => {
            Err(Failure::fatal(format!("the setting `booking` of the business `{}`: {problem}", context.business.id)))
        }
        None => Ok(rules),
    }
}

/// Its menu; empty when the setting `menu` is missing.
pub fn menu(context: &Context) -> Result<Vec<Dish>, Failure> {
    Ok(context.setting("menu")?.unwrap_or_default())
}

/// The partition of this place's rows.
pub fn partition(context: &Context) -> &str {
    context.location.as_ref().map_or(MAIN, |location| &location.id)
}

/// The sender's id; for an input without a user the input's.
pub fn guest(context: &Context) -> &str {
    context.input.user_id.as_deref().unwrap_or(&context.input.id)
}

/// The guest's id: the one that the request names, else the sender's.
pub fn guest_of<'a>(context: &'a Context, request: &'a Request) -> &'a str {
    request.guest.as_deref().unwrap_or_else(|| guest(context))
}

/// The partition of rows when an input names no place.
pub const MAIN: &str = "main";

/// Every partition that may hold rows of the business.
pub fn partitions(context: &Context) -> Vec<&str> {
    let mut all = vec![MAIN];
    all.extend(context.business.locations.iter().map(|location| location.id.as_str()));
    all.sort_unstable();
    all.dedup();
    all
}

/// The day and minute of service now; outside of opening hours those of the calendar.
pub fn service_now(context: &Context) -> Result<(Date, u32), Failure> {
    let now = now(context)?;
    let service = hours(context)?.service_at(now).map(|service| (service.day, service.minute));
    Ok(service.unwrap_or((now.date(), hours::minute_of(now.time()))))
}

/// The opening hours of a day in words.
pub fn day_facts(day: Date, windows: &[Window], language: Language) -> DayFacts {
    DayFacts { name: calendar::day_name(day, language), windows: windows.iter().map(Window::to_string).collect() }
}

fn needed<T: DeserializeOwned>(context: &Context, setting: &str) -> Result<T, Failure> {
    context.setting(setting)?.ok_or_else(|| {
        Failure::fatal(format!("the business `{}` has no setting `{setting}`; add it to its file", context.business.id))
    })
}
