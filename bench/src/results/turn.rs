//! A turn of one of those that are compared: they take turns, so that each meets the machine as the others do.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cpu::cpu_time;
use crate::figures::in_micros;

/// Does the work again and again. Gives the processor time of one piece of it, of which each time does so many, in
/// microseconds.
pub async fn turn(length: Duration, pieces: u32, mut work: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
    let (cpu, started, mut done) = (cpu_time(), Instant::now(), 0_u32);
    while started.elapsed() < length {
        work().await?;
        done += pieces;
    }
    Ok(in_micros(cpu_time() - cpu) / f64::from(done))
}
