//! How many requests of any kind one user may send; how many inputs, [`signalbox_intake::Intake::check_rate`] says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::ApiConfig;

/// After so many requests, users that have been quiet are forgotten.
const FORGET_EVERY: usize = 1_024;

pub(super) struct RequestRates {
    users: DefaultKeyedRateLimiter<String>,
    seen: AtomicUsize,
}

impl RequestRates {
    pub fn new(config: &ApiConfig) -> Self {
        let quota = Quota::per_second(config.requests_per_second).allow_burst(config.burst);
        Self { users: RateLimiter::keyed(quota), seen: AtomicUsize::new(0) }
    }

    /// How long the user has to wait; none when the request is within the rate.
    pub fn user(&self, user_id: &str) -> Option<Duration> {
        if self.seen.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.users.retain_recent();
            self.users.shrink_to_fit();
        }
        let refused = self.users.check_key(&user_id.to_owned()).err()?;
        Some(refused.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn who_asks_too_much_waits_and_others_do_not() {
        let one = const { NonZeroU32::new(1).unwrap() };
        let limits = RequestRates::new(&ApiConfig { requests_per_second: one, burst: one, ..ApiConfig::default() });
        assert_eq!(limits.user("ana"), None);
        assert!(limits.user("ana").unwrap() <= Duration::from_secs(1));
        assert_eq!(limits.user("dan"), None);
    }
}
