//! Write Signalbox plugins in Rust.
//!
//! A plugin is one annotated function. A [`decision_node`] is one step of a business type's decision graph: it reads
//! the graph's channels as a struct of its own and gives back a [`Step`].
//!
//! ```
//! use signalbox_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct State {
//!     guests: Option<u32>,
//! }
//!
//! #[decision_node]
//! fn greet(context: &Context, state: State) -> Result<Step, Failure> {
//!     let Some(guests) = state.guests else {
//!         return Ok(Step::new().reply_template("booking.how-many", json!({})).decide(
//!             Verdict::new("booking.how-many", "booking").reasoning("the guest did not say for how many"),
//!         ));
//!     };
//!     let largest = context.setting::<u32>("largest-party")?.unwrap_or(12);
//!     info!(guests = guests, "checked the size of the party");
//!     Ok(Step::new().update("fits", &(guests <= largest))?)
//! }
//!
//! // `cargo test` runs it natively: capabilities are in memory, no Wasm is needed.
//! let context = testing::context().text("a table for 4").settings(json!({ "largest-party": 8 })).build();
//! let step = testing::run(greet, &context, json!({ "guests": 4 })).unwrap();
//! assert_eq!(step.updates, [("fits".to_owned(), "true".to_owned())]);
//! ```
//!
//! An [`input_handler`] turns what a trigger received into inputs. Each capability that a plugin may use is a module,
//! named like its WIT package: [`log`], [`config`], [`business`], [`resources`], [`rag`], [`dynamodb`], [`http`],
//! [`kafka`], [`websocket`], [`cron`], [`llm`]. Each but the first two needs a grant in the bundle, and capabilities
//! that a plugin does not use are not in its component.
//! use is not in its component.

extern crate self as signalbox_sdk;

mod action;
#[doc(hidden)]
pub mod bindings;
mod context;
mod contract;
mod error;
mod event;
mod export;
mod failure;
mod json;
mod moment;
mod response;
mod state;
mod step;
mod verdict;

pub mod business;
pub mod config;
pub mod cron;
pub mod dynamodb;
pub mod http;
pub mod kafka;
pub mod llm;
pub mod log;
pub mod rag;
pub mod resources;
pub mod websocket;

#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use action::{Action, ActionType, Priority, RetryPolicy};
pub use context::{Business, Content, Context, Input, InputType, Location, Source};
pub use event::{ApiRequest, Entry, Event, Handled, Message, NewInput, Rejection, Reply, Tick, WebhookRequest};
pub use failure::Failure;
pub use json::{Json, JsonError};
pub use moment::Moment;
pub use response::{Response, ResponseTarget};
/// What does not have the right form does not compile, and the error points at it:
///
/// ```compile_fail
/// use signalbox_sdk::prelude::*;
///
/// #[decision_node]
/// fn greet(context: Context) -> Result<Step, Failure> { // error: the context is taken by reference
///     Ok(Step::new())
/// }
/// ```
///
/// ```compile_fail
/// use signalbox_sdk::prelude::*;
///
/// #[decision_node]
/// fn greet(context: &Context) -> Result<Step, String> { // error: expected `Failure`, found `String`
///     Ok(Step::new())
/// }
/// ```
///
/// ```compile_fail
/// use signalbox_sdk::prelude::*;
///
/// struct State; // error: it has no `Deserialize`
///
/// #[decision_node]
/// fn greet(context: &Context, state: State) -> Result<Step, Failure> {
///     Ok(Step::new())
/// }
/// ```
pub use signalbox_sdk_macros::decision_node;
/// ```
/// use signalbox_sdk::prelude::*;
///
/// #[input_handler]
/// fn heartbeat(event: Event) -> Result<Handled, Rejection> {
///     match event {
///         Event::Cron(_tick) => Ok(Handled::new()),
///         _ => Err(Rejection::Invalid("only schedules beat".to_owned())),
///     }
/// }
/// ```
///
/// ```compile_fail
/// use signalbox_sdk::prelude::*;
///
/// #[input_handler]
/// fn heartbeat(event: Event) -> Result<Step, Rejection> { // error: expected `Handled`, found `Step`
///     Ok(Step::new())
/// }
/// ```
pub use signalbox_sdk_macros::input_handler;
pub use state::State;
pub use step::Step;
pub use verdict::Verdict;

#[doc(hidden)]
pub mod __private {
    //! The items that the expanded attribute macros refer to.
    pub use crate::export::{
        WireContext, WireEvent, WireHandled, WireNodeFailure, WireRejection, WireState, WireStep, handle_event,
        run_with_state, run_without_state,
    };
}

#[doc(hidden)]
pub use wit_bindgen::rt as wit_bindgen_rt;

/// Everything that a plugin usually needs, for one `use` line.
pub mod prelude {
    pub use crate::{
        Action, ActionType, Context, Event, Failure, Handled, InputType, Json, Moment, NewInput, Priority, Rejection,
        Response, Source, State, Step, Verdict, decision_node, input_handler,
    };
    pub use crate::{business, config, cron, dynamodb, http, kafka, llm, rag, resources, websocket};
    pub use crate::{debug, error, info, trace, warn};
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::{Value, json};

    #[cfg(not(target_arch = "wasm32"))]
    pub use crate::testing;
}
