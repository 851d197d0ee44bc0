//! Node `remind`: reminds patients of tomorrow's appointments, in the clinic's own time zone. A step gives a hundred actions
//! at most, so the graph runs the node again while there are more.

use clinic::appointments::Appointment;
use clinic::channels::Reminders;
use clinic::{calendar, notices, place};
use signalbox_sdk::prelude::*;

use crate::day::{self, Changed};

/// How many patients one run reminds.
pub const BATCH: usize = 50;

/// An appointment that is due, and where it stands: its place and the decision that made it.
type Due = ((String, String), Appointment);

/// Reminds the next patients.
pub fn run(context: &Context, before: Reminders) -> Result<Step, Failure> {
    let tomorrow = place::now(context)?.date().tomorrow().map_err(Failure::fatal)?;
    let day = tomorrow.to_string();
    let mut due: Vec<Due> = Vec::new();
    for partition in place::partitions(context) {
        let (row, _) = day::read(partition, &day)?;
        let of_place = row.appointments.into_iter().filter(|one| is_due(one, &context.decision_id));
        due.extend(of_place.map(|one| ((partition.to_owned(), one.decision.clone()), one)));
    }
    due.sort_by(|(one, _), (other, _)| one.cmp(other));
    due.retain(|(key, _)| before.after.as_ref().is_none_or(|after| key > after));
    let more = due.len() > BATCH;
    due.truncate(BATCH);

    let mut step = Step::new();
    for ((partition, decision), appointment) in &due {
        let language = appointment.language;
        let (name, doctor) = (calendar::day_name(tomorrow, language), day::doctor(context, &appointment.practitioner)?);
        let phone = phone_of(context, partition)?;
        let text = notices::reminder(&context.business.name, &doctor, &name, appointment.minute, &phone, language);
        let payload = json!({ "kind": "appointment.reminder", "code": place::reference(decision), "text": text });
        step = step.act(Action::notify(format!("user:{}", appointment.patient), payload));
    }
    mark(context, &day, &due)?;

    let sent = before.sent + u32::try_from(due.len()).unwrap_or(u32::MAX);
    let after = due.into_iter().next_back().map(|(key, _)| key).or(before.after);
    info!(day = day, sent = sent, "reminded patients");
    let code = if sent == 0 { "reminders.none" } else { "reminders.sent" };
    let verdict = Verdict::new(code, "reminders")
        .reasoning(format!("{sent} patients are reminded of {day}"))
        .metadata(json!({ "day": day, "sent": sent }));
    Ok(step.update("reminders", &Reminders { after, sent, more })?.decide(verdict))
}

/// Confirmed, and nobody else reminded of it. What this decision marked before a crash, it reminds of again: the host
/// delivers under one key.
fn is_due(appointment: &Appointment, decision: &str) -> bool {
    appointment.is_confirmed() && appointment.reminded_by.as_deref().is_none_or(|by| by == decision)
}

/// Marks them as reminded, place by place, so that a schedule that is run twice reminds once.
fn mark(context: &Context, day: &str, due: &[Due]) -> Result<(), Failure> {
    for partition in place::partitions(context) {
        let here: Vec<&str> = due.iter().filter(|(key, _)| key.0 == partition).map(|(key, _)| key.1.as_str()).collect();
        if here.is_empty() {
            continue;
        }
        day::change(partition, day, |row| {
            for one in row.appointments.iter_mut().filter(|one| here.contains(&one.decision.as_str())) {
                one.reminded_by.get_or_insert_with(|| context.decision_id.clone());
            }
            Ok(Changed::Yes(()))
        })?;
    }
    Ok(())
}

/// The telephone of a place; the business's otherwise.
fn phone_of(context: &Context, partition: &str) -> Result<String, Failure> {
    let place = context.business.locations.iter().find(|location| location.id == partition);
    let own = place.map(|location| location.settings.get::<String>("phone")).transpose()?.flatten();
    Ok(match own {
        Some(own) => own,
        None => place::phone(context)?,
    })
}
