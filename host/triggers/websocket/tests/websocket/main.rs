//! The WebSocket protocol over real sockets, with a real store: what a client of `docs/guide/websocket.md` may rely on.
//! Only deciding is done by a desk in the test, so that the test says when a decision is made.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod accepting;
mod answering;
mod client;
mod draining;
mod entering;
mod flooding;
mod handling;
mod handshaking;
mod host;
mod limiting;
mod recovering;
mod resuming;
mod reviewing;
mod watching;
