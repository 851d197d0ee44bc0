use super::*;
use signalbox_sdk::testing::{Effect, Host};

#[test]
fn a_wish_for_a_person_is_certain_and_reaches_the_reviewers() {
    let host = Host::new();
    let context = testing::context().text("a human please").settings(json!({ "phone": "1" })).build();
    let step = host.run(handover, &context, json!({ "intent": "person" })).unwrap();
    let verdict = step.decision.unwrap();
    assert!(verdict.requires_human_review && verdict.confidence > 0.9);
    assert!(matches!(&host.effects()[..], [Effect::Broadcast { .. }]));
}

#[test]
fn it_works_when_nothing_is_known_and_says_what_was() {
    let context = testing::context().build();
    let step = testing::run(handover, &context, json!({})).unwrap();
    assert!(step.decision.unwrap().reasoning.ends_with("known until then: nothing"));
    let step = testing::run(handover, &context, json!({ "notes": ["rules: Booking", "heard time"] })).unwrap();
    assert!(step.decision.unwrap().reasoning.ends_with("rules: Booking; heard time"));
}
