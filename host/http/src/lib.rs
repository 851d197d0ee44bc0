//! What every trigger over HTTP stands on: connections that are accepted within limits, tokens that are verified, and
//! errors that are told as problem details.
//!
//! [`serve_http`] accepts connections, [`Verifier`] checks who speaks, [`BrowserOrigin`] is where a browser's page may
//! come from, [`ProblemResponse`] is an answer that says what went wrong.

mod allowance;
mod auth;
mod body;
mod browser_origin;
mod client_network;
mod connection;
mod connection_limit;
mod heads;
mod message;
mod metrics;
mod problem;
mod progress;
mod read_body;
mod serve;
mod stream;
#[cfg(test)]
mod tests;

pub use allowance::{Allowance, UsedUp};
pub use auth::{
    AuthConfig, AuthError, JwksConfig, KeyAlgorithm, KeyConfig, KeyError, Verified, Verifier, authorization,
    is_token_in_url,
};
pub use browser_origin::{BrowserOrigin, OriginError};
pub use client_network::client_network;
pub use metrics::describe_metrics;
pub use problem::{CORRELATION_HEADER, PROBLEM_JSON, ProblemResponse};
pub use read_body::{BodyReadError, read_body};
pub use serve::{HttpConfig, HttpEnding, serve_http};
