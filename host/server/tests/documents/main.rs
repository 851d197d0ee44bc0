//! The documents that the host serves about itself, and that its answers are as they say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod documents;
