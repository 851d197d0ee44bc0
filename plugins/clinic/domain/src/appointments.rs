//! The appointments of one day, and which times are free.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use signalbox_sdk::Moment;

use crate::channels::Slot;
use crate::hours::{Hours, Week};
use crate::request::Request;
use crate::symptoms::Speciality;

/// How a clinic gives appointments, from the setting `appointments`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Rules {
    /// How long an appointment takes, in minutes.
    pub slot_minutes: u32,
    /// How many days ahead one may book.
    pub days_ahead: u32,
    /// How long a slot is held for a patient who was offered it, in minutes.
    pub hold_minutes: u32,
    /// How long before its time a slot can still be taken, in minutes.
    pub notice_minutes: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { slot_minutes: 20, days_ahead: 60, hold_minutes: 15, notice_minutes: 60 }
    }
}

/// A person whom patients see.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Practitioner {
    /// The id, unique in the clinic.
    pub id: String,
    /// The name that patients read.
    pub name: String,
    /// The field of medicine.
    #[serde(default)]
    pub speciality: Speciality,
    /// The practitioner's own hours; without them the clinic's.
    #[serde(default)]
    pub hours: Option<Week>,
}

/// One appointment, or a slot that is held for a patient until they agree.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Appointment {
    /// The decision that held it.
    pub decision: String,
    /// The patient's id.
    pub patient: String,
    /// The name for the appointment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The practitioner's id.
    pub practitioner: String,
    /// The beginning, in minutes since midnight.
    pub minute: u32,
    /// The end.
    pub until: u32,
    /// The patient's language, for the reminder.
    pub language: crate::language::Language,
    /// Until when the slot is held without agreement, in UTC.
    pub held_until: String,
    /// The decision that confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<String>,
    /// The decision that cancelled it. The appointment is kept, so that a repeated decision finds its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<String>,
    /// The decision that reminded the patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded_by: Option<String>,
}

/// All appointments of one day at one place: one row, so that no time is given twice.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Day {
    /// In the order they were made.
    pub appointments: Vec<Appointment>,
}

/// The last minute of a day.
const LAST_MINUTE: u32 = 24 * 60 - 1;

impl Appointment {
    /// Whether the appointment takes its time at a moment: it is confirmed, or still held.
    pub fn stands(&self, now: Moment) -> bool {
        let held = || Moment::parse(&self.held_until).is_some_and(|until| now < until);
        self.cancelled_by.is_none() && (self.confirmed_by.is_some() || held())
    }

    /// Whether the appointment is confirmed.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed_by.is_some() && self.cancelled_by.is_none()
    }

    /// Its time.
    pub fn slot(&self, day: &str) -> Slot {
        let (practitioner, day) = (self.practitioner.clone(), day.to_owned());
        Slot { practitioner, day, minute: self.minute, until: self.until }
    }

    fn is_in(&self, slot: &Slot) -> bool {
        self.practitioner == slot.practitioner && self.minute < slot.until && slot.minute < self.until
    }
}

impl Day {
    /// Whether a practitioner's time is free, for a patient who may hold it already.
    pub fn is_free(&self, slot: &Slot, patient: &str, now: Moment) -> bool {
        let others = |one: &&Appointment| one.patient != patient || one.confirmed_by.is_some();
        !self.appointments.iter().filter(others).any(|one| one.is_in(slot) && one.stands(now))
    }

    /// The patient's held or confirmed appointment at a time.
    pub fn of_patient(&mut self, patient: &str, slot: &Slot, now: Moment) -> Option<&mut Appointment> {
        let own = |one: &&mut Appointment| one.patient == patient && one.is_in(slot) && one.stands(now);
        self.appointments.iter_mut().find(own)
    }

    /// A confirmed appointment of the patient, with any practitioner, that overlaps a time.
    pub fn collision(&self, patient: &str, slot: &Slot) -> Option<&Appointment> {
        let collides = |one: &&Appointment| {
            one.patient == patient && one.is_confirmed() && one.minute < slot.until && slot.minute < one.until
        };
        self.appointments.iter().find(collides)
    }

    /// The free times of a day that fit a request, the earliest first. `earliest` is the first minute that can be
    /// taken.
    pub fn free(&self, ask: &Ask<'_>, now: Moment) -> Vec<Slot> {
        let length = ask.rules.slot_minutes.max(5);
        let mut free = Vec::new();
        for practitioner in ask.practitioners.iter().filter(|one| ask.suits(one)) {
            let own = practitioner.hours.as_ref().map(|week| Hours { week: week.clone(), ..ask.hours.clone() });
            for window in own.as_ref().unwrap_or(ask.hours).on(ask.date) {
                let mut minute = window.from;
                while minute + length <= window.until {
                    let day = ask.date.to_string();
                    let slot = Slot { practitioner: practitioner.id.clone(), day, minute, until: minute + length };
                    // A minute past midnight still belongs to the night that was asked for.
                    let wanted = (ask.request.not_before..ask.request.before).contains(&minute.min(LAST_MINUTE));
                    if minute >= ask.earliest && wanted && self.is_free(&slot, &ask.request.patient, now) {
                        free.push(slot);
                    }
                    minute += length;
                }
            }
        }
        free.sort_by_key(|slot| slot.minute);
        free
    }
}

/// A request for the free times of a day.
pub struct Ask<'a> {
    /// The day.
    pub date: Date,
    /// The patient's request.
    pub request: &'a Request,
    /// The clinic's hours.
    pub hours: &'a Hours,
    /// The practitioners who work there.
    pub practitioners: &'a [Practitioner],
    /// How appointments are given.
    pub rules: &'a Rules,
    /// The first minute of the day that can be taken.
    pub earliest: u32,
}

impl Ask<'_> {
    /// Whether the request may be for this practitioner; a request without a field is for general practitioners.
    fn suits(&self, practitioner: &Practitioner) -> bool {
        match (&self.request.practitioner, self.request.speciality) {
            (Some(wanted), _) => *wanted == practitioner.id,
            (None, field) => practitioner.speciality == self.field(field),
        }
    }

    /// A field that no practitioner of the clinic has is replaced by general medicine.
    fn field(&self, wanted: Option<Speciality>) -> Speciality {
        let known = |field: &Speciality| self.practitioners.iter().any(|one| one.speciality == *field);
        wanted.filter(known).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    fn now() -> Moment {
        Moment::parse("2026-11-25T13:30:00.000Z").unwrap()
    }

    fn held(patient: &str, practitioner: &str, minute: u32, until: &str) -> Appointment {
        serde_json::from_value(json!({
            "decision": format!("dec_{patient}"), "patient": patient, "practitioner": practitioner,
            "minute": minute, "until": minute + 20, "language": "ro", "heldUntil": until,
        }))
        .unwrap()
    }

    fn free(day: &Day, request: Request) -> Vec<(String, u32)> {
        let week = json!({ "thursday": ["08:00-09:00"] });
        let hours = Hours { week: serde_json::from_value(week).unwrap(), ..Hours::default() };
        let practitioners: Vec<Practitioner> = serde_json::from_value(json!([
            { "id": "ionescu", "name": "Ionescu" },
            { "id": "marin", "name": "Marin", "speciality": "dermatology", "hours": { "thursday": ["10:00-10:40"] } },
        ]))
        .unwrap();
        let (rules, date) = (Rules::default(), date(2026, 11, 26));
        let (hours, practitioners, request) = (&hours, &practitioners[..], &request);
        let ask = Ask { date, request, hours, practitioners, rules: &rules, earliest: 490 };
        day.free(&ask, now()).into_iter().map(|slot| (slot.practitioner, slot.minute)).collect()
    }

    fn request(speciality: Option<Speciality>) -> Request {
        Request { patient: "ana".into(), before: 1440, speciality, ..Request::default() }
    }

    #[test]
    fn only_free_times_of_the_right_field_are_found() {
        assert_eq!(free(&Day::default(), request(None)), [("ionescu".into(), 500), ("ionescu".into(), 520)]);
        let skin = free(&Day::default(), request(Some(Speciality::Dermatology)));
        assert_eq!(skin, [("marin".into(), 600), ("marin".into(), 620)], "a practitioner's own hours");
        let heart = free(&Day::default(), request(Some(Speciality::Cardiology)));
        assert_eq!(heart.len(), 2, "nobody works in that field, so who sees everyone does");
    }

    #[test]
    fn a_held_time_is_taken_for_others_until_the_hold_is_over() {
        let day = Day { appointments: vec![held("ion", "ionescu", 500, "2026-11-25T13:40:00.000Z")] };
        assert_eq!(free(&day, request(None)), [("ionescu".into(), 520)]);
        let day = Day { appointments: vec![held("ion", "ionescu", 500, "2026-11-25T13:30:00.000Z")] };
        assert_eq!(free(&day, request(None)).len(), 2);
        let day = Day { appointments: vec![held("ana", "ionescu", 500, "2026-11-25T13:40:00.000Z")] };
        assert_eq!(free(&day, request(None)).len(), 2, "one's own hold is in nobody's way");
    }

    #[test]
    fn a_confirmed_time_is_taken_for_everyone_until_it_is_called_off() {
        let mut one = held("ana", "ionescu", 500, "2026-11-25T13:00:00.000Z");
        one.confirmed_by = Some("dec_2".into());
        assert_eq!(free(&Day { appointments: vec![one.clone()] }, request(None)).len(), 1);
        one.cancelled_by = Some("dec_3".into());
        assert_eq!(free(&Day { appointments: vec![one] }, request(None)).len(), 2);
    }

    #[test]
    fn nobody_is_in_two_rooms_at_once() {
        let mut one = held("ana", "marin", 500, "2026-11-25T13:00:00.000Z");
        one.confirmed_by = Some("dec_2".into());
        let day = Day { appointments: vec![one] };
        let slot = Slot { practitioner: "ionescu".into(), day: "2026-11-26".into(), minute: 510, until: 530 };
        assert!(day.collision("ana", &slot).is_some());
        assert!(day.collision("ion", &slot).is_none());
    }
}
