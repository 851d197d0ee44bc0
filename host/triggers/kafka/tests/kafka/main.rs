//! Kafka against librdkafka's mock cluster, with a real store: what a sender and an operator that read
//! `docs/guide/kafka.md` may rely on. Only deciding and handling is scripted.
//!
//! The mock cluster knows groups, commits, idempotent producers and errors on demand. It does not keep a record back
//! from a topic because of its size and has no access rules; that was tried with Apache Kafka, as the guide says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod backpressure;
mod dead_letters;
mod host;
mod ordering;
mod reading_records;
mod rebalancing;
mod restarts;
