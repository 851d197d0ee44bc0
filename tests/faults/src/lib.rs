//! Real hosts under faults. Each fault is a function that causes it, counts what went in and what came out, and fails
//! when anything acknowledged is lost or anything leaves under two keys. The tests run these functions one by one;
//! `cargo xtask faults` runs all of them and writes `bench/FAULTS.md`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "seeds and progress go to the terminal")]

pub mod crashes;
pub mod faults;
mod ledger;
pub mod report;
mod senders;
mod trial;
mod world;

pub use ledger::Counts;
pub use trial::{FaultReport, Seen};

/// The seed of a run: the value of `SIGNALBOX_FAULTS_SEED`, else one that no other run has. It is printed, so that a
/// run that fails can be repeated.
pub fn seed() -> u64 {
    let given = std::env::var("SIGNALBOX_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(rand::random);
    println!("seed {seed}; SIGNALBOX_FAULTS_SEED={seed} repeats the choices of this run");
    seed
}
