//! One input in, one decision out: context, graph, sandbox, journal, commit.
//!
//! [`Executor::authorize`] says whether a user may address a business; [`Executor::decide`] turns an accepted input into
//! a stored decision, exactly once however often it is called. How inputs arrive and how effects leave is not known here.

mod context;
mod error;
mod progress;
mod run;

pub use context::Authorized;
pub use error::{AccessError, DecideError};
pub use progress::{NodeEvent, Phase, Progress, Silent};
pub use run::{Decided, Executor};
