//! Counts the instructions of one decision with callgrind: the number is the same each time, whatever else the machine
//! does.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use signalbox_sandbox::SandboxConfig;
use signalbox_store::{Backend, Config, Store};
use signalbox_tests_support::provenance;
use tempfile::TempDir;

use crate::bundle;
use crate::figures::grouped;
use crate::in_process::{InProcessHost, TEXT, input};

const FILE: &str = "bench/INSTRUCTIONS.md";
const HEAD: &str = "\
# Instructions of a decision

A line for each `cargo xtask instructions`, the newest last; do not edit. Counted by `valgrind --tool=callgrind` on one thread: one
decision through the chain of three nodes (`tests/probes/bundles/chain`), each in a fresh sandbox, not recorded and recorded in
memory. The difference of two runs of different length is divided by that difference, so that start and end do not count. The host's
clock does not tick meanwhile: nothing is short under callgrind, and each guest would get a thread. A change of 5 % or more is marked.

| date | commit | compiler | decision | change | recorded | change |
| --- | --- | --- | ---: | ---: | ---: | ---: |
";

/// How many decisions the short and the long run make.
const FEW: u32 = 100;
const MANY: u32 = 600;
/// From how many percent on a change is marked.
const NOTABLE: f64 = 5.0;

/// Counts, and adds a line to `bench/INSTRUCTIONS.md`.
pub fn run() -> Result<()> {
    let mut text = fs::read_to_string(FILE).unwrap_or_else(|_| HEAD.to_owned());
    // The first run compiles the component for the processor that valgrind emulates, which is not the machine's.
    counted(1, false)?;
    let counts = [instructions(false)?, instructions(true)?];
    let before = text.lines().last().and_then(read_line);
    let mut cells = Vec::new();
    for (at, count) in counts.into_iter().enumerate() {
        let change = before.and_then(|before| before.get(at).copied()).map(|before| (count / before - 1.0) * 100.0);
        cells.push(grouped(count));
        cells.push(match change {
            None => String::new(),
            Some(change) if change.abs() >= NOTABLE => format!("**{change:+.1} %**"),
            Some(change) => format!("{change:+.1} %"),
        });
    }
    let line = format!(
        "| {} | {} | {} | {} |\n",
        provenance::today(),
        provenance::commit(),
        provenance::compiler(),
        cells.join(" | ")
    );
    print!("{line}");
    text.push_str(&line);
    fs::write(FILE, text).with_context(|| format!("{FILE} cannot be written"))
}

/// The two counts of a line.
fn read_line(line: &str) -> Option<[f64; 2]> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let count = |at: usize| cells.get(at)?.replace(',', "").parse().ok();
    Some([count(4)?, count(6)?])
}

fn instructions(recorded: bool) -> Result<f64> {
    let (few, many) = (counted(FEW, recorded)?, counted(MANY, recorded)?);
    Ok((many - few) / f64::from(MANY - FEW))
}

/// The instructions of a whole run of `decisions` decisions.
fn counted(decisions: u32, recorded: bool) -> Result<f64> {
    let folder = TempDir::new()?;
    let file = folder.path().join("callgrind");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", file.display()));
    command.arg(std::env::current_exe()?).args(["decide", &decisions.to_string()]);
    if recorded {
        command.arg("--recorded");
    }
    let output = command
        .stdout(Stdio::null())
        .output()
        .context("valgrind cannot be started; install it, for example Debian's package `valgrind`")?;
    if !output.status.success() {
        bail!("valgrind ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    read_total(&file)
}

fn read_total(file: &Path) -> Result<f64> {
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")));
    total.context("callgrind wrote no total")?.trim().parse().context("callgrind's total is no number")
}

/// Makes `count` decisions through the chain of three nodes.
pub fn decide(count: u32, recorded: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open(Config::new(Backend::Embedded { path: None })).await?;
        // A small pool, because callgrind offers less address space than the machine. No ticks, because nothing takes a
        // short time under callgrind.
        let tick = Duration::from_secs(3_600);
        let host = InProcessHost::with(store, SandboxConfig { instances: 2, tick, ..SandboxConfig::default() })?;
        let folder = TempDir::new()?;
        bundle::chain(folder.path())?;
        host.publish(folder.path()).await?;
        for _ in 0..count {
            let input = input(&json!({ "text": TEXT }))?;
            if recorded {
                host.decide(input).await?;
            } else {
                host.decide_unrecorded(&input).await?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_a_line_are_read_back() {
        let line = "| 2026-11-28 | `abc` | rustc 1.95.0 | 1,234,567 | +1.0 % | 2,000,000 | **+9.0 %** |";
        assert_eq!(read_line(line), Some([1_234_567.0, 2_000_000.0]));
        assert_eq!(read_line("| --- | --- | --- | ---: | ---: | ---: | ---: |"), None);
    }
}
