//! Causes one effect for each target: a resource action, a Kafka record, an external call and a notification. Each
//! holds the order's name, by which a test finds it at its target.

use signalbox_sdk::kafka::Record;
use signalbox_sdk::prelude::*;

/// The input's data.
#[derive(Deserialize)]
struct Order {
    order: String,
    /// The URL of the external call; without one there is no external call.
    receiver: Option<String>,
    /// Whether a person has to release the actions.
    #[serde(default)]
    review: bool,
    /// The size of the Kafka record's value in bytes, when it is to be longer than the order's name.
    #[serde(default)]
    size: usize,
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    let data = context.input.content.data.as_ref().ok_or_else(|| Failure::invalid("the input has no data"))?;
    let Order { order, receiver, review, size } = data.read()?;
    let named = json!({ "order": order });
    // A review withholds it like the actions.
    Record::new("orders", format!("{order:<size$}")).key(&order).publish().map_err(refused)?;
    let mut step = Step::new()
        .reply(&order)
        .act(Action::resource("table", named.clone()))
        .act(Action::notify("business", named.clone()));
    if let Some(url) = receiver {
        step = step.act(Action::call(url, named));
    }
    let verdict = Verdict::new("probe.ordered", "probe").reasoning("the order causes one effect for each target");
    Ok(step.decide(if review { verdict.needs_review() } else { verdict }))
}

fn refused(error: kafka::Error) -> Failure {
    Failure::fatal(error.to_string())
}
