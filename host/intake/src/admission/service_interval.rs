use std::time::Duration;

/// The average time between two waiters that get room, as a moving average. Times in which no input waits are left out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ServiceInterval {
    last: Option<Duration>,
    average: Option<Duration>,
}

/// The weight of the newest interval is one divided by this.
const WEIGHT: u32 = 8;

impl ServiceInterval {
    /// Records that a waiting input got room.
    pub fn record(&mut self, now: Duration) {
        if let Some(last) = self.last {
            let took = now.saturating_sub(last);
            self.average = Some(match self.average {
                Some(before) => (before.saturating_mul(WEIGHT - 1).saturating_add(took)) / WEIGHT,
                None => took,
            });
        }
        self.last = Some(now);
    }

    /// Records that no input waits any more.
    pub fn pause(&mut self) {
        self.last = None;
    }

    pub fn average(&self) -> Option<Duration> {
        self.average
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_follows_the_latest_intervals_and_leaves_out_times_without_waiters() {
        let second = Duration::from_secs;
        let mut interval = ServiceInterval::default();
        interval.record(second(1));
        assert_eq!(interval.average(), None, "one waiter makes no interval");
        interval.record(second(3));
        assert_eq!(interval.average(), Some(second(2)));
        interval.pause();
        interval.record(second(1_000));
        assert_eq!(interval.average(), Some(second(2)), "nobody waited meanwhile");
        for now in 1_001..1_100 {
            interval.record(second(now));
        }
        let recent = interval.average().unwrap();
        assert!(recent >= second(1) && recent < Duration::from_millis(1_010), "{recent:?}");
    }
}
