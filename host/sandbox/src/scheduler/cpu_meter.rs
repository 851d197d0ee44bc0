use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When a call begins, the CPU clock of its thread is not read again if it was read less than this part of a tick ago,
/// because reading it takes as long as a short call.
const FRESH_READING: u32 = 8;

thread_local! {
    /// When the CPU clock of this thread was last read, and its value in nanoseconds.
    static LAST_READING: Cell<Option<(Instant, u64)>> = const { Cell::new(None) };
}

/// Measures the CPU time of one guest call, by the CPU clocks of the threads that poll it. A thread that waits for a
/// core spends no CPU time, so a call is not charged for a busy machine.
#[derive(Default)]
pub(crate) struct CpuMeter {
    /// The thread's CPU clock when it was last read for this call, in nanoseconds; 0 before the first poll.
    last: AtomicU64,
    /// The CPU time of finished polls that was not charged yet, in nanoseconds.
    uncharged: AtomicU64,
}

impl CpuMeter {
    /// Begins a poll on this thread, and returns the value of the thread's CPU clock. For the first poll of a call the
    /// value may be too large by up to a part of a tick, which is then not charged. Later polls are measured exactly,
    /// because otherwise a call would gain that part with each of them.
    pub fn start(&self, now: Instant, tick: Duration) -> u64 {
        let is_first = self.last.load(Ordering::Relaxed) == 0;
        let last = LAST_READING.get().map(|(at, time)| (now.saturating_duration_since(at), time));
        let time = match last {
            Some((since, time)) if is_first && since < tick / FRESH_READING => time.saturating_add(nanos(since)),
            _ => {
                let time = thread_cpu_time();
                LAST_READING.set(Some((now, time)));
                time
            }
        };
        self.last.store(time, Ordering::Relaxed);
        time
    }

    /// Ends a poll.
    pub fn pause(&self) {
        self.uncharged.fetch_add(nanos(self.lap()), Ordering::Relaxed);
    }

    /// The CPU time within this poll since the clock was last read.
    pub fn lap(&self) -> Duration {
        let now = thread_cpu_time();
        Duration::from_nanos(now.saturating_sub(self.last.swap(now, Ordering::Relaxed)))
    }

    /// The CPU time of finished polls since the last call of this function.
    pub fn take_uncharged(&self) -> Duration {
        Duration::from_nanos(self.uncharged.swap(0, Ordering::Relaxed))
    }
}

/// The CPU time of this thread, in nanoseconds.
pub(crate) fn thread_cpu_time() -> u64 {
    nanos(cpu_time::ThreadTime::try_now().map_or(Duration::ZERO, |time| time.as_duration()))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_secs(60);

    #[test]
    fn a_call_is_not_charged_for_what_the_thread_computed_before_it_and_one_that_waited_is_charged_to_the_nanosecond() {
        let (first, second) = (CpuMeter::default(), CpuMeter::default());
        let read = Instant::now();
        let before = first.start(read, TICK);
        // The next call begins one second later; the idle thread cannot have computed for longer than that.
        let soon = second.start(read + Duration::from_secs(1), TICK);
        assert_eq!(soon, before + 1_000_000_000);
        assert_eq!(second.lap(), Duration::ZERO);
        let again = second.start(read + Duration::from_secs(2), TICK);
        assert!(again < soon, "the clock is read: {again}");
        let late = CpuMeter::default().start(read + TICK, TICK);
        assert!(late >= again && late < soon, "and so it is for a call that begins long after: {late}");
    }
}
