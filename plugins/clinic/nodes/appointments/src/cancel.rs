//! Node `cancel`: cancels an appointment of the patient.

use clinic::appointments::{Appointment, Day};
use clinic::channels::Outcome;
use clinic::{hours, place};
use signalbox_sdk::dynamodb::Range;
use signalbox_sdk::prelude::*;

use crate::day::{self, Changed, TABLE, Wish};

/// Cancels the one appointment that the patient means.
pub fn run(wish: &Wish<'_>) -> Result<Step, Failure> {
    let context = wish.context;
    let found = of_patient(wish)?;
    let done_here = |one: &&(String, Appointment)| one.1.cancelled_by.as_ref() == Some(&context.decision_id);
    if let Some((day, done)) = found.iter().find(done_here) {
        return tell(wish, day, done);
    }
    let minute = wish.request.time.map(hours::minute_of);
    let is_on = |day: &str, one: &Appointment| {
        wish.request.date.is_none_or(|date| day::calendar_day(day, one.minute).is_ok_and(|own| own == date))
    };
    let meant: Vec<&(String, Appointment)> = found
        .iter()
        .filter(|(_, one)| one.is_confirmed())
        .filter(|(day, one)| is_on(day, one))
        .filter(|(_, one)| minute.is_none_or(|minute| minute == one.minute % (24 * 60)))
        .collect();
    let (day, appointment) = match meant.as_slice() {
        [] => {
            let outcome = Outcome::new("appointment.none-found", json!({}), "the patient has no such appointment");
            return Ok(Step::new().update("outcome", &outcome)?);
        }
        [only] => only,
        several => {
            let list = several.iter().map(|(day, one)| wish.appointment(day, one)).collect::<Result<Vec<_>, _>>()?;
            let reasoning = format!("the patient has {} appointments and named none", list.len());
            let outcome = Outcome::new("appointment.which", json!({ "appointments": list }), reasoning);
            return Ok(Step::new().update("outcome", &outcome)?);
        }
    };
    let called_off = day::change(place::partition(context), day, |row| {
        let same = |one: &&mut Appointment| one.decision == appointment.decision && one.cancelled_by.is_none();
        let Some(one) = row.appointments.iter_mut().find(same) else { return Ok(Changed::No(None)) };
        one.cancelled_by = Some(context.decision_id.clone());
        Ok(Changed::Yes(Some(one.clone())))
    })?;
    match called_off {
        Some(one) => tell(wish, day, &one),
        None => Err(Failure::retry("the appointment was changed meanwhile")),
    }
}

/// Every appointment of the patient from now on, also cancelled ones, with its day.
fn of_patient(wish: &Wish<'_>) -> Result<Vec<(String, Appointment)>, Failure> {
    let now = place::now(wish.context)?;
    // Yesterday's row may hold appointments after midnight.
    let first = now.date().yesterday().unwrap_or(now.date()).to_string();
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut range = Range::all().from(first.as_str());
        if let Some(cursor) = cursor {
            range = range.after(cursor);
        }
        let page = dynamodb::query::<Day>(TABLE, place::partition(wish.context), range)?;
        for row in page.rows {
            let since = row.sort.parse().map_or(0, |day| hours::minutes_since(day, now));
            let to_come = |one: &Appointment| one.patient == wish.request.patient && one.until > since;
            let own = row.item.appointments.into_iter().filter(to_come);
            found.extend(own.map(|one| (row.sort.clone(), one)));
        }
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(found),
        }
    }
}

fn tell(wish: &Wish<'_>, day: &str, appointment: &Appointment) -> Result<Step, Failure> {
    let record = wish.record(day, appointment)?;
    let staff = websocket::Audience::with_permission("review");
    websocket::broadcast(&staff, &json!({ "kind": "appointment.cancelled", "appointment": record }))?;
    let reasoning = format!("called off the appointment {} on {day}", place::reference(&appointment.decision));
    let data = wish.appointment(day, appointment)?;
    Ok(Step::new()
        .update("outcome", &Outcome::new("appointment.cancelled", data, reasoning))?
        .act(Action::resource("appointment", record)))
}
