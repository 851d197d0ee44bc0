//! Node `remind`: reminds patients of tomorrow's appointments, in the clinic's own time zone. A step has a hundred
//! actions at most, so the graph runs the node again while there are more.

use clinic::appointments::Appointment;
use clinic::channels::Reminders;
use clinic::{calendar, hours, notices, place};
use jiff::civil::Date;
use signalbox_sdk::prelude::*;

use crate::day::{self, Changed};

/// How many patients one run reminds.
pub const BATCH: usize = 50;

/// An appointment to remind of, its key (place and the decision that made it), and the day of its row.
type Due = ((String, String), Date, Appointment);

/// Reminds the next patients.
pub fn run(context: &Context, before: Reminders) -> Result<Step, Failure> {
    let today = place::now(context)?.date();
    let tomorrow = today.tomorrow().map_err(Failure::fatal)?;
    let day = tomorrow.to_string();
    // A time that is tomorrow by the calendar may belong to the night that begins today.
    let mut rows = vec![tomorrow];
    if day::goes_on_past_midnight(context, today)? {
        rows.push(today);
    }
    let mut due: Vec<Due> = Vec::new();
    for partition in place::partitions(context) {
        for row in &rows {
            let (read, _) = day::read(partition, &row.to_string())?;
            let is_due = |one: &Appointment| {
                is_due(one, &context.decision_id) && hours::calendar_day(*row, one.minute) == tomorrow
            };
            let of_place = read.appointments.into_iter().filter(is_due);
            due.extend(of_place.map(|one| ((partition.to_owned(), one.decision.clone()), *row, one)));
        }
    }
    due.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    due.retain(|(key, ..)| before.after.as_ref().is_none_or(|after| key > after));
    let more = due.len() > BATCH;
    due.truncate(BATCH);

    let mut step = Step::new();
    for ((partition, decision), _, appointment) in &due {
        let language = appointment.language;
        let (name, doctor) = (calendar::day_name(tomorrow, language), day::doctor(context, &appointment.practitioner)?);
        let phone = phone_of(context, partition)?;
        let text = notices::reminder(&context.business.name, &doctor, &name, appointment.minute, &phone, language);
        let payload = json!({ "kind": "appointment.reminder", "code": place::reference(decision), "text": text });
        step = step.act(Action::notify(format!("user:{}", appointment.patient), payload));
    }
    for row in &rows {
        mark(context, *row, &due)?;
    }

    let sent = before.sent + u32::try_from(due.len()).unwrap_or(u32::MAX);
    let after = due.into_iter().next_back().map(|(key, ..)| key).or(before.after);
    info!(day = day, sent = sent, "reminded patients");
    let code = if sent == 0 { "reminders.none" } else { "reminders.sent" };
    let verdict = Verdict::new(code, "reminders")
        .reasoning(format!("{sent} patients are reminded of {day}"))
        .metadata(json!({ "day": day, "sent": sent }));
    Ok(step.update("reminders", &Reminders { after, sent, more })?.decide(verdict))
}

/// Whether the appointment is confirmed and no other decision has sent its reminder. A repeated decision sends its
/// reminders again: the host delivers each under the same key once.
fn is_due(appointment: &Appointment, decision: &str) -> bool {
    appointment.is_confirmed() && appointment.reminded_by.as_deref().is_none_or(|by| by == decision)
}

/// Marks the appointments as reminded, place by place, so that a schedule that runs twice reminds once.
fn mark(context: &Context, day: Date, due: &[Due]) -> Result<(), Failure> {
    for partition in place::partitions(context) {
        let here = due.iter().filter(|(key, row, _)| key.0 == partition && *row == day);
        let here: Vec<&str> = here.map(|(key, ..)| key.1.as_str()).collect();
        if here.is_empty() {
            continue;
        }
        day::change(partition, &day.to_string(), |row| {
            for one in row.appointments.iter_mut().filter(|one| here.contains(&one.decision.as_str())) {
                one.reminded_by.get_or_insert_with(|| context.decision_id.clone());
            }
            Ok(Changed::Yes(()))
        })?;
    }
    Ok(())
}

/// The telephone of a place; without one the business's.
fn phone_of(context: &Context, partition: &str) -> Result<String, Failure> {
    let place = context.business.locations.iter().find(|location| location.id == partition);
    let own = place.map(|location| location.settings.get::<String>("phone")).transpose()?.flatten();
    Ok(match own {
        Some(own) => own,
        None => place::phone(context)?,
    })
}
