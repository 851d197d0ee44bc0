//! The host `signalbox` as a library, so that what reads strangers' bytes here can be tried from outside; the program
//! is `main.rs`.

mod cli;
mod compiler;
pub mod config;
pub mod documents;
mod fit;
mod health;
mod metrics_endpoint;
mod permissions;
mod serve;
mod shutdown;
mod telemetry;
mod usage;

pub use cli::{Cli, run};
