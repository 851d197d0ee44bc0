//! What the figures were taken on, and how much of it a process took.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use cpu_time::ProcessTime;

/// Commit, date and machine, as the first lines of a report.
pub fn described() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let memory = status_kib("/proc/meminfo", "MemTotal:").unwrap_or_default();
    format!(
        "| | |\n| --- | --- |\n| commit | {} |\n| date | {} |\n| machine | {}, {} cores, {} GiB, {} |\n| compiler | {} |\n",
        commit(),
        jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"),
        model.trim_start_matches([' ', '\t', ':']),
        std::thread::available_parallelism().map_or(1, usize::from),
        memory / (1 << 20),
        told("uname", &["-sr"]).unwrap_or_default(),
        compiler(),
    )
}

/// What is measured. The reports themselves may have changed since.
pub fn commit() -> String {
    let commit = told("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let changed = told("git", &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/*.md"]);
    let changed = changed.is_some_and(|text| !text.is_empty());
    format!("`{commit}`{}", if changed { " with uncommitted changes" } else { "" })
}

/// The day, in UTC.
pub fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// Which compiler there is; it built what is measured.
pub fn compiler() -> String {
    let version = told("rustc", &["--version"]).unwrap_or_default();
    version.split(" (").next().unwrap_or_default().to_owned()
}

fn told(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What one tick of `/proc` is on every Linux of today.
const TICK_MILLIS: u64 = 10;

/// What all threads of this process have computed.
pub fn cpu_time() -> Duration {
    ProcessTime::try_now().map_or(Duration::ZERO, |time| time.as_duration())
}

/// A process as `/proc` shows it.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// Resident memory in bytes, without what a file backs and another process may share.
    pub fn private_memory(self) -> Result<u64> {
        Ok(status_kib(&format!("/proc/{}/status", self.0), "RssAnon:")? << 10)
    }

    /// Resident memory in bytes, all of it.
    pub fn memory(self) -> Result<u64> {
        Ok(status_kib(&format!("/proc/{}/status", self.0), "VmRSS:")? << 10)
    }

    /// How many file handles it has open.
    pub fn handles(self) -> Result<u64> {
        let path = format!("/proc/{}/fd", self.0);
        Ok(fs::read_dir(&path).with_context(|| format!("{path} cannot be read"))?.count() as u64)
    }

    /// How many threads it has.
    pub fn threads(self) -> Result<u64> {
        let path = format!("/proc/{}/task", self.0);
        Ok(fs::read_dir(&path).with_context(|| format!("{path} cannot be read"))?.count() as u64)
    }

    /// What it has computed so far, in the kernel for it included.
    pub fn cpu_time(self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.0);
        let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
        // The name in parentheses may hold anything; fields are counted behind it.
        let (_, rest) = text.rsplit_once(')').context("a process's stat has a name")?;
        let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * TICK_MILLIS))
    }

    /// What its threads have computed so far, and for how long they waited for a core: the first two numbers of
    /// https://docs.kernel.org/scheduler/sched-stats.html. Threads that have ended are not in it.
    pub fn scheduled(self) -> Result<[Duration; 2]> {
        let path = format!("/proc/{}/task", self.0);
        let mut sums = [Duration::ZERO; 2];
        for thread in fs::read_dir(&path).with_context(|| format!("{path} cannot be read"))? {
            // It may end meanwhile.
            let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            let numbers = text.split_whitespace().filter_map(|number| number.parse().ok()).map(Duration::from_nanos);
            sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
        Ok(sums)
    }
}

fn status_kib(path: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))?;
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{path} has no {name}"))?;
    line.trim().trim_end_matches("kB").trim().parse().with_context(|| format!("{name} in {path} is no number"))
}
