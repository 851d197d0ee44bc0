//! The tools of end-to-end tests and measurements: a real `signalbox` process on a free port with files of its own, the
//! resources that it uses, valid and invalid tokens, and a client. Every wait has a deadline and names what did not
//! come.

mod api;
mod artefacts;
mod client;
mod host;
mod kafka;
mod log;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod machine;
mod process;
pub mod provenance;
mod receiver;
mod server;
mod setup;
mod smtp;
mod store_proxy;
mod store_server;
mod token;
mod usage;

use std::time::Duration;

pub use api::Caller;
pub use artefacts::{bundle, compiled, signalbox};
pub use client::{Client, Closed};
pub use host::{EndedEarly, Host};
pub use kafka::{Kafka, MockKafka, Read, Sent};
pub use log::Log;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub use machine::Machine;
pub use process::Process;
pub use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
pub use receiver::{Received, Receiver, Reception};
pub use server::Server;
pub use setup::Setup;
pub use signalbox_crash_points::CrashPoint;
pub use smtp::{ReceivedEmail, SmtpFault, SmtpPoint, SmtpServer};
pub use store_proxy::{StoreCalls, StoreFaults, StoreProxy};
pub use store_server::StoreServer;
pub use token::{BadToken, Token, bad_tokens};
pub use usage::Usage;

/// Locked while bundles are loaded, so that the first test compiles a component and the others find it compiled.
pub static LOADING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The longest wait of a test, also on a busy machine. Only a test that fails reaches it.
pub const DEADLINE: Duration = Duration::from_secs(60);
