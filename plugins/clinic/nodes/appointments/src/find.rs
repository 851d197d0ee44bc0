//! Node `find`: finds a free time that fits the request, without writing anything.

use clinic::appointments::Ask;
use clinic::channels::{Awaited, Found, Outcome, Slot};
use clinic::{hours, place, zone};
use jiff::Span;
use jiff::civil::{Date, DateTime};
use signalbox_sdk::prelude::*;

use crate::day::{self, Wish};

/// How many days are searched when the patient names none.
const DAYS: i64 = 14;
/// The minutes of a day.
const DAY: u32 = 24 * 60;
/// The most free times that a program is given.
const MOST_LISTED: usize = 50;
/// The most other times that a patient is offered.
const MOST_OFFERED: usize = 3;

/// Looks for a time.
pub fn run(wish: &Wish<'_>) -> Result<Step, Failure> {
    if let Some(slot) = &wish.request.agreed {
        return give(slot.clone(), true);
    }
    if let Some(said) = &wish.request.impossible {
        let reasoning = format!("`{said}` is no day or time");
        let outcome = Outcome::new("appointment.impossible", json!({ "said": said }), reasoning);
        return day::without_slot(&outcome.awaits(Awaited::When));
    }
    if let (Some(date), Some(time)) = (wish.request.date, wish.request.time)
        && !zone::shows(wish.context.timezone(), date.to_datetime(time))
    {
        let said = format!("{}, {}", wish.day_name(&date.to_string(), 0)?, hours::clock(hours::minute_of(time)));
        let reasoning = format!("the clocks of {} never show {date} {time}", wish.context.timezone());
        let outcome = Outcome::new("appointment.impossible", json!({ "said": said }), reasoning);
        return day::without_slot(&outcome.awaits(Awaited::When));
    }
    let (now, rules) = (place::now(wish.context)?, place::rules(wish.context)?);
    let minute = wish.request.time.map(hours::minute_of);
    if let Some(date) = wish.request.date {
        if let Some(outcome) = not_in_time(wish, date, now, rules.days_ahead)? {
            return day::without_slot(&outcome);
        }
        let free = free(wish, date, now)?;
        return match (wish.request.list, minute) {
            (true, _) => list(wish, &free),
            (false, Some(minute)) => exactly(wish, free, minute, date),
            (false, None) => first(wish, free.into_iter().next()),
        };
    }
    let mut all = Vec::new();
    for days in 0..DAYS.min(i64::from(rules.days_ahead) + 1) {
        let Ok(date) = now.date().checked_add(Span::new().days(days)) else { break };
        let mut free = free(wish, date, now)?;
        free.retain(|slot| minute.is_none_or(|minute| by_the_clock(slot) == minute));
        all.append(&mut free);
        if all.len() >= if wish.request.list { MOST_LISTED } else { 1 } {
            break;
        }
    }
    if wish.request.list { list(wish, &all) } else { first(wish, all.into_iter().next()) }
}

/// The free times of a calendar date, including those after midnight of the night before.
fn free(wish: &Wish<'_>, date: Date, now: DateTime) -> Result<Vec<Slot>, Failure> {
    let mut free = Vec::new();
    if let Some(before) = night_before(wish, date)? {
        free.extend(free_of_row(wish, before, now)?.into_iter().filter(|slot| slot.minute >= DAY));
    }
    free.extend(free_of_row(wish, date, now)?.into_iter().filter(|slot| slot.minute < DAY));
    Ok(free)
}

/// The day before, if its row holds times of the date.
fn night_before(wish: &Wish<'_>, date: Date) -> Result<Option<Date>, Failure> {
    let Ok(before) = date.yesterday() else { return Ok(None) };
    Ok(day::goes_on_past_midnight(wish.context, before)?.then_some(before))
}

fn free_of_row(wish: &Wish<'_>, date: Date, now: DateTime) -> Result<Vec<Slot>, Failure> {
    let (hours, rules) = (place::hours(wish.context)?, place::rules(wish.context)?);
    let practitioners = place::practitioners(wish.context)?;
    let earliest = if date <= now.date() { hours::minutes_since(date, now) + rules.notice_minutes } else { 0 };
    let request = wish.request;
    let ask = Ask { date, request, hours: &hours, practitioners: &practitioners, rules: &rules, earliest };
    let (day, _) = day::read(place::partition(wish.context), &date.to_string())?;
    Ok(day.free(&ask, wish.context.now()?))
}

fn by_the_clock(slot: &Slot) -> u32 {
    slot.minute % DAY
}

fn give(slot: Slot, firm: bool) -> Result<Step, Failure> {
    let note = format!("{} at {} with {}", slot.day, hours::clock(slot.minute), slot.practitioner);
    let found = Found { found: true, held: false, firm, slot: Some(slot) };
    Ok(Step::new().update("slot", &found)?.update("notes", &note)?)
}

fn first(wish: &Wish<'_>, slot: Option<Slot>) -> Result<Step, Failure> {
    if let Some(slot) = slot {
        return give(slot, false);
    }
    let data = json!({ "phone": place::phone(wish.context)? });
    day::without_slot(&Outcome::new("appointment.none", data, "no free time fits").awaits(Awaited::When))
}

/// Exactly this time, or an outcome with the nearest free ones.
fn exactly(wish: &Wish<'_>, mut free: Vec<Slot>, minute: u32, date: Date) -> Result<Step, Failure> {
    if let Some(slot) = free.iter().find(|slot| by_the_clock(slot) == minute) {
        return give(slot.clone(), wish.request.firm);
    }
    // A program that repeats its booking gets its answer from `hold`, and not that the time is taken.
    if let Some(own) = own(wish, minute, date)? {
        return give(own, wish.request.firm);
    }
    free.sort_by_key(|slot| by_the_clock(slot).abs_diff(minute));
    free.truncate(MOST_OFFERED);
    free.sort_by_key(by_the_clock);
    let why = format!("{date} at {} is not free", hours::clock(minute));
    day::without_slot(&wish.taken(&date.to_string(), minute, &free, why)?)
}

fn own(wish: &Wish<'_>, minute: u32, date: Date) -> Result<Option<Slot>, Failure> {
    let rows = [Some((date, minute)), night_before(wish, date)?.map(|before| (before, minute + DAY))];
    for (row, minute) in rows.into_iter().flatten() {
        let row = row.to_string();
        let (day, _) = day::read(place::partition(wish.context), &row)?;
        let mut own = day.appointments.iter().filter(|one| one.is_confirmed() && one.patient == wish.request.patient);
        if let Some(own) = own.find(|one| one.minute == minute) {
            return Ok(Some(own.slot(&row)));
        }
    }
    Ok(None)
}

fn list(wish: &Wish<'_>, free: &[Slot]) -> Result<Step, Failure> {
    let slots = free.iter().take(MOST_LISTED).map(|slot| wish.data(slot)).collect::<Result<Vec<_>, _>>()?;
    let reasoning = format!("{} free times", slots.len());
    day::without_slot(&Outcome::new("appointment.slots", json!({ "slots": slots }), reasoning))
}

fn not_in_time(wish: &Wish<'_>, date: Date, now: DateTime, days_ahead: u32) -> Result<Option<Outcome>, Failure> {
    let latest = now.date().checked_add(Span::new().days(i64::from(days_ahead.min(3_650)))).unwrap_or(Date::MAX);
    let code = match date {
        past if past < now.date() => "appointment.past",
        far if far > latest => "appointment.too-early",
        _ => return Ok(None),
    };
    let data = json!({ "day": wish.day_name(&date.to_string(), 0)?, "days_ahead": days_ahead });
    let reasoning = format!("{date} is not from today to {latest}");
    Ok(Some(Outcome::new(code, data, reasoning).awaits(Awaited::When)))
}
