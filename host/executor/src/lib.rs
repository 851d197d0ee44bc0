//! One input in, one decision out: context, graph, sandbox, journal, commit.
//!
//! [`Executor::authorize`] says whether a user may address a business. [`Executor::decide`] turns an accepted input
//! into a stored decision, exactly once however often it is called. This crate does not know how inputs arrive or how
//! effects are delivered.

mod config;
mod context;
mod error;
mod executor;
mod generations;
mod handle;
mod metrics;
mod progress;
mod record;
mod render;
mod review;
mod run;

pub use config::{ExecutorConfig, ReviewConfig};
pub use context::{Authorized, authorize};
pub use error::{AccessError, DecideError, not_stored};
pub use executor::{Decided, Executor, ExecutorParts};
pub use generations::{AbsentBundle, Generations};
pub use handle::{EventCall, HandleError};
pub use metrics::describe as describe_metrics;
pub use progress::{NodeEvent, Phase, Progress, Silent};
pub use review::{ReviewError, Reviewed, SubmittedReview, expire_review, review};
pub use signalbox_sandbox::{Handled, HandlerEvent, NewInput, NodeFailure, Rejection, Reply};
