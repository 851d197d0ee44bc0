use super::*;

fn program(data: Option<Value>, permissions: &[&str]) -> Step {
    let mut context = testing::context().input_type(InputType::ApiRequest).user("desk").permissions(permissions);
    if let Some(data) = data {
        context = context.data(&data);
    }
    let settings = json!({ "practitioners": [{ "id": "ionescu", "name": "dr. Ionescu" }] });
    testing::run(request, &context.settings(settings).build(), json!({})).unwrap()
}

fn update(step: &Step, channel: &str) -> Value {
    let found = step.updates.iter().find(|(name, _)| name == channel);
    found.map_or(Value::Null, |(_, text)| serde_json::from_str(text).unwrap())
}

#[test]
fn a_program_books_for_others_only_with_the_permission() {
    let book = json!({ "action": "book", "patient": "ana", "date": "2026-11-26", "time": "10:00", "language": "en" });
    let step = program(Some(book.clone()), &["message", "appointments"]);
    assert_eq!((update(&step, "intent"), update(&step, "language")), (json!("appointment"), json!("en")));
    assert_eq!(update(&step, "request")["patient"], "ana");
    let step = program(Some(book), &["message"]);
    assert_eq!(update(&step, "outcome")["code"], "request.forbidden");
    assert_eq!(update(&step, "intent"), "unclear", "nothing is booked");
}

#[test]
fn a_malformed_request_is_answered_with_what_is_wrong() {
    let cases = [
        (None, "no data"),
        (Some(json!({ "action": "burn" })), "burn"),
        (Some(json!({ "action": "book" })), "`date`"),
        (
            Some(json!({ "action": "book", "date": "2026-02-30", "time": "10:00" })),
            "`document.date`: found the string \"2026-02-30\"",
        ),
        (Some(json!({ "action": "slots", "colour": "red" })), "colour"),
    ];
    for (data, expected) in cases {
        let outcome = update(&program(data.clone(), &["appointments"]), "outcome");
        assert_eq!(outcome["code"], "request.invalid", "{data:?}");
        assert!(outcome["data"]["reason"].as_str().unwrap().contains(expected), "{outcome}");
    }
}

#[test]
fn a_patient_asks_for_themselves() {
    let settings = json!({ "practitioners": [], "hours": { "thursday": ["08:00-18:00"] } });
    let context = testing::context().user("ana").text("programare mâine la 10").local_now("2026-11-25T15:30:00+02:00");
    let step = testing::run(request, &context.settings(settings).build(), json!({})).unwrap();
    let request = update(&step, "request");
    assert_eq!((&request["patient"], &request["date"]), (&json!("ana"), &json!("2026-11-26")));
    assert_eq!(update(&step, "outcome"), Value::Null);
}
