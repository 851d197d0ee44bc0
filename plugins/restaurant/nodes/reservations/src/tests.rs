use restaurant::channels::Outcome;
use restaurant::tables::Booking;

use super::*;
use signalbox_sdk::testing::{Effect, Host};

fn guest(decision: &str, node: &str) -> Context {
    testing::context()
        .decision(decision)
        .user(decision)
        .node(node)
        .text("a table")
        .local_now("2026-11-25T15:30:00+02:00")
        .settings(json!({
            "hours": { "thursday": ["12:00-23:00"] },
            "booking": { "seats": 10 },
        }))
        .build()
}

fn wish(guests: u32) -> Value {
    json!({
        "language": "en",
        "request": { "guests": guests, "date": "2026-11-26", "time": "19:00:00", "complete": true },
        "table": { "free": true, "day": "2026-11-26", "minute": 1140, "until": 1260 },
    })
}

fn booked(decision: &str, guests: u32) -> Value {
    let (user, minute, until) = (decision, 1140, 1260);
    json!({ "decision": decision, "user": user, "guests": guests, "minute": minute, "until": until })
}

fn outcome(step: &Step) -> Outcome {
    serde_json::from_str(&step.updates.iter().find(|(channel, _)| channel == "outcome").unwrap().1).unwrap()
}

fn bookings(host: &Host) -> Vec<Booking> {
    serde_json::from_value(host.row("reservations", "main", "2026-11-26").unwrap()["bookings"].clone()).unwrap()
}

#[test]
fn the_last_table_goes_to_who_is_faster() {
    let host = Host::new();
    let host = host.overtaken_by("reservations", "main", "2026-11-26", &json!({ "bookings": [booked("other", 8)] }));
    let step = host.run(reservations, &guest("dec_1", "book"), wish(4)).unwrap();
    assert_eq!(outcome(&step).code, "booking.full");
    assert!(step.actions.is_empty() && host.effects().is_empty(), "nothing leaves for a table that was not given");
    assert_eq!(bookings(&host).len(), 1);
}

#[test]
fn a_lost_race_with_room_left_books_on_the_second_reading() {
    let host = Host::new();
    let host = host.overtaken_by("reservations", "main", "2026-11-26", &json!({ "bookings": [booked("other", 4)] }));
    let step = host.run(reservations, &guest("dec_1", "book"), wish(4)).unwrap();
    assert_eq!(outcome(&step).code, "booking.confirmed");
    assert_eq!(bookings(&host).len(), 2, "the other booking is still there");
    let [Effect::Broadcast { audience, .. }] = &host.effects()[..] else { panic!("one broadcast") };
    assert_eq!(*audience, websocket::Audience::staff(), "no guest reads another's booking");
}

#[test]
fn seats_are_never_given_twice() {
    let host = Host::new();
    let mut confirmed = 0;
    for number in 0..8 {
        let step = host.run(reservations, &guest(&format!("dec_{number}"), "book"), wish(3)).unwrap();
        confirmed += u32::from(outcome(&step).code == "booking.confirmed");
    }
    assert_eq!(confirmed, 3);
    assert_eq!(bookings(&host).iter().map(|booking| booking.guests).sum::<u32>(), 9);
}

#[test]
fn a_repeated_decision_finds_its_booking_even_when_the_house_is_full_by_now() {
    let host = Host::new();
    let first = host.run(reservations, &guest("dec_1", "book"), wish(10)).unwrap();
    let looked = host.run(reservations, &guest("dec_1", "availability"), wish(10)).unwrap();
    assert!(looked.updates[0].1.contains(r#""free":true"#));
    let again = host.run(reservations, &guest("dec_1", "book"), wish(10)).unwrap();
    assert_eq!(outcome(&first), outcome(&again));
    assert_eq!(bookings(&host).len(), 1);
}

#[test]
fn a_write_of_unknown_fate_is_found_out_by_reading_again() {
    let host = Host::new();
    host.run(reservations, &guest("dec_1", "book"), wish(4)).unwrap();
    let host = host.dynamodb_error(dynamodb::Error::Timeout);
    let context = guest("dec_1", "book");
    assert!(matches!(host.run(reservations, &context, wish(4)), Err(Failure::Retry(_))));
    assert_eq!(outcome(&host.run(reservations, &context, wish(4)).unwrap()).code, "booking.confirmed");
    assert_eq!(bookings(&host).len(), 1);
}

#[test]
fn a_day_that_never_stands_still_is_tried_later() {
    let overtaken = |times: usize| {
        let empty = json!({ "bookings": [] });
        let host =
            (0..times).fold(Host::new(), |host, _| host.overtaken_by("reservations", "main", "2026-11-26", &empty));
        host.run(reservations, &guest("dec_1", "book"), wish(4))
    };
    assert_eq!(outcome(&overtaken(3).unwrap()).code, "booking.confirmed");
    assert!(matches!(overtaken(4), Err(Failure::Retry(_))));
}

#[test]
fn only_the_bookings_that_stand_take_seats() {
    let mut cancelled = booked("other", 10);
    cancelled["cancelledBy"] = "dec_0".into();
    let host = Host::new().put_row("reservations", "main", "2026-11-26", &json!({ "bookings": [cancelled] }));
    let step = host.run(reservations, &guest("dec_1", "availability"), wish(10)).unwrap();
    assert!(step.updates[0].1.contains(r#""free":true"#));
}

#[test]
fn a_missing_grant_stops_instead_of_being_tried_again() {
    let host = Host::new().grant("dynamodb", "reservations:read");
    let failure = host.run(reservations, &guest("dec_1", "book"), wish(4)).unwrap_err();
    assert!(matches!(&failure, Failure::Fatal(reason) if reason.contains("`reservations`")), "{failure}");
}

#[test]
fn a_node_that_the_plugin_does_not_have_is_named() {
    let failure = testing::run(reservations, &guest("dec_1", "waitlist"), wish(4)).unwrap_err();
    assert!(failure.to_string().contains("`waitlist`"), "{failure}");
}

#[test]
fn somebody_elses_booking_is_never_called_off() {
    let host = Host::new().put_row("reservations", "main", "2026-11-26", &json!({ "bookings": [booked("other", 4)] }));
    let step = host.run(reservations, &guest("dec_1", "cancel"), json!({ "language": "en", "request": {} })).unwrap();
    assert_eq!(outcome(&step).code, "booking.none-found");
    assert!(bookings(&host)[0].cancelled_by.is_none());
}

#[test]
fn a_cancellation_that_loses_a_race_is_tried_again() {
    let host = Host::new().put_row("reservations", "main", "2026-11-26", &json!({ "bookings": [booked("dec_1", 4)] }));
    let host = host.overtaken_by(
        "reservations",
        "main",
        "2026-11-26",
        &json!({ "bookings": [booked("dec_1", 4), booked("other", 2)] }),
    );
    let context = guest("dec_1", "cancel");
    let state = json!({ "language": "en", "request": {} });
    assert!(matches!(host.run(reservations, &context, state.clone()), Err(Failure::Retry(_))));
    assert_eq!(outcome(&host.run(reservations, &context, state).unwrap()).code, "booking.cancelled");
    assert_eq!(bookings(&host).len(), 2, "the booking that came in between is kept");
}
