//! Node `availability`: checks whether the party fits, without writing anything.

use jiff::Span;
use jiff::civil::DateTime;
use restaurant::booking::Detail;
use restaurant::channels::{Outcome, Table};
use restaurant::hours::{self, Hours, Service};
use restaurant::tables::Rules;
use restaurant::{calendar, place, zone};
use signalbox_sdk::prelude::*;

use crate::Wish;
use crate::day::{self, Ask};

/// Looks for a table.
pub fn run(context: &Context, state: &Wish) -> Result<Step, Failure> {
    let (Some(guests), Some(asked)) = (state.request.guests, state.request.moment()) else {
        return Err(Failure::invalid("a table is looked for only when party, day and time are known"));
    };
    let (now, hours, rules) = (place::now(context)?, place::hours(context)?, place::rules(context)?);
    if !zone::shows(context.timezone(), asked) {
        let reasoning = format!("the clocks of {} never show {asked}", context.timezone());
        let data = json!({
            "day": calendar::day_name(asked.date(), state.language),
            "time": hours::clock(hours::minute_of(asked.time())),
        });
        return refuse(&Outcome::new("booking.skipped-hour", data, reasoning).awaits(Detail::Time));
    }
    if guests > rules.largest_party {
        return large_party(context, state, guests, asked, &rules);
    }
    if let Some(outcome) = not_in_time(state, asked, now, &rules) {
        return refuse(&outcome);
    }
    let Some(service) = service_or_its_end(&hours, asked) else {
        return refuse(&closed(state, asked, &hours));
    };
    let last = rules.last_seating(service.window);
    if service.minute > last || service.minute >= service.window.until {
        let data = json!({
            "day": calendar::day_name(hours::calendar_day(service.day, last), state.language),
            "time": hours::clock(service.minute),
            "last": hours::clock(last),
        });
        let reasoning = format!("{} is after the last seating at {}", hours::clock(service.minute), hours::clock(last));
        let too_late = Outcome::new("booking.too-late", data, reasoning);
        return refuse(&too_late.awaits(Detail::Time).of_service(service.day));
    }
    look(context, state, guests, service, now, &hours, &rules)
}

fn look(
    context: &Context,
    state: &Wish,
    guests: u32,
    service: Service,
    now: DateTime,
    hours: &Hours,
    rules: &Rules,
) -> Result<Step, Failure> {
    let Service { day: date, minute, .. } = service;
    let until = minute + rules.stay_minutes;
    let day = day::read(context, date)?.day;
    let own = day.made_by(&context.decision_id).is_some();
    let day = day::with_neighbours(context, date, &day, rules)?;
    if own || day.fits(guests, minute, until, rules) {
        let table = Table { free: true, day: date.to_string(), minute, until };
        let taken = day.most_guests(minute, until);
        let note = format!("{taken} of {} seats are taken on {date} at {}", rules.seats, hours::clock(minute));
        return Ok(Step::new().update("table", &table)?.update("notes", &note)?);
    }
    let not_before = hours::minutes_since(date, now);
    let ask = Ask { date, guests, minute, windows: hours.on(date), not_before, rules, language: state.language };
    refuse(&day::full(&day, &ask))
}

fn refuse(outcome: &Outcome) -> Result<Step, Failure> {
    Ok(Step::new().update("table", &Table::default())?.update("outcome", outcome)?)
}

/// A party that a person must seat: the request goes to review.
fn large_party(context: &Context, state: &Wish, guests: u32, asked: DateTime, rules: &Rules) -> Result<Step, Failure> {
    let request = json!({
        "user": place::guest_of(context, &state.request),
        "guests": guests,
        "date": asked.date(),
        "time": hours::clock(hours::minute_of(asked.time())),
        "name": state.request.name,
    });
    let data = json!({
        "guests": guests,
        "largest": rules.largest_party,
        "day": calendar::day_name(asked.date(), state.language),
        "time": hours::clock(hours::minute_of(asked.time())),
    });
    let reasoning = format!("{guests} guests are more than the {} that book without asking", rules.largest_party);
    let outcome = Outcome::new("booking.large-party", data, reasoning).needs_review().settles();
    Ok(refuse(&outcome)?.act(Action::resource("large-party", request)))
}

fn not_in_time(state: &Wish, asked: DateTime, now: DateTime, rules: &Rules) -> Option<Outcome> {
    let latest = now.date().checked_add(Span::new().days(i64::from(rules.days_ahead.min(3_650)))).ok()?;
    let data = |days_ahead: u32| {
        json!({
            "day": calendar::day_name(asked.date(), state.language),
            "time": hours::clock(hours::minute_of(asked.time())),
            "days_ahead": days_ahead,
        })
    };
    if asked < now {
        let reasoning = format!("{asked} is over, it is {now}");
        return Some(Outcome::new("booking.past", data(rules.days_ahead), reasoning).awaits(Detail::Time));
    }
    if asked.date() > latest {
        let reasoning = format!("{} is more than {} days ahead", asked.date(), rules.days_ahead);
        return Some(Outcome::new("booking.too-early", data(rules.days_ahead), reasoning).awaits(Detail::Date));
    }
    None
}

/// The service at a moment, also at its closing time: a guest who asks for that comes too late, but not on a closed
/// day.
pub fn service_or_its_end(hours: &Hours, asked: DateTime) -> Option<Service> {
    hours.service_at(asked).or_else(|| {
        let before = hours.service_at(asked.checked_sub(Span::new().minutes(1)).ok()?)?;
        let end = Service { minute: before.minute + 1, ..before };
        if end.minute == end.window.until { Some(end) } else { None }
    })
}

/// The outcome "closed", with the day as the guest named it. An hour after midnight may be meant of the night before or
/// after that day: where the other one is open, the guest is told how to say it.
fn closed(state: &Wish, asked: DateTime, hours: &Hours) -> Outcome {
    let (request, language) = (&state.request, state.language);
    let date = request.date.unwrap_or(asked.date());
    let of_day = place::day_facts(date, hours.on(date), language);
    let next = date.tomorrow().ok().and_then(|tomorrow| hours.next_open_day(tomorrow));
    let next = next.map(|next| place::day_facts(next, hours.on(next), language));
    let other = request.time.map(|time| calendar::moment(date, time, !request.late)).filter(|other| *other != asked);
    let other = other.and_then(|other| service_or_its_end(hours, other));
    let closed_all_day = of_day.windows.is_empty();
    let time = hours::clock(hours::minute_of(asked.time()));
    let reasoning = format!("closed on {} at {time}", asked.date());
    let (other_day, other_night) =
        other.map(|other| day::day_and_night(other.day, other.minute, language)).unwrap_or_default();
    let data = json!({
        "day": of_day.name,
        "time": time,
        "windows": of_day.windows,
        "next_day": next.as_ref().map(|next| next.name.clone()).unwrap_or_default(),
        "next_windows": next.map(|next| next.windows).unwrap_or_default(),
        "other_day": other_day,
        "other_night": other_night,
    });
    let awaited = if closed_all_day && other.is_none() { Detail::Date } else { Detail::Time };
    Outcome::new("booking.closed", data, reasoning).awaits(awaited)
}
