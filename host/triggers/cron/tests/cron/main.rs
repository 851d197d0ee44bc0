//! The guarantees of schedules, with a real store and a clock that the test moves. Only deciding is scripted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod catch_up;
mod cluster;
mod fairness;
mod input_handlers;
mod overlap;
mod schedule_changes;
mod ticks;
