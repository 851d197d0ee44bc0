//! The row of a day.

use clinic::appointments::{Appointment, Day, Practitioner};
use clinic::channels::{Awaited, Found, Outcome, Slot};
use clinic::language::Language;
use clinic::request::Request;
use clinic::{calendar, hours, place};
use jiff::civil::Date;
use signalbox_sdk::dynamodb::Condition;
use signalbox_sdk::prelude::*;

/// The table of this plugin.
pub const TABLE: &str = "appointments";

/// How often a node reads a day again that other decisions change at the same time, before it fails for now.
pub const ATTEMPTS: u32 = 4;

/// A patient's request with its context.
pub struct Wish<'a> {
    pub context: &'a Context,
    pub request: &'a Request,
    pub language: Language,
}

/// Whether a day was changed, and the result.
pub enum Changed<T> {
    Yes(T),
    No(T),
}

/// The appointments of a day, and the condition for writing them back; a day without a row is empty.
pub fn read(partition: &str, date: &str) -> Result<(Day, Condition), dynamodb::Error> {
    Ok(match dynamodb::get::<Day>(TABLE, partition, date)? {
        Some(row) => (row.item, Condition::Version(row.version)),
        None => (Day::default(), Condition::Absent),
    })
}

/// Changes a day, again after each concurrent change. `change` gets the current day each time.
pub fn change<T>(
    partition: &str,
    date: &str,
    mut change: impl FnMut(&mut Day) -> Result<Changed<T>, Failure>,
) -> Result<T, Failure> {
    for _attempt in 0..ATTEMPTS {
        let (mut day, condition) = read(partition, date)?;
        let value = match change(&mut day)? {
            Changed::No(value) => return Ok(value),
            Changed::Yes(value) => value,
        };
        match dynamodb::put(TABLE, partition, date, &day, condition) {
            Ok(_version) => return Ok(value),
            Err(dynamodb::Error::ConditionFailed) => info!(date = date, "somebody was faster, reading again"),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::retry(format!("{date} was changed by others {ATTEMPTS} times in a row")))
}

/// The slot that an earlier node of the subgraph found, and whether the patient wants exactly that one.
pub fn found(found: Found) -> Result<(Slot, bool), Failure> {
    let slot = found.slot.filter(|_| found.found);
    Ok((slot.ok_or_else(|| Failure::invalid("a time is taken only after it was found"))?, found.firm))
}

/// An outcome that ends the subgraph without a slot.
pub fn without_slot(outcome: &Outcome) -> Result<Step, Failure> {
    Ok(Step::new().update("slot", &Found::default())?.update("outcome", outcome)?)
}

impl Wish<'_> {
    /// The parameters of message models that name a time.
    pub fn data(&self, slot: &Slot) -> Result<Value, Failure> {
        Ok(json!({
            "day": self.day_name(&slot.day, slot.minute)?,
            "date": calendar_day(&slot.day, slot.minute)?,
            "time": hours::clock(slot.minute),
            "doctor": doctor(self.context, &slot.practitioner)?,
            "practitioner": slot.practitioner,
        }))
    }

    /// The same for an appointment, with its code.
    pub fn appointment(&self, day: &str, appointment: &Appointment) -> Result<Value, Failure> {
        let mut data = self.data(&appointment.slot(day))?;
        if let Some(fields) = data.as_object_mut() {
            fields.insert("code".to_owned(), place::reference(&appointment.decision).into());
        }
        Ok(data)
    }

    /// The outcome of a time that is not free, with free times near it.
    pub fn taken(&self, day: &str, minute: u32, near: &[Slot], why: String) -> Result<Outcome, Failure> {
        let alternatives: Vec<String> = near.iter().map(|slot| hours::clock(slot.minute)).collect();
        let data =
            json!({ "day": self.day_name(day, minute)?, "time": hours::clock(minute), "alternatives": alternatives });
        Ok(Outcome::new("appointment.taken", data, why).awaits(Awaited::When))
    }

    /// The date of a minute of a day in words.
    pub fn day_name(&self, day: &str, minute: u32) -> Result<String, Failure> {
        Ok(calendar::day_name(calendar_day(day, minute)?, self.language))
    }

    /// The data about an appointment for other services.
    pub fn record(&self, day: &str, appointment: &Appointment) -> Result<Value, Failure> {
        Ok(json!({
            "code": place::reference(&appointment.decision),
            "place": place::partition(self.context),
            "patient": appointment.patient,
            "name": appointment.name,
            "practitioner": appointment.practitioner,
            "date": calendar_day(day, appointment.minute)?,
            "time": hours::clock(appointment.minute),
            "cancelled": appointment.cancelled_by.is_some(),
        }))
    }
}

/// The calendar's date of a minute of a day: past midnight it is the next day.
pub fn calendar_day(day: &str, minute: u32) -> Result<Date, Failure> {
    let date: Date = day.parse().map_err(|error| Failure::fatal(format!("`{day}` is no day: {error}")))?;
    Ok(hours::calendar_day(date, minute))
}

/// Whether any practitioner works past midnight on a day, so that the day's row holds times of the next day.
pub fn goes_on_past_midnight(context: &Context, date: Date) -> Result<bool, Failure> {
    let (week, special_days) = (context.setting("hours")?, context.setting("special-days")?);
    let hours = hours::Hours { week: week.unwrap_or_default(), special_days: special_days.unwrap_or_default() };
    let past_midnight = |windows: &[hours::Window]| windows.iter().any(|window| window.until > 24 * 60);
    let practitioners = context.setting::<Vec<Practitioner>>("practitioners")?.unwrap_or_default();
    let own = practitioners.into_iter().filter_map(|one| one.hours);
    let mut own = own.map(|week| hours::Hours { week, ..hours.clone() });
    Ok(past_midnight(hours.on(date)) || own.any(|hours| past_midnight(hours.on(date))))
}

/// The name of a practitioner; the id of one who has left.
pub fn doctor(context: &Context, id: &str) -> Result<String, Failure> {
    let all = place::practitioners(context)?;
    Ok(all.into_iter().find(|one| one.id == id).map_or_else(|| id.to_owned(), |one| one.name))
}
