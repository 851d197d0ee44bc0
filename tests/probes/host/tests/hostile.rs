//! Every guest of the table of attempts is stopped as the table says, and the neighbour is answered after each.

use std::fs;

use anyhow::{Context, Result};
use signalbox_tests_probes::arena::Arena;
use signalbox_tests_probes::attempt::Ended;
use signalbox_tests_probes::attempts::attempts;

/// This process's memory as Linux counts it, in KiB: current or peak.
fn memory(what: &str) -> Result<u64> {
    if !cfg!(target_os = "linux") {
        return Ok(0);
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)).with_context(|| format!("{what} is missing"))?;
    Ok(line.trim_start_matches(':').trim_end_matches("kB").trim().parse()?)
}

#[tokio::test]
async fn whatever_is_tried_is_stopped_in_words_and_the_neighbour_is_answered() -> Result<()> {
    let arena = Arena::open().await?;
    let before = memory("VmRSS")?;
    let mut wrong = Vec::new();
    for attempt in attempts() {
        let name = &attempt.name;
        match attempt.run(&arena).await.with_context(|| format!("{name} was not tried"))? {
            Ended::Stopped(_) => {}
            Ended::Loose(told) => wrong.push(format!("{name}: `{}` is missing in {told}", attempt.word)),
        }
        arena.neighbour().await.with_context(|| format!("after {name}"))?;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // One guest's memory and that of other tests; the attempts would take gigabytes.
    let grown = memory("VmHWM")?.saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} KiB");
    Ok(())
}
