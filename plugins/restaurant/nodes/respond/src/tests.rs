use super::*;

fn answer(state: Value) -> Step {
    let context = testing::context().business("Bistro", "en", "Europe/London").build();
    testing::run(respond, &context, state).unwrap()
}

fn conversation(step: &Step) -> Conversation {
    serde_json::from_str(&step.updates[0].1).unwrap()
}

#[test]
fn the_words_are_in_the_guests_language_and_else_in_the_houses() {
    let step = answer(json!({ "language": "ro", "intent": "greeting", "certainty": 0.8 }));
    assert_eq!(step.responses[0].locale.as_deref(), Some("ro"));
    assert_eq!(answer(json!({})).responses[0].locale.as_deref(), Some("en"));
}

#[test]
fn what_was_not_possible_is_asked_for_again_and_the_rest_is_kept() {
    let request = json!({ "guests": 4, "date": "2026-11-26", "time": "19:00:00" });
    let outcome = json!({ "code": "booking.full", "decision_type": "booking", "data": {}, "reasoning": "full", "awaited": "time" });
    let step = answer(json!({ "language": "en", "intent": "booking", "request": request, "outcome": outcome }));
    let kept = conversation(&step);
    assert_eq!((kept.request.guests, kept.request.time, kept.awaited), (Some(4), None, Some(Detail::Time)));
    assert!(kept.request.date.is_some());
}

#[test]
fn a_settled_request_is_forgotten() {
    let outcome = json!({ "code": "booking.confirmed", "decision_type": "booking", "data": {}, "reasoning": "booked", "settled": true });
    let step = answer(json!({ "language": "en", "intent": "booking", "request": { "guests": 4 }, "outcome": outcome }));
    assert_eq!(conversation(&step), Conversation { language: Some(Language::En), ..Conversation::default() });
}

#[test]
fn a_verdict_given_before_is_not_overruled() {
    let outcome = json!({ "code": "complaint.food", "decision_type": "complaint", "data": {}, "reasoning": "cold", "decided": true });
    let step = answer(json!({ "language": "en", "intent": "complaint", "outcome": outcome }));
    assert_eq!(step.decision, None);
    assert_eq!(step.responses.len(), 1);
}

#[test]
fn the_reasoning_tells_the_whole_way() {
    let step = answer(json!({ "intent": "greeting", "certainty": 0.8, "notes": ["rules: Greeting in en (0.80)"] }));
    let verdict = step.decision.unwrap();
    assert_eq!(verdict.reasoning, "rules: Greeting in en (0.80); only a greeting");
    assert_eq!((verdict.code.as_str(), verdict.confidence), ("chat.greeting", 0.8));
}

#[test]
fn a_confidence_out_of_range_is_brought_back() {
    assert_eq!(answer(json!({ "intent": "greeting", "certainty": 3.0 })).decision.unwrap().confidence, 1.0);
}
