//! The appointment that a message or a request over the API asks for.

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

use crate::appointments::Practitioner;
use crate::calendar::{self, DayPart};
use crate::channels::{Awaited, Conversation, Slot};
use crate::hours::{self, Hours};
use crate::intent;
use crate::language::Language;
use crate::symptoms::Speciality;
use crate::text::{self, contains, words};

/// Channel `request`: the patient's request.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Request {
    /// The patient's id.
    pub patient: String,
    /// The name for the appointment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The practitioner's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub practitioner: Option<String>,
    /// The wanted field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speciality: Option<Speciality>,
    /// The wanted day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// The wanted time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// A day or time that does not exist, as the patient wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
    /// The first minute of the wanted part of the day.
    #[serde(default)]
    pub not_before: u32,
    /// The minute at which the wanted part of the day ends.
    #[serde(default = "whole_day")]
    pub before: u32,
    /// The held slot to which the patient agrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Slot>,
    /// Exactly this time or none, without a question: for programs.
    #[serde(default)]
    pub firm: bool,
    /// Only list the free times.
    #[serde(default)]
    pub list: bool,
}

fn whole_day() -> u32 {
    24 * 60
}

/// A program's request, as the data of an API request.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiRequest {
    /// The action.
    pub action: ApiAction,
    /// The patient's id; without it the sender.
    #[serde(default)]
    pub patient: Option<String>,
    /// The name for the appointment.
    #[serde(default)]
    pub name: Option<String>,
    /// The practitioner's id.
    #[serde(default)]
    pub practitioner: Option<String>,
    /// The field.
    #[serde(default)]
    pub speciality: Option<Speciality>,
    /// The day.
    #[serde(default)]
    pub date: Option<Date>,
    /// The time.
    #[serde(default)]
    pub time: Option<Time>,
    /// The language of the answer.
    #[serde(default)]
    pub language: Option<Language>,
}

/// The actions that a program may request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum ApiAction {
    /// An appointment at an exact time.
    Book,
    /// Cancel an appointment.
    Cancel,
    /// List the free times.
    Slots,
}

/// Reads a patient's message together with the conversation so far.
pub fn read(
    text: &str,
    now: DateTime,
    hours: &Hours,
    practitioners: &[Practitioner],
    before: &Conversation,
    patient: &str,
) -> Request {
    let words = words(text);
    let when = calendar::read_words(&words, now);
    let named = practitioners.iter().find(|practitioner| {
        let surname = text::words(practitioner.name.split_whitespace().next_back().unwrap_or_default());
        let surname: Vec<&str> = surname.iter().map(|word| word.folded.as_str()).collect();
        !surname.is_empty() && contains(&words, &surname.join(" "))
    });
    let field = FIELDS.iter().find(|(_, sign)| contains(&words, sign)).map(|(speciality, _)| *speciality);
    let time = when.time.map(|said| {
        let day = when.date.unwrap_or(now.date());
        said.resolve(|time| hours.service_at(calendar::moment(day, time, when.late)).is_some())
    });
    // The calendar's date: `vineri la 24:00` is on Saturday.
    let date = when.date.map(|day| time.map_or(day, |time| calendar::moment(day, time, when.late).date()));
    let (not_before, until) = match when.part {
        Some(DayPart::Morning) => (0, 12 * 60),
        Some(DayPart::Afternoon) => (12 * 60, 18 * 60),
        Some(DayPart::Evening | DayPart::Night) => (16 * 60, whole_day()),
        None => (0, whole_day()),
    };
    let says_when = when.says_something();
    let agrees = before.awaited == Some(Awaited::Agreement) && intent::agrees(&words) && !says_when;
    // `La 10` alone, after an offer, refers to the day of the offer.
    let offered_day = before
        .offer
        .as_ref()
        .and_then(|offer| offer.day.parse().ok().map(|day| hours::calendar_day(day, offer.minute)));
    Request {
        patient: patient.to_owned(),
        name: None,
        practitioner: named.map(|practitioner| practitioner.id.clone()),
        speciality: field.or(if named.is_none() { before.speciality } else { None }),
        date: date.or(if time.is_some() { offered_day } else { None }),
        time,
        impossible: when.impossible.or(when.impossible_time),
        not_before,
        before: until,
        agreed: before.offer.clone().filter(|_| agrees),
        firm: false,
        list: false,
    }
}

const FIELDS: [(Speciality, &str); 12] = [
    (Speciality::Cardiology, "cardiolog*"),
    (Speciality::Dermatology, "dermatolog*"),
    (Speciality::Ent, "orl"),
    (Speciality::Ent, "ent"),
    (Speciality::Neurology, "neurolog*"),
    (Speciality::Orthopaedics, "ortoped*"),
    (Speciality::Orthopaedics, "orthop*"),
    (Speciality::Paediatrics, "pediatr*"),
    (Speciality::Paediatrics, "paediatr*"),
    (Speciality::General, "medic de familie"),
    (Speciality::General, "medicina generala"),
    (Speciality::General, "general practitioner"),
];

/// Why a program's request is refused: the last part of the decision code, and a text for the program's author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `invalid` or `forbidden`.
    pub kind: &'static str,
    /// What is wrong and how to correct it.
    pub reason: String,
}

/// Checks a program's request. `sender` may ask for themselves, and for others only with `for_others`.
pub fn of_program(
    request: &ApiRequest,
    sender: Option<&str>,
    for_others: bool,
    practitioners: &[Practitioner],
) -> Result<Request, Refusal> {
    let invalid = |reason: &str| Err(Refusal { kind: "invalid", reason: reason.to_owned() });
    let patient = match (request.patient.as_deref().or(sender), sender) {
        (None, _) => return invalid("`patient` is missing: name who comes"),
        (Some(""), _) => return invalid("`patient` is empty: name who comes"),
        (Some(patient), Some(sender)) if patient != sender && !for_others => {
            let reason = format!("`{sender}` may not act for `{patient}` without the permission `appointments`");
            return Err(Refusal { kind: "forbidden", reason });
        }
        (Some(patient), _) => patient,
    };
    if let Some(wanted) = &request.practitioner
        && practitioners.iter().all(|known| known.id != *wanted)
    {
        return invalid(&format!("there is no practitioner `{wanted}`"));
    }
    if request.action == ApiAction::Book && (request.date.is_none() || request.time.is_none()) {
        return invalid("`book` takes `date` (2026-11-26) and `time` (10:20)");
    }
    Ok(Request {
        patient: patient.to_owned(),
        name: request.name.as_deref().map(text::composed),
        practitioner: request.practitioner.clone(),
        speciality: request.speciality,
        date: request.date,
        time: request.time,
        impossible: None,
        not_before: 0,
        before: whole_day(),
        agreed: None,
        firm: true,
        list: request.action == ApiAction::Slots,
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};
    use serde_json::json;

    use super::*;

    fn doctors() -> Vec<Practitioner> {
        serde_json::from_value(json!([
            { "id": "ionescu", "name": "dr. Ana Ionescu" },
            { "id": "marin", "name": "dr. Vlad Marin", "speciality": "dermatology" },
        ]))
        .unwrap()
    }

    /// A Wednesday afternoon, the clinic open from eight to six.
    fn first(text: &str, before: &Conversation) -> Request {
        let week = json!({ "wednesday": ["08:00-18:00"], "thursday": ["08:00-18:00"], "friday": ["08:00-18:00"] });
        let hours = Hours { week: serde_json::from_value(week).unwrap(), ..Hours::default() };
        read(text, date(2026, 11, 25).at(15, 0, 0, 0), &hours, &doctors(), before, "ana")
    }

    #[test]
    fn who_when_and_in_which_field_are_read() {
        let request = first("Aș vrea o programare la dermatolog joi la 10", &Conversation::default());
        assert_eq!(request.speciality, Some(Speciality::Dermatology));
        assert_eq!((request.date, request.time), (Some(date(2026, 11, 26)), Some(time(10, 0, 0, 0))));
        let request = first("appointment with Dr. Ionescu tomorrow morning", &Conversation::default());
        assert_eq!(request.practitioner.as_deref(), Some("ionescu"));
        assert_eq!((request.not_before, request.before, request.time), (0, 720, None));
    }

    #[test]
    fn a_night_has_the_date_of_the_calendar_and_what_does_not_exist_is_kept_as_it_was_said() {
        let of = |text: &str| first(text, &Conversation::default());
        let request = of("o programare vineri la 24:00");
        assert_eq!((request.date, request.time), (Some(date(2026, 11, 28)), Some(time(0, 0, 0, 0))));
        assert_eq!(of("o programare pe 31 februarie la 10").impossible.as_deref(), Some("31 februarie"));
        assert_eq!(of("o programare joi la 25:00").impossible.as_deref(), Some("25:00"));
        assert_eq!(of("o programare joi la 10").impossible, None);
    }

    #[test]
    fn a_yes_agrees_to_what_is_held_and_another_time_does_not() {
        let offer = Slot { practitioner: "marin".into(), day: "2026-11-26".into(), minute: 600, until: 620 };
        let before =
            Conversation { offer: Some(offer.clone()), awaited: Some(Awaited::Agreement), ..Default::default() };
        assert_eq!(first("da, mulțumesc", &before).agreed, Some(offer));
        let other = first("da, dar la 11", &before);
        assert_eq!((other.agreed, other.date, other.time), (None, Some(date(2026, 11, 26)), Some(time(11, 0, 0, 0))));
        assert_eq!(first("da", &Conversation::default()).agreed, None, "nothing was offered");
    }

    #[test]
    fn a_program_is_told_what_is_wrong() {
        let ask = |data: serde_json::Value, sender, others| {
            of_program(&serde_json::from_value(data).unwrap(), sender, others, &doctors())
        };
        let book = json!({ "action": "book", "date": "2026-11-26", "time": "10:00" });
        assert_eq!(ask(book.clone(), Some("ana"), false).unwrap().patient, "ana");
        assert!(ask(book.clone(), None, false).unwrap_err().reason.contains("`patient`"));
        assert!(ask(json!({ "action": "book" }), Some("ana"), false).unwrap_err().reason.contains("`date`"));
        let for_ion = json!({ "action": "cancel", "patient": "ion" });
        assert_eq!(ask(for_ion.clone(), Some("ana"), false).unwrap_err().kind, "forbidden");
        assert_eq!(ask(for_ion, Some("desk"), true).unwrap().patient, "ion");
        let nobody = json!({ "action": "slots", "practitioner": "house" });
        assert!(ask(nobody, Some("ana"), false).unwrap_err().reason.contains("`house`"));
    }

    #[test]
    fn data_that_is_no_request_is_refused() {
        for data in [json!({}), json!({ "action": "burn" }), json!({ "action": "book", "when": "now" }), json!([1])] {
            assert!(serde_json::from_value::<ApiRequest>(data.clone()).is_err(), "{data}");
        }
    }
}
