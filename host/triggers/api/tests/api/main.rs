//! The HTTP API over real sockets, with a real store: the guarantees that `docs/guide/api.md` gives to clients. Only
//! deciding is scripted, so that the test says when a decision is made.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod creating_inputs;
mod input_handlers;
mod reading_decisions;
mod reading_effects;
mod refused_requests;
mod reviews;
