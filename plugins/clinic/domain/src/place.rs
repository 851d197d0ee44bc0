//! The clinic that a decision is about, as its settings describe it.

use jiff::civil::DateTime;
use serde::de::DeserializeOwned;
use signalbox_sdk::{Context, Failure};

use crate::appointments::{Practitioner, Rules};
use crate::hours::Hours;

/// The local time at the clinic when the decision started.
pub fn now(context: &Context) -> Result<DateTime, Failure> {
    let without_offset = context.local_now.get(..19).unwrap_or(&context.local_now);
    without_offset
        .parse()
        .map_err(|error| Failure::fatal(format!("the local time `{}` cannot be read: {error}", context.local_now)))
}

/// Its opening hours, from the settings `hours` and `special-days`.
pub fn hours(context: &Context) -> Result<Hours, Failure> {
    Ok(Hours { week: needed(context, "hours")?, special_days: context.setting("special-days")?.unwrap_or_default() })
}

/// The rules for its appointments, from the setting `appointments`.
pub fn rules(context: &Context) -> Result<Rules, Failure> {
    Ok(context.setting("appointments")?.unwrap_or_default())
}

/// The practitioners, from the setting `practitioners`.
pub fn practitioners(context: &Context) -> Result<Vec<Practitioner>, Failure> {
    needed(context, "practitioners")
}

/// Its telephone; empty when the setting `phone` is missing, because a template takes no absent parameter.
pub fn phone(context: &Context) -> Result<String, Failure> {
    Ok(context.setting("phone")?.unwrap_or_default())
}

/// The partition of this place's rows.
pub fn partition(context: &Context) -> &str {
    context.location.as_ref().map_or(MAIN, |location| &location.id)
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

/// The sender's id; for an input without a user the input's.
pub fn sender(context: &Context) -> &str {
    context.input.user_id.as_deref().unwrap_or(&context.input.id)
}

/// The code with which people name a decision, for example on the telephone.
pub fn reference(decision: &str) -> String {
    let tail: String = decision.chars().rev().filter(char::is_ascii_alphanumeric).take(6).collect();
    tail.chars().rev().collect::<String>().to_ascii_uppercase()
}

fn needed<T: DeserializeOwned>(context: &Context, setting: &str) -> Result<T, Failure> {
    context.setting(setting)?.ok_or_else(|| {
        Failure::fatal(format!("the business `{}` has no setting `{setting}`; add it to its file", context.business.id))
    })
}
