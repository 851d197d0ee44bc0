use clinic::channels::Outcome;
use signalbox_sdk::testing::{Effect, Host};

use super::*;

fn context(decision: &str, node: &str) -> Context {
    testing::context()
        .decision(decision)
        .user(decision)
        .node(node)
        .now("2026-11-25T13:30:00.000Z")
        .local_now("2026-11-25T15:30:00+02:00")
        .settings(json!({
            "hours": { "thursday": ["08:00-12:00"] },
            "practitioners": [{ "id": "ionescu", "name": "dr. Ionescu" }],
        }))
        .build()
}

/// A program's request for ten o'clock, as each node gets it.
fn wish(patient: &str, held: bool) -> Value {
    let slot = json!({ "practitioner": "ionescu", "day": "2026-11-26", "minute": 600, "until": 620 });
    json!({
        "language": "en",
        "request": { "patient": patient, "date": "2026-11-26", "time": "10:00:00", "firm": true },
        "slot": { "found": true, "held": held, "firm": true, "slot": slot },
    })
}

fn appointment(patient: &str, confirmed: bool) -> Value {
    let mut one = json!({
        "decision": format!("dec_{patient}"), "patient": patient, "practitioner": "ionescu", "minute": 600,
        "until": 620, "language": "en", "heldUntil": "2026-11-25T13:45:00.000Z",
    });
    if confirmed {
        one["confirmedBy"] = "dec_other".into();
    }
    one
}

fn outcome(step: &Step) -> Option<Outcome> {
    let found = step.updates.iter().find(|(channel, _)| channel == "outcome");
    found.map(|(_, text)| serde_json::from_str(text).unwrap())
}

fn row(host: &Host) -> Vec<Value> {
    let row = host.row("appointments", "main", "2026-11-26");
    row.map(|row| row["appointments"].as_array().unwrap().clone()).unwrap_or_default()
}

#[test]
fn a_time_is_never_held_for_two() {
    let host = Host::new();
    let taken = json!({ "appointments": [appointment("ion", false)] });
    let host = host.overtaken_by("appointments", "main", "2026-11-26", &taken);
    let step = host.run(appointments, &context("dec_1", "hold"), wish("ana", false)).unwrap();
    assert_eq!(outcome(&step).unwrap().code, "appointment.taken");
    assert_eq!(row(&host).len(), 1);
}

#[test]
fn of_many_who_want_the_same_time_one_has_it() {
    let host = Host::new();
    let mut confirmed = 0;
    for number in 0..6 {
        let (decision, patient) = (format!("dec_{number}"), format!("patient-{number}"));
        let held = host.run(appointments, &context(&decision, "hold"), wish(&patient, false)).unwrap();
        if outcome(&held).is_none() {
            let step = host.run(appointments, &context(&decision, "confirm"), wish(&patient, true)).unwrap();
            confirmed += u32::from(outcome(&step).unwrap().code == "appointment.confirmed");
        }
    }
    assert_eq!((confirmed, row(&host).len()), (1, 1));
}

#[test]
fn a_lost_race_elsewhere_in_the_day_is_read_again() {
    let mut other = appointment("ion", true);
    (other["minute"], other["until"]) = (640.into(), 660.into());
    let host = Host::new().overtaken_by("appointments", "main", "2026-11-26", &json!({ "appointments": [other] }));
    let step = host.run(appointments, &context("dec_1", "hold"), wish("ana", false)).unwrap();
    assert!(outcome(&step).is_none(), "held");
    assert_eq!(row(&host).len(), 2, "the other appointment is still there");
}

#[test]
fn a_day_that_never_stands_still_is_tried_later() {
    let empty = json!({ "appointments": [] });
    let host = (0..4).fold(Host::new(), |host, _| host.overtaken_by("appointments", "main", "2026-11-26", &empty));
    let failure = host.run(appointments, &context("dec_1", "hold"), wish("ana", false)).unwrap_err();
    assert!(matches!(failure, Failure::Retry(_)));
}

#[test]
fn only_what_is_held_is_confirmed() {
    let host = Host::new();
    let step = host.run(appointments, &context("dec_1", "confirm"), wish("ana", true)).unwrap();
    assert_eq!(outcome(&step).unwrap().code, "appointment.taken");
    assert!(step.actions.is_empty() && host.effects().is_empty(), "nothing leaves for a time that was not given");
    let host = Host::new().put_row(
        "appointments",
        "main",
        "2026-11-26",
        &json!({ "appointments": [appointment("ana", false)] }),
    );
    let step = host.run(appointments, &context("dec_1", "confirm"), wish("ana", true)).unwrap();
    assert_eq!(outcome(&step).unwrap().code, "appointment.confirmed");
    assert!(
        matches!(&host.effects()[..], [Effect::Broadcast { audience, .. }] if *audience == websocket::Audience::with_permission("review")),
        "no patient hears of another"
    );
}

#[test]
fn a_cancellation_that_loses_a_race_still_calls_off_its_own() {
    let ana = json!({ "appointments": [appointment("ana", true)] });
    let host = Host::new().put_row("appointments", "main", "2026-11-26", &ana);
    let mut other = appointment("ion", true);
    (other["minute"], other["until"]) = (640.into(), 660.into());
    let both = json!({ "appointments": [appointment("ana", true), other] });
    let host = host.overtaken_by("appointments", "main", "2026-11-26", &both);
    let state = json!({ "language": "en", "request": { "patient": "ana" } });
    let step = host.run(appointments, &context("dec_1", "cancel"), state).unwrap();
    assert_eq!(outcome(&step).unwrap().code, "appointment.cancelled");
    let rows = row(&host);
    assert_eq!((&rows[0]["cancelledBy"], rows[1].get("cancelledBy")), (&json!("dec_1"), None));
}

#[test]
fn reminders_of_every_place_are_sent_and_marked() {
    let context = testing::context()
        .decision("dec_tick")
        .node("remind")
        .local_now("2026-11-25T17:00:00+02:00")
        .location("titan", "UTC", json!({ "phone": "7" }))
        .settings(json!({ "practitioners": [], "phone": "1" }))
        .build();
    let of = |patient: &str| json!({ "appointments": [appointment(patient, true)] });
    let host = Host::new().put_row("appointments", "main", "2026-11-26", &of("ana"));
    let host = host.put_row("appointments", "titan", "2026-11-26", &of("ion"));
    let step = host.run(appointments, &context, json!({})).unwrap();
    let texts: Vec<&str> = step.actions.iter().map(|action| action.payload["text"].as_str().unwrap()).collect();
    assert!(texts.len() == 2 && texts[1].ends_with("call 7."), "a place's own telephone: {texts:?}");
    assert_eq!(row(&host)[0]["remindedBy"], "dec_tick");
}

#[test]
fn a_missing_grant_stops_instead_of_being_tried_again() {
    let host = Host::new().grant("dynamodb", "appointments:read");
    let failure = host.run(appointments, &context("dec_1", "hold"), wish("ana", false)).unwrap_err();
    assert!(matches!(&failure, Failure::Fatal(reason) if reason.contains("`appointments`")), "{failure}");
}

#[test]
fn a_node_that_the_plugin_does_not_have_is_named() {
    let failure = testing::run(appointments, &context("dec_1", "waitlist"), wish("ana", false)).unwrap_err();
    assert!(failure.to_string().contains("`waitlist`"), "{failure}");
}
