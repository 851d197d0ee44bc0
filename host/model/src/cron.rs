//! Cron expressions and their ticks on the clock of a time zone. The code that checks, stores and fires schedules
//! shares this module.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// Each field: its name, its lowest and highest value, and names for its values.
const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of month", 1, 31, &[]),
    ("month", 1, 12, &MONTHS),
    ("day of week", 0, 7, &DAYS),
];

/// More than the longest gap: no clock has ever been set forward by more than a day.
const LONGEST_GAP_HOURS: i64 = 49;

const MINUTES_OF_A_DAY: u32 = 24 * 60;

/// A cron expression of five fields: minute, hour, day of month, month, day of week. It ticks at most once a minute.
///
/// When a clock is set forward, an expression with one hour and one minute ticks at the first moment after the gap, and
/// any other expression skips the times within the gap. When a clock is set back, the former ticks once, at the earlier
/// of the two times, and any other ticks in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronExpression {
    text: String,
    cron: Cron,
}

/// Why a text is not a cron expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CronError {
    /// It has too few or too many fields.
    #[error("schedule `{text}` has {found} fields, not 5")]
    Fields {
        /// The whole expression.
        text: String,
        /// How many fields it has.
        found: usize,
    },
    /// A field is not valid.
    #[error("`{field}` is no {what} in schedule `{text}`; use `*`, or {lowest} to {highest} with `-`, `/` and `,`")]
    Field {
        /// The whole expression.
        text: String,
        /// The field.
        field: String,
        /// What the field should be.
        what: &'static str,
        /// Its lowest value.
        lowest: u32,
        /// Its highest value.
        highest: u32,
    },
    /// The date never occurs.
    #[error("schedule `{0}` never ticks: no month that it names has such a day")]
    Never(String),
    /// Something else is wrong with it.
    #[error("schedule `{text}` cannot be read: {reason}")]
    Unreadable {
        /// The whole expression.
        text: String,
        /// What is wrong.
        reason: String,
    },
}

impl CronExpression {
    /// The first tick after a moment, on the clock of a zone; none when the supported years have none.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut from = after;
        for _ in 0..LONGEST_GAP_HOURS {
            if let Ok(next) = self.cron.find_next_occurrence(&from.to_zoned(zone.clone()), false) {
                return Some(next.timestamp()).filter(|next| *next > after);
            }
            // The search stops within a gap of more than two hours that begins before the next tick, so it is repeated
            // after the gap.
            from = from.checked_add(SignedDuration::from_hours(1)).ok()?;
        }
        None
    }

    /// The shortest time between two ticks, computed from hours and minutes alone. It ignores on which days the
    /// schedule ticks, and clocks that are set forward or back.
    pub fn least_interval(&self) -> Duration {
        let mut fields = self.text.split(' ').zip(FIELDS);
        let mut values = || fields.next().map(|(field, (_, lowest, highest, _))| numbers(field, lowest, highest));
        let (minutes, hours) = (values().unwrap_or_default(), values().unwrap_or_default());
        let ticks: Vec<u32> =
            hours.iter().flat_map(|hour| minutes.iter().map(move |minute| hour * 60 + minute)).collect();
        let day = ticks.first().map(|first| first + MINUTES_OF_A_DAY);
        let next = ticks.iter().copied().skip(1).chain(day);
        let least = ticks.iter().zip(next).map(|(tick, next)| next - tick).min();
        Duration::from_secs(u64::from(least.unwrap_or(MINUTES_OF_A_DAY)) * 60)
    }

    /// The original text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The longest expression, in bytes. A list of every minute of the hour has 170.
const LONGEST: usize = 1_024;

impl FromStr for CronExpression {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        if text.len() > LONGEST {
            let start: String = text.chars().take(60).collect();
            let reason = format!("it has {} bytes, more than {LONGEST}", text.len());
            return Err(CronError::Unreadable { text: format!("{start}…"), reason });
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let text = fields.join(" ");
        if fields.len() != FIELDS.len() {
            return Err(CronError::Fields { text, found: fields.len() });
        }
        for (field, (what, lowest, highest, names)) in fields.into_iter().zip(FIELDS) {
            if !field.split(',').all(|part| is_part(part, lowest, highest, names)) {
                return Err(CronError::Field { field: field.to_owned(), text, what, lowest, highest });
            }
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        match parser.parse(&text) {
            Ok(cron) if ever(&cron) => Ok(Self { text, cron }),
            Ok(_) => Err(CronError::Never(text)),
            Err(error) => Err(CronError::Unreadable { text, reason: error.to_string() }),
        }
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether it ticks at all. In UTC every day has all hours, so only the calendar decides.
fn ever(cron: &Cron) -> bool {
    cron.find_next_occurrence(&Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC), true).is_ok()
}

/// The values of a field, in order.
fn numbers(field: &str, lowest: u32, highest: u32) -> BTreeSet<u32> {
    let part = |part: &str| {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (from.parse().unwrap_or(lowest), to.parse().unwrap_or(highest)),
            None if range == "*" => (lowest, highest),
            None => range.parse().map_or((lowest, highest), |number| (number, number)),
        };
        (from..=to.min(highest)).step_by(step.parse().unwrap_or(1).max(1))
    };
    field.split(',').flat_map(part).collect()
}

fn is_part(part: &str, lowest: u32, highest: u32, names: &[&str]) -> bool {
    let value = |text: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = named.and_then(|position| u32::try_from(position).ok()).map(|position| position + lowest);
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        number.or_else(|| text.parse().ok().filter(|_| digits)).filter(|number| (lowest..=highest).contains(number))
    };
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let step_fits = step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step >= 1 && step <= highest));
    let range_fits = match range.split_once('-') {
        _ if range == "*" => true,
        Some((from, to)) => matches!((value(from), value(to)), (Some(from), Some(to)) if from <= to),
        // A step is only valid after `*` or a range.
        None => step.is_none() && value(range).is_some(),
    };
    step_fits && range_fits
}

#[cfg(test)]
mod tests;
