use super::*;

fn request(text: &str, intent: &str, conversation: Value) -> Request {
    let context = testing::context()
        .text(text)
        .local_now("2026-11-25T15:30:00+02:00")
        .settings(json!({ "hours": { "thursday": ["12:00-23:00"] } }))
        .build();
    let state = json!({ "intent": intent, "conversation": conversation });
    let step = testing::run(extract, &context, state).unwrap();
    serde_json::from_str(&step.updates[0].1).unwrap()
}

#[test]
fn a_booking_goes_on_from_what_was_said_before() {
    let read =
        request("la 8", "booking", json!({ "request": { "guests": 4, "date": "2026-11-26" }, "awaited": "time" }));
    assert!(read.complete);
    assert_eq!(read.guests, Some(4));
}

#[test]
fn a_cancellation_starts_from_its_own_words() {
    let read = request("anulează masa de mâine", "cancel", json!({ "request": { "guests": 4, "time": "20:00:00" } }));
    assert_eq!((read.guests, read.time), (None, None));
    assert!(read.date.is_some());
}

#[test]
fn other_wishes_leave_the_request_as_it_was() {
    let read = request("aveți pizza pentru 3 persoane?", "menu", json!({ "request": { "guests": 4 } }));
    assert_eq!(read, Request { guests: Some(4), ..Request::default() });
}

#[test]
fn a_business_without_hours_is_told_which_setting_is_missing() {
    let context = testing::context().text("mâine").build();
    let failure = testing::run(extract, &context, json!({ "intent": "booking" })).unwrap_err();
    assert!(matches!(&failure, Failure::Fatal(reason) if reason.contains("no setting `hours`")), "{failure}");
}
