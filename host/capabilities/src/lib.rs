//! The capabilities of plugins: one module per WIT package, and [`guard`] around every call.
//!
//! [`Services`] holds the backends and lives as long as the process. [`Calls`] serves one guest call: it knows the
//! decision of the call, checks grants and limits, keeps the journal and collects effects. Reads are answered at once;
//! effects stay in [`Calls`] until the executor stores them with the decision.

mod answers;
mod calls;
mod grants;
mod guard;
mod journal;
mod link;
mod metrics;
mod services;

pub mod business;
mod config;
pub mod cron;
mod dynamodb;
pub mod folder;
pub mod http;
mod kafka;
pub mod llm;
mod log;
pub mod rag;
mod resources;
mod websocket;

pub use answers::{AnswerLedger, AnswerLimits, Answers, NoRoom, weight as json_weight};
pub use calls::{CallRecord, CallScope, Calls, LimitExceeded, PluginPolicy};
pub use grants::{Capability, GrantError, Grants};
pub use journal::{Answer, JournalEntry};
pub use kafka::PublishableTopics;
pub use link::add_to_linker;
pub use log::guest_output;
pub use metrics::describe as describe_metrics;
pub use services::Services;
