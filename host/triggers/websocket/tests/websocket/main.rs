//! The WebSocket protocol over real sockets, with a real store: the guarantees that `docs/guide/websocket.md` gives to
//! clients. Only deciding is scripted, so that the test says when a decision is made.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod authentication;
mod client;
mod draining;
mod fairness;
mod handshake;
mod host;
mod input_handlers;
mod limits;
mod malformed_frames;
mod messages;
mod observability;
mod recovery;
mod resume;
mod reviews;
