//! Node `floor`: applies an event of the point of sale to the free seats and the takings.

use restaurant::pos::{PosEvent, PosKind};
use restaurant::tables::{Bill, Booking, Day};
use restaurant::{hours, place};
use signalbox_sdk::prelude::*;

use crate::day;

/// How often the node reads a day again that other decisions change at the same time, before it fails for now.
const ATTEMPTS: u32 = 4;

/// Applies the event.
pub fn run(context: &Context) -> Result<Step, Failure> {
    let Some(data) = &context.input.content.data else {
        return Err(Failure::invalid("the input has no data; the handler `pos` gives an event of the point of sale"));
    };
    let event: PosEvent = data.read().map_err(Failure::invalid)?;
    event.check().map_err(Failure::invalid)?;
    let (date, minute) = place::service_now(context)?;
    let stay = place::rules(context)?.stay_minutes;
    for _attempt in 0..ATTEMPTS {
        let mut read = day::read(context, date)?;
        let before = read.day.clone();
        let code = apply(&mut read.day, &event, &context.decision_id, minute, stay);
        if read.day == before {
            return tell(context, &event, code);
        }
        match day::write(context, date, read) {
            Ok(_version) => return tell(context, &event, code),
            Err(dynamodb::Error::ConditionFailed) => info!(date = date, "somebody was faster, reading again"),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::retry(format!("{date} was changed by others {ATTEMPTS} times in a row")))
}

/// Changes the day, once for each decision, and returns what happened.
fn apply(day: &mut Day, event: &PosEvent, decision: &str, minute: u32, stay: u32) -> &'static str {
    let party = event.party();
    match &event.kind {
        PosKind::Opened { guests, booking_code } => {
            let booked = |code: &String| day.standing().any(|booking| booking.code() == *code);
            if booking_code.as_ref().is_some_and(booked) {
                return "table.seated";
            }
            if day.made_by(decision).is_none() {
                day.bookings.push(Booking {
                    decision: decision.to_owned(),
                    user: party,
                    name: None,
                    guests: *guests,
                    minute,
                    until: minute + stay,
                    cancelled_by: None,
                });
            }
            "table.opened"
        }
        PosKind::Freed => {
            let sits = |booking: &&mut Booking| {
                booking.user == party && booking.cancelled_by.is_none() && booking.minute <= minute
            };
            // The party that sat down last is the one that leaves; a repeated event changes nothing.
            let Some(last) = day.bookings.iter_mut().filter(sits).max_by_key(|booking| booking.minute) else {
                return "table.unknown";
            };
            last.until = last.until.min(minute);
            "table.freed"
        }
        PosKind::Paid { total_minor } => {
            if day.bills.iter().all(|bill| bill.decision != decision) {
                day.bills.push(Bill { decision: decision.to_owned(), total_minor: *total_minor });
            }
            "bill.recorded"
        }
    }
}

fn tell(context: &Context, event: &PosEvent, code: &str) -> Result<Step, Failure> {
    if matches!(code, "table.opened" | "table.seated" | "table.freed") {
        websocket::broadcast(&websocket::Audience::staff(), &json!({ "kind": code, "table": event.table }))?;
    }
    let (_, minute) = place::service_now(context)?;
    let reasoning = format!("the point of sale told it of table {} at {}", event.table, hours::clock(minute));
    Ok(Step::new().decide(Verdict::new(code, "floor").reasoning(reasoning)))
}
