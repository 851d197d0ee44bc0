//! Components: read with their bundle, compiled once in a child process, checked against their grants, linked, and
//! called in a new instance each time, which is dropped afterwards.
//!
//! This crate has the only `wasmtime::Config`. [`Sandbox::load`] turns the folder of a bundle into a [`Generation`];
//! [`Sandbox::run_node`] and [`Sandbox::run_handler`] run its nodes and handlers within all limits.

mod breaker;
mod bundle;
mod call;
mod compile;
mod config;
mod convert;
mod engine;
mod error;
mod generation;
mod guest;
mod handle;
mod imports;
mod instance;
mod limits;
mod load;
mod metrics;
mod sandbox;
mod scheduler;
mod wasi;

pub use call::{NodeCall, NodeRun};
pub use compile::{ChildError, Compilation, CompileError, CompileLimits, compile_as_child};
pub use config::SandboxConfig;
pub use convert::{NewAction, NewResponse, NodeStep, Verdict};
pub use error::{BundleError, Refusal, SandboxError};
pub use generation::{Generation, Plugin, Written};
pub use handle::{Handled, HandlerCall, HandlerEvent, HandlerRun, NewInput, Rejection, Reply};
pub use instance::NodeFailure;
pub use metrics::describe as describe_metrics;
pub use sandbox::Sandbox;
pub use scheduler::LoadPriority;
