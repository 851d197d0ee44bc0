//! How much one user, and all users of one business, may ask.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::ApiConfig;

/// After so many requests, users and businesses that have been quiet are forgotten.
const FORGET_EVERY: usize = 1_024;

pub(super) struct Limits {
    users: DefaultKeyedRateLimiter<String>,
    businesses: DefaultKeyedRateLimiter<String>,
    seen: AtomicUsize,
}

impl Limits {
    pub fn new(config: &ApiConfig) -> Self {
        let quota = |rate: NonZeroU32, burst: NonZeroU32| Quota::per_second(rate).allow_burst(burst);
        Self {
            users: RateLimiter::keyed(quota(config.requests_per_second, config.burst)),
            businesses: RateLimiter::keyed(quota(config.business_requests_per_second, config.business_burst)),
            seen: AtomicUsize::new(0),
        }
    }

    /// How long the user has to wait; none when the request is within the rate.
    pub fn user(&self, user_id: &str) -> Option<Duration> {
        if self.seen.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            for limiter in [&self.users, &self.businesses] {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            }
        }
        wait(&self.users, user_id)
    }

    /// The same for all users of a business together. Ask only for businesses that exist: each is remembered.
    pub fn business(&self, business_id: &str) -> Option<Duration> {
        wait(&self.businesses, business_id)
    }
}

fn wait(limiter: &DefaultKeyedRateLimiter<String>, key: &str) -> Option<Duration> {
    let refused = limiter.check_key(&key.to_owned()).err()?;
    Some(refused.wait_time_from(DefaultClock::default().now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_much_waits_and_others_do_not() {
        let one = const { NonZeroU32::new(1).unwrap() };
        let limits = Limits::new(&ApiConfig { requests_per_second: one, burst: one, ..ApiConfig::default() });
        assert_eq!(limits.user("ana"), None);
        assert!(limits.user("ana").unwrap() <= Duration::from_secs(1));
        assert_eq!(limits.user("dan"), None);
    }
}
