//! Guarantees of manifests and graphs, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod check;
mod expressions;
mod keys;
mod limits;
mod manifest;
mod properties;
mod stepper;
mod subgraphs;
mod support;
mod warnings;
