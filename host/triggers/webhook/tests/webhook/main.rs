//! Webhooks over real sockets, with a real store: what a sender that reads `docs/guide/webhooks.md` may rely on. Only
//! deciding and handling is done by a desk in the test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod accepting;
mod handling;
mod host;
mod limiting;
mod reader;
mod refusing;
