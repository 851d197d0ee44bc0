//! Node `handover`: a person takes over, because the patient asks for one, asks for results, or because a node could
//! not do its work.

use clinic::channels::Outcome;
use clinic::intent::Intent;
use clinic::place;
use signalbox_sdk::prelude::*;

/// The channels that the node reads. Any may be missing, because the node that writes it may be the one that failed.
#[derive(Deserialize)]
pub struct State {
    intent: Option<Intent>,
    #[serde(default)]
    notes: Vec<String>,
}

/// Calls a person.
#[decision_node]
pub fn handover(context: &Context, state: State) -> Result<Step, Failure> {
    let reference = place::reference(&context.decision_id);
    let (code, confidence, reasoning) = match state.intent {
        Some(Intent::Person) => ("handover.requested", 0.95, "the patient asks for a person".to_owned()),
        Some(Intent::Results) => {
            ("results.asked", 0.9, "the patient asks for results, which a doctor gives".to_owned())
        }
        _ => {
            let known = if state.notes.is_empty() { "nothing".to_owned() } else { state.notes.join("; ") };
            ("handover.failed", 0.5, format!("a node could not do its work; known until then: {known}"))
        }
    };
    let call = json!({
        "kind": code,
        "reference": reference,
        "user": place::sender(context),
        "text": context.input.content.text,
    });
    websocket::broadcast(&websocket::Audience::with_permission("review"), &call)?;
    let data = json!({ "reference": reference, "phone": place::phone(context)? });
    warn!(code = code, "a person takes over");
    let verdict = Verdict::new(code, "handover").confidence(confidence).reasoning(&reasoning).needs_review();
    Ok(Step::new()
        .update("outcome", &Outcome::new(code, data, reasoning).decided())?
        .act(Action::notify("business", call).priority(Priority::High))
        .decide(verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_here_reaches_a_person_and_says_why() {
        let cases = [
            (json!({ "intent": "person" }), "handover.requested", "asks for a person"),
            (json!({ "intent": "results" }), "results.asked", "asks for results"),
            (json!({}), "handover.failed", "nothing"),
            (json!({ "intent": "symptoms", "notes": ["rules: Symptoms"] }), "handover.failed", "rules: Symptoms"),
        ];
        for (state, code, why) in cases {
            let verdict = testing::run(handover, &testing::context().build(), state).unwrap().decision.unwrap();
            assert!(verdict.requires_human_review);
            assert!(verdict.code == code && verdict.reasoning.contains(why), "{verdict:?}");
        }
    }
}
