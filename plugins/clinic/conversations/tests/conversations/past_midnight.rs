//! Appointments past midnight, at a clinic that is open then, and days that do not exist.

use serde_json::json;

use crate::clinic::Clinic;

/// A clinic that works on Fridays from eight in the evening until two.
fn night_clinic() -> Clinic {
    Clinic::open("harbour-practice").setting("hours", json!({ "friday": ["20:00-02:00"], "saturday": ["09:00-12:00"] }))
}

#[test]
fn an_appointment_past_midnight_has_the_date_of_the_calendar() {
    for text in
        ["appointment on Saturday at 00:30", "appointment on Friday night at 00:30", "appointment on Friday at 24:30"]
    {
        let clinic = night_clinic();
        let answer = clinic.say("bob", text);
        assert_eq!(answer.code, "appointment.offered", "{text}: {answer:?}");
        assert!(answer.text.contains("Saturday, 28 November at 00:30"), "{text}: {answer:?}");
        let answer = clinic.say("bob", "yes");
        assert_eq!(
            (answer.code.as_str(), &answer.actions[0].payload["date"]),
            ("appointment.confirmed", &json!("2026-11-28"))
        );
        assert_eq!(clinic.appointments("2026-11-27")[0]["minute"], 24 * 60 + 30, "in the row of its evening");
        let other = clinic.say("ana", "appointment on Saturday at 00:30");
        assert_eq!(other.code, "appointment.taken", "{text}: {other:?}");
        assert_eq!(clinic.say("bob", "cancel my appointment on Saturday at 00:30").code, "appointment.cancelled");
    }
}

#[test]
fn who_comes_after_midnight_is_reminded_on_the_day_before() {
    let mut clinic = night_clinic();
    clinic.say("bob", "appointment on Saturday at 00:30");
    clinic.say("bob", "yes");
    clinic.at("2026-11-26T17:00:00.000Z", "2026-11-26T17:00:00+00:00");
    assert_eq!(clinic.tick().code, "reminders.none", "tomorrow is Friday, and nobody comes then");
    clinic.at("2026-11-27T17:00:00.000Z", "2026-11-27T17:00:00+00:00");
    let answer = clinic.tick();
    assert_eq!(answer.code, "reminders.sent");
    assert!(
        answer.actions[0].payload["text"].as_str().unwrap().contains("tomorrow, Saturday, 28 November at 00:30"),
        "{answer:?}"
    );
    assert_eq!(clinic.tick().code, "reminders.none", "once");
}

#[test]
fn a_day_or_time_that_does_not_exist_is_asked_for_again() {
    let clinic = Clinic::open("clinica-sanatatea");
    for (text, said) in [
        ("o programare pe 31 februarie la 10", "„31 februarie” nu există"),
        ("o programare joi la 25:00", "„25:00” nu există"),
        ("o programare vineri, 26 noiembrie, la 10", "„vineri 26 noiembrie” nu există"),
    ] {
        let answer = clinic.say("ana", text);
        assert_eq!(answer.code, "appointment.impossible", "{text}: {answer:?}");
        assert!(answer.text.contains(said) && answer.actions.is_empty(), "{answer:?}");
    }
}
