//! Node `triage`: combines all symptoms. It says how soon a person must look and calls a doctor; it makes no diagnosis,
//! and advice to the patient leaves only after a doctor has approved it.

use clinic::channels::{Awaited, Outcome};
use clinic::language::Language;
use clinic::triage::{self, Urgency, Weight};
use clinic::{notices, place};
use signalbox_sdk::prelude::*;

/// The channels that the node reads. Without a symptom that the rules know there is no weight.
#[derive(Deserialize)]
pub struct State {
    language: Language,
    #[serde(default)]
    weights: Vec<Weight>,
}

/// Sorts the patient's complaint by urgency for a doctor.
#[decision_node]
pub fn triage(context: &Context, state: State) -> Result<Step, Failure> {
    let text = context.text()?;
    let triage = triage::together(&state.weights);
    let known = !state.weights.is_empty();
    let code = if known { format!("triage.{}", triage.urgency.name()) } else { "triage.unknown".to_owned() };
    let reference = place::reference(&context.decision_id);
    let patient = place::sender(context);
    let phone = place::phone(context)?;
    let priority = match triage.urgency {
        Urgency::Emergency | Urgency::Urgent => Priority::High,
        Urgency::Soon | Urgency::Routine => Priority::Medium,
    };
    if triage.urgency >= Urgency::Urgent {
        let reviewers = websocket::Audience::with_permission("review");
        let call = json!({ "kind": code, "reference": reference, "patient": patient, "text": text });
        websocket::broadcast(&reviewers, &call)?;
    }
    let record = json!({
        "reference": reference,
        "patient": patient,
        "urgency": triage.urgency,
        "speciality": triage.speciality,
        "symptoms": state.weights,
        "text": text,
    });
    let advice = json!({
        "kind": "triage.advice",
        "reference": reference,
        "text": notices::advice(triage.urgency, &phone, state.language),
    });
    let data = json!({ "reference": reference, "phone": phone });
    let mut outcome = Outcome::new(&code, data, &triage.reasoning).decided().of_field(triage.speciality);
    if triage.urgency != Urgency::Emergency {
        outcome = outcome.awaits(Awaited::Wish);
    }
    warn!(urgency = triage.urgency.name(), reference = reference, "a doctor must look");
    let verdict = Verdict::new(&code, "triage")
        .confidence(triage.confidence)
        .reasoning(&triage.reasoning)
        .metadata(json!({ "urgency": triage.urgency, "speciality": triage.speciality, "language": state.language }))
        .needs_review();
    Ok(Step::new()
        .update("outcome", &outcome)?
        .act(Action::resource("triage", record).priority(priority))
        .act(Action::notify(format!("user:{patient}"), advice).priority(priority))
        .decide(verdict))
}

#[cfg(test)]
mod tests {
    use signalbox_sdk::testing::{Effect, Host};

    use super::*;

    fn weight(code: &str, urgency: &str) -> Value {
        json!({
            "code": code, "urgency": urgency, "red_flags": [], "days": null,
            "strength": "moderate", "speciality": "general",
        })
    }

    fn run(host: &Host, weights: Value) -> Step {
        let context = testing::context().decision("dec_abc123").user("ana").text("mă doare").build();
        host.run(triage, &context, json!({ "language": "ro", "weights": weights })).unwrap()
    }

    #[test]
    fn everything_medical_waits_for_a_doctor() {
        for urgency in ["routine", "soon", "urgent", "emergency"] {
            let step = run(&Host::new(), json!([weight("cough", urgency)]));
            let verdict = step.decision.unwrap();
            assert_eq!(verdict.code, format!("triage.{urgency}"));
            assert!(verdict.requires_human_review);
            assert!(step.responses.is_empty(), "what is said back comes from message models");
            assert_eq!(step.actions[1].target, "user:ana", "advice is an action, and actions wait");
        }
    }

    #[test]
    fn what_cannot_wait_calls_the_doctors_at_once() {
        let host = Host::new();
        run(&host, json!([weight("cough", "routine"), weight("chest-pain", "emergency")]));
        assert!(
            matches!(&host.effects()[..], [Effect::Broadcast { audience, .. }] if *audience == websocket::Audience::with_permission("review"))
        );
        let host = Host::new();
        run(&host, json!([weight("cough", "routine")]));
        assert!(host.effects().is_empty());
    }

    #[test]
    fn a_complaint_that_no_rule_knows_goes_to_a_doctor_too() {
        let step = testing::run(triage, &testing::context().text("mi-e rău").build(), json!({ "language": "ro" }));
        let verdict = step.unwrap().decision.unwrap();
        assert!(verdict.requires_human_review && verdict.code == "triage.unknown" && verdict.confidence < 0.5);
    }
}
