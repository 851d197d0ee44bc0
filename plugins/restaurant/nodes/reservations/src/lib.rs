//! The nodes `availability`, `book`, `cancel`, `floor` and `count-bookings`: one plugin, because rows belong to a
//! plugin.
//!
//! All bookings of a day at a place are one row of the table `reservations`, written under the version that was read:
//! of two decisions that want the last table, one learns that it is taken. Past midnight a service goes on in the row
//! of the day it began on, while guests and other services are told the calendar's date. Every booking names the
//! decision that made it, so a decision that is repeated after a crash finds its result and gives the same answer.

mod availability;
mod book;
mod cancel;
mod count;
mod day;
mod floor;

use restaurant::booking::Request;
use restaurant::channels::Table;
use restaurant::language::Language;
use signalbox_sdk::prelude::*;

/// The channels that the nodes read; each node declares its own in the bundle.
#[derive(Deserialize)]
pub struct State {
    language: Option<Language>,
    request: Option<Request>,
    table: Option<Table>,
}

/// The channels of the nodes for one party's table.
struct Wish {
    language: Language,
    request: Request,
    table: Option<Table>,
}

/// Runs the node that the bundle names.
#[decision_node]
pub fn reservations(context: &Context, state: State) -> Result<Step, Failure> {
    match context.node.as_str() {
        "floor" => return floor::run(context),
        "count-bookings" => return count::run(context),
        _ => {}
    }
    let (Some(language), Some(request)) = (state.language, state.request) else {
        return Err(Failure::fatal(format!("node `{}` is not given `language` and `request`", context.node)));
    };
    let wish = Wish { language, request, table: state.table };
    match context.node.as_str() {
        "availability" => availability::run(context, &wish),
        "book" => book::run(context, &wish),
        "cancel" => cancel::run(context, &wish),
        other => Err(Failure::fatal(format!(
            "the plugin `reservations` has no node `{other}`; name it availability, book, cancel, floor or count-bookings"
        ))),
    }
}

#[cfg(test)]
mod tests;
