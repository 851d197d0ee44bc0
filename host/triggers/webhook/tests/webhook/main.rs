//! Webhooks over real sockets, with a real store: what a sender that reads `docs/guide/webhooks.md` may rely on. Only
//! deciding and handling is scripted.
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
