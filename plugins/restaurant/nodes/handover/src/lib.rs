//! Node `handover`: a person takes over, because the guest asks for one or because a node could not do its work.

use restaurant::channels::Outcome;
use restaurant::intent::Intent;
use restaurant::{place, tables};
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
    let wished = state.intent == Some(Intent::Person);
    let reference = tables::code(&context.decision_id);
    let reasoning = if wished {
        "the guest asks for a person".to_owned()
    } else {
        format!("a node could not do its work; known until then: {}", known(&state.notes))
    };
    let call = json!({
        "kind": "handover.requested",
        "reference": reference,
        "user": place::guest(context),
        "wished": wished,
        "text": context.input.content.text,
    });
    websocket::broadcast(&websocket::Audience::with_permission("review"), &call)?;
    let data = json!({
        "reference": reference,
        "wished": wished,
        "phone": context.setting::<String>("phone")?.unwrap_or_default(),
    });
    warn!(wished = wished, "a person takes over");
    let verdict = Verdict::new("handover.requested", "handover")
        .confidence(if wished { 0.95 } else { 0.5 })
        .reasoning(&reasoning)
        .needs_review();
    Ok(Step::new()
        .update("outcome", &Outcome::new("handover.requested", data, reasoning).decided())?
        .act(Action::notify("business", call).priority(Priority::High))
        .decide(verdict))
}

fn known(notes: &[String]) -> String {
    if notes.is_empty() { "nothing".to_owned() } else { notes.join("; ") }
}

#[cfg(test)]
mod tests;
