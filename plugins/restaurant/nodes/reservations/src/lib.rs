//! The nodes `availability`, `book` and `cancel`: one plugin, because rows belong to a plugin.
//!
//! All bookings of a day at a place are one row of the table `reservations`, written under the version that was read: of
//! two decisions that want the last table, one is told that it is gone. Every booking carries the decision that made it, so
//! a decision that is repeated after a crash finds what it did and says the same again.

mod availability;
mod book;
mod cancel;
mod day;

use restaurant::booking::Request;
use restaurant::channels::Table;
use restaurant::language::Language;
use signalbox_sdk::prelude::*;

/// What the nodes read.
#[derive(Deserialize)]
pub struct State {
    language: Language,
    request: Request,
    table: Option<Table>,
}

/// Runs the node that the bundle names.
#[decision_node]
pub fn reservations(context: &Context, state: State) -> Result<Step, Failure> {
    match context.node.as_str() {
        "availability" => availability::run(context, &state),
        "book" => book::run(context, &state),
        "cancel" => cancel::run(context, &state),
        other => Err(Failure::fatal(format!(
            "the plugin `reservations` has no node `{other}`; name it availability, book or cancel"
        ))),
    }
}

#[cfg(test)]
mod tests;
