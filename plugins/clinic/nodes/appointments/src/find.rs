//! Node `find`: which free time fits the wish. Nothing is written yet.

use clinic::appointments::Ask;
use clinic::channels::{Awaited, Found, Outcome, Slot};
use clinic::{hours, place};
use jiff::Span;
use jiff::civil::{Date, DateTime};
use signalbox_sdk::prelude::*;

use crate::day::{self, Wish};

/// How many days are looked through for somebody who names none.
const DAYS: i64 = 14;
/// How many free times a program is told at most.
const MOST_LISTED: usize = 50;
/// How many other times a patient is told.
const MOST_OFFERED: usize = 3;

/// Looks for a time.
pub fn run(wish: &Wish<'_>) -> Result<Step, Failure> {
    if let Some(slot) = &wish.request.agreed {
        return give(slot.clone(), true);
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
        free.retain(|slot| minute.is_none_or(|minute| slot.minute == minute));
        all.append(&mut free);
        if all.len() >= if wish.request.list { MOST_LISTED } else { 1 } {
            break;
        }
    }
    if wish.request.list { list(wish, &all) } else { first(wish, all.into_iter().next()) }
}

fn free(wish: &Wish<'_>, date: Date, now: DateTime) -> Result<Vec<Slot>, Failure> {
    let (hours, rules) = (place::hours(wish.context)?, place::rules(wish.context)?);
    let practitioners = place::practitioners(wish.context)?;
    let earliest = if date == now.date() { hours::minute_of(now.time()) + rules.notice_minutes } else { 0 };
    let request = wish.request;
    let ask = Ask { date, request, hours: &hours, practitioners: &practitioners, rules: &rules, earliest };
    let (day, _) = day::read(place::partition(wish.context), &date.to_string())?;
    Ok(day.free(&ask, wish.context.now()?))
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

/// Exactly this time, or word of the nearest ones.
fn exactly(wish: &Wish<'_>, mut free: Vec<Slot>, minute: u32, date: Date) -> Result<Step, Failure> {
    if let Some(slot) = free.iter().find(|slot| slot.minute == minute) {
        return give(slot.clone(), wish.request.firm);
    }
    // A program that takes up again what it has booked is told so by `hold`, not that somebody has taken it.
    if let Some(own) = own(wish, minute, date)? {
        return give(own, wish.request.firm);
    }
    free.sort_by_key(|slot| slot.minute.abs_diff(minute));
    free.truncate(MOST_OFFERED);
    free.sort_by_key(|slot| slot.minute);
    let why = format!("{date} at {} is not free", hours::clock(minute));
    day::without_slot(&wish.taken(&date.to_string(), minute, &free, why)?)
}

fn own(wish: &Wish<'_>, minute: u32, date: Date) -> Result<Option<Slot>, Failure> {
    let date = date.to_string();
    let (day, _) = day::read(place::partition(wish.context), &date)?;
    let own = day
        .appointments
        .iter()
        .find(|one| one.is_confirmed() && one.patient == wish.request.patient && one.minute == minute);
    Ok(own.map(|one| one.slot(&date)))
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
    let data = json!({ "day": wish.day_name(&date.to_string())?, "days_ahead": days_ahead });
    let reasoning = format!("{date} is not from today to {latest}");
    Ok(Some(Outcome::new(code, data, reasoning).awaits(Awaited::When)))
}
