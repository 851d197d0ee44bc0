//! The HTTP server that the triggers share: connections within limits, verified tokens, and problem details.
//!
//! [`serve_http`] accepts connections, [`Verifier`] verifies tokens, [`BrowserOrigin`] is an origin whose pages may
//! call, and [`ProblemResponse`] is an error response. [`InspectedStream`] and [`ReadBudget`] are for a protocol that
//! takes over a connection.

mod auth;
mod body;
mod browser_origin;
mod client_network;
mod connection;
mod connection_inspector;
mod connection_limit;
mod connection_state;
mod inspected_stream;
mod lingering_close;
mod metrics;
mod problem;
mod read_body;
mod read_budget;
mod request_validation;
mod serve;
mod smuggling_detector;
#[cfg(test)]
mod tests;

pub use auth::{
    AuthConfig, AuthError, JwksConfig, KeyAlgorithm, KeyConfig, KeyError, VerifiedToken, Verifier, authorization,
    is_token_in_url,
};
pub use browser_origin::{BrowserOrigin, OriginError};
pub use client_network::client_network;
pub use inspected_stream::{InspectedStream, StreamInspector};
pub use metrics::describe_metrics;
pub use problem::{CORRELATION_HEADER, PROBLEM_JSON, ProblemResponse};
pub use read_body::{BodyReadError, read_body};
pub use read_budget::{ReadBudget, ReadBudgetExceeded};
pub use serve::{HttpConfig, HttpShutdown, serve_http};
