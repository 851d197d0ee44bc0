//! Node `book`: writes the booking, so that no seat is given twice.

use jiff::civil::Date;
use restaurant::channels::Outcome;
use restaurant::tables::Booking;
use restaurant::{calendar, hours, place};
use signalbox_sdk::prelude::*;

use crate::Wish;
use crate::day::{self, Ask};

/// How often the node reads a day again that other decisions change at the same time, before it fails for now.
const ATTEMPTS: u32 = 4;

/// Books the table that `availability` found.
pub fn run(context: &Context, state: &Wish) -> Result<Step, Failure> {
    let (Some(guests), Some(table)) = (state.request.guests, state.table.as_ref().filter(|table| table.free)) else {
        return Err(Failure::invalid("a table is booked only after it was found free"));
    };
    let date: Date = table
        .day
        .parse()
        .map_err(|error| Failure::fatal(format!("the channel `table` holds the day `{}`: {error}", table.day)))?;
    let (hours, rules) = (place::hours(context)?, place::rules(context)?);
    for _attempt in 0..ATTEMPTS {
        let mut read = day::read(context, date)?;
        if let Some(booking) = read.day.made_by(&context.decision_id) {
            return confirm(context, state, date, booking);
        }
        if let Some(booking) = read.day.of_user(place::guest_of(context, &state.request), table.minute, table.until) {
            return Ok(Step::new().update("outcome", &already(state, date, booking))?);
        }
        let seated = day::with_neighbours(context, date, &read.day, &rules)?;
        if !seated.fits(guests, table.minute, table.until, &rules) {
            let now = place::now(context)?;
            let not_before = hours::minutes_since(date, now);
            let (minute, windows, language) = (table.minute, hours.on(date), state.language);
            let ask = Ask { date, guests, minute, windows, not_before, rules: &rules, language };
            return Ok(Step::new().update("outcome", &day::full(&seated, &ask))?);
        }
        let booking = Booking {
            decision: context.decision_id.clone(),
            user: place::guest_of(context, &state.request).to_owned(),
            name: state.request.name.clone(),
            guests,
            minute: table.minute,
            until: table.until,
            cancelled_by: None,
        };
        read.day.bookings.push(booking.clone());
        match day::write(context, date, read) {
            Ok(_version) => return confirm(context, state, date, &booking),
            Err(dynamodb::Error::ConditionFailed) => info!(date = date, "another booking was faster, reading again"),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::retry(format!("{date} was changed by others {ATTEMPTS} times in a row")))
}

fn confirm(context: &Context, state: &Wish, date: Date, booking: &Booking) -> Result<Step, Failure> {
    let record = json!({
        "code": booking.code(),
        "place": place::partition(context),
        "date": hours::calendar_day(date, booking.minute),
        "time": hours::clock(booking.minute),
        "serviceDay": date,
        "guests": booking.guests,
        "name": booking.name,
        "user": booking.user,
    });
    // Only for the staff; the guest gets an answer.
    websocket::broadcast(&websocket::Audience::staff(), &json!({ "kind": "booking.confirmed", "booking": record }))?;
    let reasoning = format!("booked {} guests on {date} at {}", booking.guests, hours::clock(booking.minute));
    let mut data = data(state, date, booking);
    let (other_day, other_night) = other_night(context, state)?;
    if let Some(parameters) = data.as_object_mut() {
        parameters.insert("other_day".to_owned(), other_day.into());
        parameters.insert("other_night".to_owned(), other_night.into());
    }
    let outcome = Outcome::new("booking.confirmed", data, reasoning).settles();
    Ok(Step::new().update("outcome", &outcome)?.act(Action::resource("reservation", record)))
}

/// The other night that `vineri la două noaptea` may mean, if a table is free then; empty otherwise.
fn other_night(context: &Context, state: &Wish) -> Result<(String, String), Failure> {
    let request = &state.request;
    let (Some(date), Some(time), true) = (request.date, request.time, request.either_night && !request.late) else {
        return Ok((String::new(), String::new()));
    };
    let (hours, rules) = (place::hours(context)?, place::rules(context)?);
    let other = hours.service_at(calendar::moment(date, time, true));
    let other = other.filter(|other| other.minute <= rules.last_seating(other.window));
    Ok(other.map(|other| day::day_and_night(other.day, other.minute, state.language)).unwrap_or_default())
}

fn already(state: &Wish, date: Date, booking: &Booking) -> Outcome {
    let reasoning = format!("the guest already has the booking {} at that time", booking.code());
    Outcome::new("booking.already", data(state, date, booking), reasoning).settles()
}

/// The parameters of message models that name a booking.
pub fn data(state: &Wish, date: Date, booking: &Booking) -> Value {
    let (day, night) = day::day_and_night(date, booking.minute, state.language);
    json!({
        "code": booking.code(),
        "day": day,
        "night": night,
        "time": hours::clock(booking.minute),
        "guests": booking.guests,
        "name": booking.name.as_deref().unwrap_or_default(),
    })
}
