//! The row of a day.

use jiff::civil::Date;
use restaurant::booking::Detail;
use restaurant::channels::Outcome;
use restaurant::hours::{self, Window};
use restaurant::language::Language;
use restaurant::tables::{Day, Rules};
use restaurant::{calendar, place};
use signalbox_sdk::dynamodb::Condition;
use signalbox_sdk::prelude::*;

/// The table of this plugin.
pub const TABLE: &str = "reservations";

/// A day's bookings and what must hold for writing them back.
pub struct Read {
    pub day: Day,
    pub condition: Condition,
}

/// The bookings of a day; a day that nobody has booked yet is empty.
pub fn read(context: &Context, date: Date) -> Result<Read, dynamodb::Error> {
    let row = dynamodb::get::<Day>(TABLE, place::partition(context), &date.to_string())?;
    Ok(match row {
        Some(row) => Read { day: row.item, condition: Condition::Version(row.version) },
        None => Read { day: Day::default(), condition: Condition::Absent },
    })
}

/// Writes a day back, unless somebody else was faster.
pub fn write(context: &Context, date: Date, read: Read) -> Result<u64, dynamodb::Error> {
    dynamodb::put(TABLE, place::partition(context), &date.to_string(), &read.day, read.condition)
}

/// What is asked of a day.
pub struct Ask<'a> {
    pub date: Date,
    pub guests: u32,
    pub minute: u32,
    pub windows: &'a [Window],
    pub not_before: u32,
    pub rules: &'a Rules,
    pub language: Language,
}

/// That a party does not fit, with the nearest times at which it would.
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
    let data = json!({
        "day": calendar::day_name(ask.date, ask.language),
        "time": hours::clock(ask.minute),
        "guests": ask.guests,
        "alternatives": free,
    });
    let awaited = if free.is_empty() { Detail::Date } else { Detail::Time };
    Outcome::new("booking.full", data, reasoning).awaits(awaited)
}
