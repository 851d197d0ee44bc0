//! The documents that the host serves about itself, and that its answers are as they say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

#[path = "../../../triggers/api/tests/api/desk.rs"]
#[allow(dead_code, reason = "the API's own tests use the rest of it")]
mod desk;
mod documents;
#[path = "../../../triggers/api/tests/api/host.rs"]
#[allow(dead_code, reason = "the API's own tests use the rest of it")]
mod host;

use signalbox_server::documents::routes as document_routes;
