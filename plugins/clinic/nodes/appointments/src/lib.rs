//! The nodes `find`, `hold`, `confirm`, `cancel` and `remind`: one plugin, because rows belong to a plugin.
//!
//! All appointments of a day at a place are one row of the table `appointments`, written under the version that was
//! read: of two decisions that want the same time, one learns that it is taken. Every appointment names the decisions
//! that held, confirmed and cancelled it, so a decision that is repeated after a crash finds its result and gives the
//! same answer.

mod cancel;
mod confirm;
mod day;
mod find;
mod hold;
mod remind;

use clinic::channels::{Found, Reminders};
use clinic::language::Language;
use clinic::request::Request;
use signalbox_sdk::prelude::*;

/// The channels that the nodes read; each node declares its own in the bundle.
#[derive(Deserialize)]
pub struct State {
    language: Option<Language>,
    request: Option<Request>,
    slot: Option<Found>,
    #[serde(default)]
    reminders: Reminders,
}

/// Runs the node that the bundle names.
#[decision_node]
pub fn appointments(context: &Context, state: State) -> Result<Step, Failure> {
    if context.node == "remind" {
        return remind::run(context, state.reminders);
    }
    let (Some(request), Some(language)) = (&state.request, state.language) else {
        return Err(Failure::fatal(format!("node `{}` is not given `request` and `language`", context.node)));
    };
    let wish = day::Wish { context, request, language };
    let slot = state.slot.unwrap_or_default();
    match context.node.as_str() {
        "find" => find::run(&wish),
        "hold" => hold::run(&wish, slot),
        "confirm" => confirm::run(&wish, slot),
        "cancel" => cancel::run(&wish),
        other => Err(Failure::fatal(format!(
            "the plugin `appointments` has no node `{other}`; name it find, hold, confirm, cancel or remind"
        ))),
    }
}

#[cfg(test)]
mod tests;
