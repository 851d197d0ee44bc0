//! Connects the generated exports with an author's function.

use serde::de::DeserializeOwned;

use crate::bindings::decision_node::exports::signalbox::agent::node;
use crate::bindings::input_handler::exports::signalbox::agent::handler;
use crate::{Context, Event, Failure, Handled, Rejection, State, Step};

pub use crate::bindings::capabilities::signalbox::agent::types::Context as WireContext;
pub use handler::{Event as WireEvent, Handled as WireHandled, Rejection as WireRejection};
pub use node::{Failure as WireNodeFailure, Step as WireStep};

/// The channels in the contract's types.
pub type WireState = Vec<(String, String)>;

/// Runs a node function that reads the state.
pub fn run_with_state<S: DeserializeOwned>(
    node: fn(&Context, S) -> Result<Step, Failure>,
    context: WireContext,
    state: WireState,
) -> Result<WireStep, WireNodeFailure> {
    let context = Context::from_wire(context);
    State::from_wire(state)
        .read()
        .map_err(Failure::from)
        .and_then(|state| node(&context, state))
        .and_then(Step::into_wire)
        .map_err(Failure::into_wire)
}

/// Runs a node function that takes the context alone.
pub fn run_without_state(
    node: fn(&Context) -> Result<Step, Failure>,
    context: WireContext,
    _state: WireState,
) -> Result<WireStep, WireNodeFailure> {
    node(&Context::from_wire(context)).and_then(Step::into_wire).map_err(Failure::into_wire)
}

/// Runs a handler function.
pub fn handle_event(
    handler: fn(Event) -> Result<Handled, Rejection>,
    event: WireEvent,
) -> Result<WireHandled, WireRejection> {
    handler(Event::from_wire(event)).map(Handled::into_wire).map_err(Rejection::into_wire)
}
