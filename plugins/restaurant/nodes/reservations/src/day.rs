//! The row of a day.

use jiff::civil::Date;
use restaurant::booking::Detail;
use restaurant::channels::Outcome;
use restaurant::hours::{self, Window};
use restaurant::language::Language;
use restaurant::tables::{Booking, Day, Rules};
use restaurant::{calendar, place};
use signalbox_sdk::dynamodb::Condition;
use signalbox_sdk::prelude::*;

/// The table of this plugin.
pub const TABLE: &str = "reservations";

/// A day's bookings and the condition for writing them back.
pub struct Read {
    pub day: Day,
    pub condition: Condition,
}

/// The bookings of a day; a day without a row is empty.
pub fn read(context: &Context, date: Date) -> Result<Read, dynamodb::Error> {
    let row = dynamodb::get::<Day>(TABLE, place::partition(context), &date.to_string())?;
    Ok(match row {
        Some(row) => Read { day: row.item, condition: Condition::Version(row.version) },
        None => Read { day: Day::default(), condition: Condition::Absent },
    })
}

/// The bookings of a day, with those of the days before and after that reach into it: a place that is open around the
/// clock has parties at midnight. When services are hours apart, no other row is read.
pub fn with_neighbours(context: &Context, date: Date, day: &Day, rules: &Rules) -> Result<Day, Failure> {
    const DAY: u32 = 24 * 60;
    let hours = place::hours(context)?;
    let begins = |date: Date| hours.on(date).iter().map(|window| window.from).min();
    let ends = |date: Date| hours.on(date).iter().map(|window| rules.last_seating(*window) + rules.stay_minutes).max();
    let meet = |first: Date, second: Date| matches!((ends(first), begins(second)), (Some(end), Some(begin)) if end > DAY + begin);
    let mut all = day.clone();
    if let Ok(before) = date.yesterday()
        && meet(before, date)
    {
        let sitting = read(context, before)?.day.bookings.into_iter().filter(|booking| booking.until > DAY);
        all.bookings.extend(sitting.map(|booking| Booking {
            minute: booking.minute.saturating_sub(DAY),
            until: booking.until - DAY,
            ..booking
        }));
    }
    if let Ok(after) = date.tomorrow()
        && meet(date, after)
    {
        let coming = read(context, after)?.day.bookings.into_iter();
        all.bookings.extend(coming.map(|booking| Booking {
            minute: booking.minute + DAY,
            until: booking.until + DAY,
            ..booking
        }));
    }
    Ok(all)
}

/// Writes a day back, unless another decision has changed it meanwhile.
pub fn write(context: &Context, date: Date, read: Read) -> Result<u64, dynamodb::Error> {
    dynamodb::put(TABLE, place::partition(context), &date.to_string(), &read.day, read.condition)
}

/// The date of a minute of service in words, and the name of its night when it is past midnight; empty otherwise.
pub fn day_and_night(service_day: Date, minute: u32, language: Language) -> (String, String) {
    let date = hours::calendar_day(service_day, minute);
    let night = if date == service_day { String::new() } else { calendar::night_name(service_day, language) };
    (calendar::day_name(date, language), night)
}

/// A request for a day.
pub struct Ask<'a> {
    pub date: Date,
    pub guests: u32,
    pub minute: u32,
    pub windows: &'a [Window],
    pub not_before: u32,
    pub rules: &'a Rules,
    pub language: Language,
}

/// The outcome of a party that does not fit, with the nearest times at which it would.
pub fn full(day: &Day, ask: &Ask<'_>) -> Outcome {
    let free = day.alternatives(ask.guests, ask.minute, ask.windows, ask.not_before, ask.rules);
    let free: Vec<String> = free.into_iter().map(hours::clock).collect();
    let reasoning = format!(
        "{} guests at {} do not fit beside {} of {} seats; free: {}",
        ask.guests,
        hours::clock(ask.minute),
        day.most_guests(ask.minute, ask.minute + ask.rules.stay_minutes),
        ask.rules.seats,
        if free.is_empty() { "no other time".to_owned() } else { free.join(", ") },
    );
    let (day_name, night) = day_and_night(ask.date, ask.minute, ask.language);
    let is_full = free.is_empty();
    let data = json!({
        "day": day_name,
        "night": night,
        "time": hours::clock(ask.minute),
        "guests": ask.guests,
        "alternatives": free,
    });
    let awaited = if is_full { Detail::Date } else { Detail::Time };
    let full = Outcome::new("booking.full", data, reasoning).awaits(awaited);
    if is_full { full } else { full.of_service(ask.date) }
}
