//! A decider for the tests of triggers: a [`ScriptedDecider`], which knows the businesses and inputs of its [`Script`]
//! and decides by rules that a test can read, and the HTTP API with such a decider.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

pub mod api;
mod decider;
pub mod handlers;
mod record;
mod script;
mod token;

pub use decider::ScriptedDecider;
pub use script::{Script, business, businesses};
pub use token::{roles, token_with, verifier};
