use std::time::Duration;

/// How fast the line moves: the time between one who got room and the next, lately. Times in which nobody waited say
/// nothing about it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    last: Option<Duration>,
    interval: Option<Duration>,
}

/// How much the newest step weighs: one in so many.
const WEIGHT: u32 = 8;

impl Pace {
    /// Somebody who waited got room.
    pub fn moved(&mut self, now: Duration) {
        if let Some(last) = self.last {
            let took = now.saturating_sub(last);
            self.interval = Some(match self.interval {
                Some(before) => (before.saturating_mul(WEIGHT - 1).saturating_add(took)) / WEIGHT,
                None => took,
            });
        }
        self.last = Some(now);
    }

    /// Nobody waits any more.
    pub fn rest(&mut self) {
        self.last = None;
    }

    pub fn interval(&self) -> Option<Duration> {
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_follows_the_line_and_forgets_the_times_without_one() {
        let second = Duration::from_secs;
        let mut pace = Pace::default();
        pace.moved(second(1));
        assert_eq!(pace.interval(), None, "one step is no pace");
        pace.moved(second(3));
        assert_eq!(pace.interval(), Some(second(2)));
        pace.rest();
        pace.moved(second(1_000));
        assert_eq!(pace.interval(), Some(second(2)), "nobody waited meanwhile");
        for now in 1_001..1_100 {
            pace.moved(second(now));
        }
        let lately = pace.interval().unwrap();
        assert!(lately >= second(1) && lately < Duration::from_millis(1_010), "{lately:?}");
    }
}
