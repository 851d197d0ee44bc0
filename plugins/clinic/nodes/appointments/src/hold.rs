//! Node `hold`: keeps the time for the patient until they answer.

use std::time::Duration;

use clinic::appointments::Appointment;
use clinic::channels::{Found, Outcome};
use clinic::{hours, place};
use signalbox_sdk::prelude::*;

use crate::day::{self, Changed, Wish};

/// Holds the time that `find` found.
pub fn run(wish: &Wish<'_>, slot: Found) -> Result<Step, Failure> {
    let context = wish.context;
    let ((slot, firm), now, rules) = (day::found(slot)?, context.now()?, place::rules(context)?);
    let until = now.plus(Duration::from_secs(u64::from(rules.hold_minutes) * 60));
    let patient = wish.request.patient.as_str();
    let refused = day::change(place::partition(context), &slot.day, |day| {
        let made_here = |one: &Appointment| {
            one.decision == context.decision_id || one.confirmed_by.as_ref() == Some(&context.decision_id)
        };
        if day.appointments.iter().any(made_here) {
            return Ok(Changed::No(None));
        }
        if let Some(other) = day.collision(patient, &slot) {
            let reasoning = format!("the patient has the appointment {} then", place::reference(&other.decision));
            let data = wish.appointment(&slot.day, other)?;
            return Ok(Changed::No(Some(Outcome::new("appointment.already", data, reasoning))));
        }
        if !day.is_free(&slot, patient, now) {
            let why = "somebody else was faster".to_owned();
            return Ok(Changed::No(Some(wish.taken(&slot.day, slot.minute, &[], why)?)));
        }
        if let Some(own) = day.of_patient(patient, &slot, now)
            && own.minute == slot.minute
        {
            own.held_until = until.to_string();
            return Ok(Changed::Yes(None));
        }
        // A patient who looks at several times holds only the last one.
        day.appointments.retain(|one| one.patient != patient || one.confirmed_by.is_some());
        day.appointments.push(Appointment {
            decision: context.decision_id.clone(),
            patient: patient.to_owned(),
            name: wish.request.name.clone(),
            practitioner: slot.practitioner.clone(),
            minute: slot.minute,
            until: slot.until,
            language: wish.language,
            held_until: until.to_string(),
            confirmed_by: None,
            cancelled_by: None,
            reminded_by: None,
        });
        Ok(Changed::Yes(None))
    })?;
    if let Some(outcome) = refused {
        return day::without_slot(&outcome);
    }
    let step = Step::new().update("slot", &Found { found: true, held: true, firm, slot: Some(slot.clone()) })?;
    if firm {
        return Ok(step);
    }
    let mut data = wish.data(&slot)?;
    if let Some(fields) = data.as_object_mut() {
        fields.insert("minutes".to_owned(), rules.hold_minutes.into());
    }
    let reasoning = format!("held {} at {} until {until}", slot.day, hours::clock(slot.minute));
    Ok(step.update("outcome", &Outcome::new("appointment.offered", data, reasoning).offers(slot))?)
}
