//! Where the figures of a report were measured: commit, machine and compiler.

use std::fs;
use std::process::Command;

use crate::process::status_kib;

/// Commit, date, machine and compiler, as the first lines of a report.
pub fn table() -> String {
    let memory = status_kib("/proc/meminfo", "MemTotal:").unwrap_or_default();
    format!(
        "| | |\n| --- | --- |\n| commit | {} |\n| date | {} |\n| machine | {}, {} GiB, {} |\n| compiler | {} |\n",
        commit(),
        now(),
        machine(),
        memory / (1 << 20),
        told("uname", &["-sr"]).unwrap_or_default(),
        compiler(),
    )
}

/// Processor and cores.
pub fn machine() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores", model.trim_start_matches([' ', '\t', ':']))
}

/// The commit that is measured. The reports themselves may have changed since.
pub fn commit() -> String {
    let commit = told("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let changed =
        told("git", &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/*.md", ":!tests/*.md"]);
    let changed = changed.is_some_and(|text| !text.is_empty());
    format!("`{commit}`{}", if changed { " with uncommitted changes" } else { "" })
}

/// Day and minute, in UTC.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The day, in UTC.
pub fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// The compiler, which also built the measured programs.
pub fn compiler() -> String {
    let version = told("rustc", &["--version"]).unwrap_or_default();
    version.split(" (").next().unwrap_or_default().to_owned()
}

/// The output of a program, if it exits successfully.
fn told(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
