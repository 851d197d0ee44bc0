//! The host `signalbox` as a library, so that fuzz targets can call the code that reads untrusted bytes; the program is
//! `main.rs`.

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
