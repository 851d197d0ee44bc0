//! What schedules promise, on a real store and a clock that the test moves. Only deciding is done by a desk in the test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod catching_up;
mod desk;
mod firing;
mod handling;
mod overlapping;
mod sharing;
mod steering;
mod world;
