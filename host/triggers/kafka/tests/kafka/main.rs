//! Kafka, with a real store: the guarantees that `docs/guide/kafka.md` gives to senders and operators. Only deciding
//! and handling are scripted.
//!
//! The brokers are librdkafka's mock cluster, which knows groups, commits, idempotent producers and errors on demand,
//! or the real cluster whose address `SIGNALBOX_TEST_KAFKA` holds (`cargo xtask test --real`). The mock cluster does
//! not refuse a record for its size and has no access rules; both were tried with Apache Kafka, as the guide says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod backpressure;
mod dead_letters;
mod faults;
mod host;
mod ordering;
mod reading_records;
mod rebalancing;
mod restarts;
