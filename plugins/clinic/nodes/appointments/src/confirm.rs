//! Node `confirm`: confirms the held time for the patient.

use clinic::appointments::Appointment;
use clinic::channels::{Found, Outcome};
use clinic::{hours, place};
use signalbox_sdk::prelude::*;

use crate::day::{self, Changed, Wish};

/// Confirms the time that `hold` holds.
pub fn run(wish: &Wish<'_>, slot: Found) -> Result<Step, Failure> {
    let context = wish.context;
    let ((slot, _), now) = (day::found(slot)?, context.now()?);
    let confirmed = day::change(place::partition(context), &slot.day, |day| {
        let done_here = |one: &&Appointment| one.confirmed_by.as_ref() == Some(&context.decision_id);
        if let Some(own) = day.appointments.iter().find(done_here) {
            return Ok(Changed::No(Some(own.clone())));
        }
        let Some(own) = day.of_patient(&wish.request.patient, &slot, now) else { return Ok(Changed::No(None)) };
        own.confirmed_by = Some(context.decision_id.clone());
        Ok(Changed::Yes(Some(own.clone())))
    })?;
    let Some(appointment) = confirmed else {
        let why = "the time was no longer held".to_owned();
        return day::without_slot(&wish.taken(&slot.day, slot.minute, &[], why)?);
    };
    let record = wish.record(&slot.day, &appointment)?;
    let staff = websocket::Audience::with_permission("review");
    websocket::broadcast(&staff, &json!({ "kind": "appointment.confirmed", "appointment": record }))?;
    let reasoning = format!("confirmed {} at {}", slot.day, hours::clock(slot.minute));
    let data = wish.appointment(&slot.day, &appointment)?;
    Ok(Step::new()
        .update("outcome", &Outcome::new("appointment.confirmed", data, reasoning))?
        .act(Action::resource("appointment", record)))
}
