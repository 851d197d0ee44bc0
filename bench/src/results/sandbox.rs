//! One call of one guest: by the sandbox with all of its limits, and by bare Wasmtime with none.

use std::time::Duration;

use anyhow::Result;

use super::guest_call::GuestCall;
use crate::figures::{ROUNDS, median, micros, times};
use crate::report::{Report, Section};

const ROUND: Duration = Duration::from_millis(300);

pub async fn measure(report: &mut Report) -> Result<()> {
    let call = GuestCall::new().await?;
    let (mut sandbox, mut fresh, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..=ROUNDS {
        let (one, two, three) = (call.sandbox(ROUND).await?, call.bare(ROUND).await?, call.warm(ROUND).await?);
        // The first turn warms up.
        if turn > 0 {
            sandbox.push(one);
            fresh.push(two);
            warm.push(three);
        }
    }
    let (sandbox, bare, warm) = (median(&sandbox), median(&fresh), median(&warm));
    let mut section = Section::new("One call of one guest");
    section.say(
        "The node `reply` of the probe `chain`, a component of Rust's standard library and the SDK. All three take turns \
         in each round. Signalbox never calls an instance twice, so it has no warm call; bare Wasmtime's shows what is the \
         guest's own work with its arguments and result.",
    );
    let row = |name: &str, cost: f64| vec![name.to_owned(), micros(cost), times(cost / bare)];
    section.table(
        &["call", "CPU", "beside a fresh instance of bare Wasmtime"],
        &[
            row("sandbox: fresh instance, every limit", sandbox),
            row("bare Wasmtime: fresh instance", bare),
            row("bare Wasmtime: an instance that lives on", warm),
        ],
    );
    report.add(section);
    Ok(())
}
