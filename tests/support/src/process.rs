use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// The length of one tick in `/proc` on every current Linux.
const TICK_MILLIS: u64 = 10;

/// A process as `/proc` shows it.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// This process.
    pub fn own() -> Self {
        Self(std::process::id())
    }

    /// Resident memory in bytes, without file-backed memory, which other processes may share.
    pub fn private_memory(self) -> Result<u64> {
        Ok(status_kib(&format!("/proc/{}/status", self.0), "RssAnon:")? << 10)
    }

    /// Resident memory in bytes, all of it.
    pub fn memory(self) -> Result<u64> {
        Ok(status_kib(&format!("/proc/{}/status", self.0), "VmRSS:")? << 10)
    }

    /// The peak of resident memory since [`Process::forget_peak_memory`], in bytes.
    pub fn peak_memory(self) -> Result<u64> {
        Ok(status_kib(&format!("/proc/{}/status", self.0), "VmHWM:")? << 10)
    }

    /// Resets the peak to the current resident memory.
    pub fn forget_peak_memory(self) -> Result<()> {
        let path = format!("/proc/{}/clear_refs", self.0);
        fs::write(&path, "5").with_context(|| format!("{path} cannot be written"))
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

    /// The processor time of the process so far, including the kernel's work for it.
    pub fn cpu_time(self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.0);
        let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
        // The name in parentheses may hold anything; fields are counted after it.
        let (_, rest) = text.rsplit_once(')').context("a process's stat has a name")?;
        let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * TICK_MILLIS))
    }

    /// The processor time of its threads so far, and how long they waited for a core: the first two numbers of
    /// https://docs.kernel.org/scheduler/sched-stats.html. Threads that have ended are not included.
    pub fn scheduled(self) -> Result<[Duration; 2]> {
        let path = format!("/proc/{}/task", self.0);
        let mut sums = [Duration::ZERO; 2];
        for thread in fs::read_dir(&path).with_context(|| format!("{path} cannot be read"))? {
            // The thread may end meanwhile.
            let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            let numbers = text.split_whitespace().filter_map(|number| number.parse().ok()).map(Duration::from_nanos);
            sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
        Ok(sums)
    }
}

/// A field of `/proc/…/status` or `/proc/meminfo`, in KiB.
pub(crate) fn status_kib(path: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))?;
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{path} has no {name}"))?;
    line.trim().trim_end_matches("kB").trim().parse().with_context(|| format!("{name} in {path} is no number"))
}
