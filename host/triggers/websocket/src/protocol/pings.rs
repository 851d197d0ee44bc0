use std::time::Duration;

/// A client's pings and pongs of one window; counted rather than kept, because a flood is what they are counted for.
#[derive(Debug, Default)]
pub(super) struct Pings {
    since: Duration,
    count: u32,
}

impl Pings {
    /// Counts one more; whether that is more than `most` within `window`.
    pub fn is_flood(&mut self, now: Duration, most: u32, window: Duration) -> bool {
        if now.saturating_sub(self.since) >= window {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count > most
    }
}
