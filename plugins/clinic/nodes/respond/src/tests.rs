use super::*;

fn run(input_type: InputType, state: Value) -> Step {
    let settings = json!({ "hours": { "monday": ["08:00-18:00"] }, "phone": "1" });
    let context = testing::context().business("Clinica", "ro", "Europe/Bucharest").settings(settings);
    testing::run(respond, &context.input_type(input_type).build(), state).unwrap()
}

fn kept(step: &Step) -> Conversation {
    serde_json::from_str(&step.updates[0].1).unwrap()
}

fn offered() -> Value {
    json!({ "offer": { "practitioner": "i", "day": "2026-11-26", "minute": 600, "until": 620 }, "awaited": "agreement" })
}

#[test]
fn a_program_is_answered_on_its_way_and_leaves_no_conversation() {
    let outcome =
        json!({ "code": "request.invalid", "decision_type": "request", "data": { "reason": "x" }, "reasoning": "x" });
    let step = run(InputType::ApiRequest, json!({ "language": "en", "outcome": outcome }));
    assert_eq!(step.responses[0].target, ResponseTarget::Api);
    assert!(step.updates.is_empty());
    assert_eq!(step.decision.unwrap().code, "request.invalid");
}

#[test]
fn nobody_is_told_where_nobody_listens() {
    let outcome = json!({ "code": "handover.failed", "decision_type": "handover", "data": {}, "reasoning": "x", "decided": true });
    let step = run(InputType::Webhook, json!({ "outcome": outcome }));
    assert!(step.responses.is_empty() && step.decision.is_none());
}

#[test]
fn a_question_in_between_keeps_what_is_held() {
    let step = run(InputType::UserMessage, json!({ "language": "ro", "intent": "hours", "conversation": offered() }));
    assert_eq!(step.responses[0].template.as_deref(), Some("hours.week"));
    assert!(kept(&step).offer.is_some() && kept(&step).awaited == Some(Awaited::Agreement));
}

#[test]
fn a_no_lets_go_of_the_slot_and_asks_for_another_day() {
    let step = run(InputType::UserMessage, json!({ "language": "ro", "intent": "refusal", "conversation": offered() }));
    assert_eq!(step.decision.as_ref().unwrap().code, "appointment.declined");
    assert!(kept(&step).offer.is_none() && kept(&step).awaited == Some(Awaited::When));
}

#[test]
fn the_words_are_the_clinics_language_when_none_is_known() {
    assert_eq!(run(InputType::UserMessage, json!({})).responses[0].locale.as_deref(), Some("ro"));
}
