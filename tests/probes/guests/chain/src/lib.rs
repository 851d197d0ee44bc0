//! Does next to nothing at each step of a small graph, so that a measurement shows the host's own work.

use signalbox_sdk::prelude::*;

#[derive(Deserialize)]
struct State {
    intent: Option<String>,
    #[serde(default)]
    notes: Vec<String>,
}

#[decision_node]
fn node(context: &Context, state: State) -> Result<Step, Failure> {
    match context.node.as_str() {
        "understand" => {
            let intent = if context.text()?.contains("table") { "book" } else { "talk" };
            Ok(Step::new().update("intent", intent)?)
        }
        "reply" => {
            let intent = state.intent.as_deref().unwrap_or("talk");
            let code = format!("chain.{intent}");
            let said = format!("{intent}: {}", state.notes.last().map_or("nothing was noted", String::as_str));
            Ok(Step::new().reply(said).decide(Verdict::new(&code, "chain").reasoning("the chain came to its end")))
        }
        // Every other node, and each run of one with `for-each`, notes that it ran.
        name => Ok(Step::new().update("notes", &[name])?),
    }
}
