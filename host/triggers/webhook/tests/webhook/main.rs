//! Webhooks over real sockets, with a real store: the guarantees that `docs/guide/webhooks.md` gives to senders. Only
//! deciding and handling are scripted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod accepted_deliveries;
mod host;
mod input_handlers;
mod limits;
mod refused_deliveries;
