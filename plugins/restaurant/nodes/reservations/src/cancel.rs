//! Node `cancel`: cancels a booking of the guest.

use jiff::civil::Date;
use restaurant::channels::Outcome;
use restaurant::hours;
use restaurant::place;
use restaurant::tables::{Booking, Day};
use signalbox_sdk::dynamodb::{Condition, Range, Row};
use signalbox_sdk::prelude::*;

use crate::day::{self, Read, TABLE};
use crate::{Wish, book};

/// A booking and its day.
struct Found {
    date: Date,
    booking: Booking,
    row: Row<Day>,
}

/// Cancels the one booking that the guest means.
pub fn run(context: &Context, state: &Wish) -> Result<Step, Failure> {
    let found = bookings_of_guest(context, place::guest_of(context, &state.request))?;
    if let Some(done) = found.iter().find(|found| found.booking.cancelled_by.as_ref() == Some(&context.decision_id)) {
        return confirm(context, state, done);
    }
    let request = &state.request;
    let minute = request.time.map(hours::minute_of);
    let standing = || {
        found
            .iter()
            .filter(|found| found.booking.cancelled_by.is_none())
            .filter(|found| minute.is_none_or(|minute| minute == found.booking.minute % (24 * 60)))
    };
    let day = request.moment().map(|moment| moment.date()).or(request.date);
    let on = |found: &Found| hours::calendar_day(found.date, found.booking.minute);
    let mut meant: Vec<&Found> = standing().filter(|found| day.is_none_or(|day| day == on(found))).collect();
    if meant.is_empty() {
        // `The one on Friday` may be a booking after midnight in Friday's service.
        meant = standing().filter(|found| request.date == Some(found.date)).collect();
    }
    let Some(only) = meant.pop() else {
        let reasoning = "the guest has no such booking to come";
        return Ok(Step::new().update("outcome", &Outcome::new("booking.none-found", json!({}), reasoning))?);
    };
    if !meant.is_empty() {
        meant.push(only);
        let bookings: Vec<Value> = meant.iter().map(|found| book::data(state, found.date, &found.booking)).collect();
        let reasoning = format!("the guest has {} bookings to come and named none", bookings.len());
        let outcome = Outcome::new("booking.which", json!({ "bookings": bookings }), reasoning);
        return Ok(Step::new().update("outcome", &outcome)?);
    }
    call_off(context, only)?;
    confirm(context, state, only)
}

/// Every booking of the guest from yesterday's service on, which may still run, also cancelled ones.
fn bookings_of_guest(context: &Context, guest: &str) -> Result<Vec<Found>, Failure> {
    let now = place::now(context)?;
    let first = now.date().yesterday().unwrap_or(now.date());
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let mut range = Range::all().from(first.to_string());
        if let Some(cursor) = cursor {
            range = range.after(cursor);
        }
        let page = dynamodb::query::<Day>(TABLE, place::partition(context), range)?;
        for row in page.rows {
            let Ok(date) = row.sort.parse::<Date>() else { continue };
            let to_come = |booking: &&Booking| {
                let over = booking.until <= hours::minutes_since(date, now);
                booking.user == guest && !over
            };
            let own: Vec<Booking> = row.item.bookings.iter().filter(to_come).cloned().collect();
            found.extend(own.into_iter().map(|booking| Found { date, booking, row: row.clone() }));
        }
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(found),
        }
    }
}

/// Marks the booking as cancelled under the version that was read; after a concurrent change the node runs again.
fn call_off(context: &Context, found: &Found) -> Result<(), Failure> {
    let mut day = found.row.item.clone();
    for booking in day.bookings.iter_mut().filter(|booking| booking.decision == found.booking.decision) {
        booking.cancelled_by = Some(context.decision_id.clone());
    }
    day::write(context, found.date, Read { day, condition: Condition::Version(found.row.version) })?;
    Ok(())
}

fn confirm(context: &Context, state: &Wish, found: &Found) -> Result<Step, Failure> {
    let Found { date, booking, .. } = found;
    let record = json!({
        "code": booking.code(),
        "place": place::partition(context),
        "date": hours::calendar_day(*date, booking.minute),
        "time": hours::clock(booking.minute),
        "serviceDay": date,
        "cancelled": true,
    });
    websocket::broadcast(&websocket::Audience::staff(), &json!({ "kind": "booking.cancelled", "booking": record }))?;
    let reasoning = format!("called off the booking {} on {date}", booking.code());
    let outcome = Outcome::new("booking.cancelled", book::data(state, *date, booking), reasoning).settles();
    Ok(Step::new().update("outcome", &outcome)?.act(Action::resource("reservation", record)))
}
