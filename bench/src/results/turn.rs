//! One turn of a comparison: the compared things take turns, so that each meets the machine in the same state.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cpu::cpu_time;
use crate::figures::in_micros;

/// Repeats the work, of which each repetition has `pieces` pieces. Returns the processor time of one piece in
/// microseconds.
pub async fn turn(length: Duration, pieces: u32, mut work: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
    let (cpu, started, mut done) = (cpu_time(), Instant::now(), 0_u32);
    while started.elapsed() < length {
        work().await?;
        done += pieces;
    }
    Ok(in_micros(cpu_time() - cpu) / f64::from(done))
}
