//! Node `handover`
use signalbox_sdk::prelude::*;
#[derive(Deserialize)]
struct State { language: Option<String>, #[serde(default)] notes: Vec<String> }
#[decision_node]
fn handover(context: &Context, state: State) -> Result<Step, Failure> {
    let text = context.text()?;
    info!(notes = state.notes.len(), "handing over to a person");
    let hours = context.setting::<String>("hours.monday")?;
    Ok(Step::new().reply_template("handover.requested", json!({"text": text, "hours": hours, "l": state.language}))
        .act(Action::notify("business", json!({"text": text})).priority(Priority::High))
        .decide(Verdict::new("handover.requested", "handover").needs_review().reasoning("x")))
}
