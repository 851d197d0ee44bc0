//! Capabilities in memory, so that `cargo test` runs a plugin natively.
//!
//! A [`Host`] receives the plugin's calls. It answers with the values that the test gave it, as the real host answers
//! from its backends: a value that was not given is absent, a backend that was not given is not configured. It records
//! log lines, calls and effects.
//!
//! ```
//! use signalbox_sdk::prelude::*;
//!
//! fn remember(context: &Context, _state: ()) -> Result<Step, Failure> {
//!     let guest = context.input.user_id.as_deref().unwrap_or("guest");
//!     dynamodb::put("guests", "seen", guest, &json!({ "at": context.now }), dynamodb::Condition::Always)?;
//!     info!(guest = guest, "remembered a guest");
//!     Ok(Step::new())
//! }
//!
//! let host = testing::Host::new();
//! let context = testing::context().user("ana").text("hello").build();
//! host.run(remember, &context, json!({})).unwrap();
//! assert!(host.row("guests", "seen", "ana").is_some());
//! assert_eq!(host.log_lines()[0].message, "remembered a guest");
//!
//! // Every failure can be produced.
//! let host = host.dynamodb_error(dynamodb::Error::Timeout);
//! assert!(matches!(host.run(remember, &context, json!({})), Err(Failure::Retry(_))));
//! ```

mod answers;
mod context;
pub(crate) mod contract;
mod memory;
mod rows;

use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Context, Event, Failure, Handled, Rejection, State, Step};

pub use context::{ContextBuilder, context};
pub use memory::{Call, Effect, LogLine};

/// The in-memory host. A clone is another handle to the same host.
#[derive(Clone, Default)]
pub struct Host(Rc<RefCell<memory::Memory>>);

thread_local! {
    static CURRENT: RefCell<Vec<Host>> = const { RefCell::new(Vec::new()) };
}

/// Runs a node function once on a host without any values but the context.
pub fn run<S: DeserializeOwned>(
    node: impl FnOnce(&Context, S) -> Result<Step, Failure>,
    context: &Context,
    state: Value,
) -> Result<Step, Failure> {
    Host::new().run(node, context, state)
}

/// Runs a handler function once on a host without any values.
pub fn handle(handler: impl FnOnce(Event) -> Result<Handled, Rejection>, event: Event) -> Result<Handled, Rejection> {
    Host::new().enter(|| handler(event))
}

impl Host {
    /// A host without rows, models, past decisions or answers, that grants everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a node function once; `state` is an object of the channels that have a value.
    ///
    /// Running the same context twice is a repeated decision: its writes carry the same idempotency keys, and a write
    /// that already happened gets the same answer.
    pub fn run<S: DeserializeOwned>(
        &self,
        node: impl FnOnce(&Context, S) -> Result<Step, Failure>,
        context: &Context,
        state: Value,
    ) -> Result<Step, Failure> {
        let state = state_of(&state).read()?;
        self.0.borrow_mut().begin(context);
        self.enter(|| node(context, state))
    }

    /// Runs a handler function once.
    pub fn handle(
        &self,
        handler: impl FnOnce(Event) -> Result<Handled, Rejection>,
        event: Event,
    ) -> Result<Handled, Rejection> {
        self.enter(|| handler(event))
    }

    /// Runs a closure whose capability calls go to this host.
    pub fn enter<R>(&self, inside: impl FnOnce() -> R) -> R {
        CURRENT.with_borrow_mut(|hosts| hosts.push(self.clone()));
        let _leave = Leave;
        inside()
    }

    /// Every line that was logged.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.0.borrow().log_lines.clone()
    }

    /// Every capability call but log lines and configuration.
    pub fn calls(&self) -> Vec<Call> {
        self.0.borrow().calls.clone()
    }

    /// Every effect of the decision, other than the step's own actions and responses.
    pub fn effects(&self) -> Vec<Effect> {
        self.0.borrow().effects.clone()
    }

    /// The current content of a row; none when there is no such row.
    pub fn row(&self, table: &str, partition: &str, sort: &str) -> Option<Value> {
        self.0.borrow().rows.value(table, partition, sort)
    }
}

/// Leaves the host again, also when the closure panics.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|hosts| {
            hosts.pop();
        });
    }
}

/// The host that receives this thread's calls: the innermost one entered, or one without any values.
fn current() -> Host {
    CURRENT.with_borrow(|hosts| hosts.last().cloned()).unwrap_or_default()
}

fn state_of(state: &Value) -> State {
    let channels = match state {
        Value::Object(channels) => channels.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
        _ => Vec::new(),
    };
    State::from_wire(channels)
}

/// The JSON text of a value that a test gave.
#[allow(clippy::expect_used, reason = "a test that gives a value without JSON form must fail here")]
fn text_of<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("the value a test gives has a JSON form")
}
