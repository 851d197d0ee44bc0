//! The HTTP API over real sockets, with a real store: what a client of `docs/guide/api.md` may rely on. Only deciding is
//! done by a desk in the test, so that the test says when a decision is made.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod desk;
mod giving;
mod handling;
mod host;
mod reading;
mod refusing;
mod reviewing;

/// The documents are served by `host/server`, where they are tried too.
fn document_routes() -> axum::Router {
    axum::Router::new()
}
