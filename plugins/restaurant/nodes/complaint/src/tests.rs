use super::*;
use signalbox_sdk::testing::{Effect, Host};

fn complain(host: &Host, text: &str) -> (Verdict, Step) {
    let context = testing::context().decision("dec_0123456789").text(text).build();
    let step = host.run(complaint, &context, json!({ "language": "en" })).unwrap();
    (step.decision.clone().unwrap(), step)
}

const COLD: &str = "the soup was cold and the waiter rude, I want a refund";

#[test]
fn every_complaint_waits_for_a_person() {
    for text in [COLD, "hm", "there was glass in my salad"] {
        let (verdict, step) = complain(&Host::new(), text);
        assert!(verdict.requires_human_review, "{text}");
        assert_eq!(step.actions.len(), 1);
    }
}

#[test]
fn similar_decisions_that_were_upheld_make_surer_and_rejected_ones_doubtful() {
    let without = complain(&Host::new(), COLD).0.confidence;
    let mut upheld = Host::new();
    let mut rejected = Host::new();
    for _ in 0..5 {
        upheld = upheld.past_decision("complaint.food", "approved", 0.8);
        rejected = rejected.past_decision("complaint.food", "rejected", 0.8);
    }
    let (surer, doubtful) = (complain(&upheld, COLD).0.confidence, complain(&rejected, COLD).0.confidence);
    assert!(doubtful < without && without < surer, "{doubtful} {without} {surer}");
    assert!((0.0..=1.0).contains(&surer) && (0.0..=1.0).contains(&doubtful));
}

#[test]
fn decisions_about_something_else_or_not_yet_reviewed_change_nothing() {
    let without = complain(&Host::new(), COLD).0.confidence;
    let host = Host::new().past_decision("complaint.money", "rejected", 0.9).past_decision(
        "complaint.food",
        "review-pending",
        0.9,
    );
    assert_eq!(complain(&host, COLD).0.confidence, without);
}

#[test]
fn a_refund_that_people_keep_refusing_is_not_proposed_again() {
    let offer = |host: &Host| complain(host, COLD).1.actions[0].payload["offer"].clone();
    assert_eq!(offer(&Host::new()), "refund");
    let mut host = Host::new();
    for _ in 0..3 {
        host = host.past_decision("complaint.food", "rejected", 0.8);
    }
    assert_eq!(offer(&host), "apology");
}

#[test]
fn somebody_hurt_is_told_to_reviewers_at_once_and_goes_first() {
    let host = Host::new();
    let (verdict, step) = complain(&host, "my wife is in hospital after your mussels");
    assert_eq!(verdict.code, "complaint.safety");
    assert_eq!(step.actions[0].priority, Priority::High);
    assert_eq!(step.actions[0].payload["offer"], "call-now");
    let effects = host.effects();
    let [Effect::Broadcast { audience, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(*audience, websocket::Audience::with_permission("review"), "of the complaint's own place");
    let host = Host::new();
    complain(&host, COLD);
    assert!(host.effects().is_empty(), "a cold soup wakes nobody");
}

#[test]
fn a_complaint_reaches_a_person_when_nobody_remembers_the_others() {
    let host = Host::new().rag_error(rag::Error::Unavailable("down".into()));
    assert_eq!(complain(&host, COLD).0.code, "complaint.food");
    assert!(host.log_lines().iter().any(|line| line.message.contains("going on without them")));
}
