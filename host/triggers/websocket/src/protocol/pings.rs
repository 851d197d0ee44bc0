use std::time::Duration;

/// Counts a client's pings and pongs in one window. It keeps a number and not each frame, because a client may send
/// very many.
#[derive(Debug, Default)]
pub(super) struct Pings {
    since: Duration,
    count: u32,
}

impl Pings {
    /// Counts one more; true when that is more than `most` within `window`.
    pub fn is_flood(&mut self, now: Duration, most: u32, window: Duration) -> bool {
        if now.saturating_sub(self.since) >= window {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count > most
    }
}
