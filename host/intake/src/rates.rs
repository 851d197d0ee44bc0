//! How much senders may bring over time.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::metrics::SHED;
use crate::{IntakeConfig, IntakeError, RateScope};

/// After so many events, users and businesses that have been quiet are forgotten.
const FORGET_EVERY: usize = 1_024;

/// The rates of users and businesses, over all triggers.
pub(super) struct Rates {
    users: DefaultKeyedRateLimiter<String>,
    businesses: DefaultKeyedRateLimiter<String>,
    seen: AtomicUsize,
}

impl Rates {
    pub fn new(config: &IntakeConfig) -> Self {
        let quota = |rate: NonZeroU32, burst: NonZeroU32| Quota::per_second(rate).allow_burst(burst);
        Self {
            users: RateLimiter::keyed(quota(config.rate_per_user, config.burst_per_user)),
            businesses: RateLimiter::keyed(quota(config.rate_per_business, config.burst_per_business)),
            seen: AtomicUsize::new(0),
        }
    }

    /// Counts an event, unless it is one too many. Ask only for users and businesses that exist: each is remembered.
    pub fn check(&self, user_id: Option<&str>, business_id: &str) -> Result<(), IntakeError> {
        if self.seen.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            for limiter in [&self.users, &self.businesses] {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            }
        }
        // The user first: what one sends too much does not use up what the business's others may send.
        let of_user = user_id.and_then(|id| Some((RateScope::User, wait(&self.users, id)?)));
        let refused = of_user.or_else(|| Some((RateScope::Business, wait(&self.businesses, business_id)?)));
        let Some((scope, retry_after)) = refused else { return Ok(()) };
        ::metrics::counter!(SHED, "reason" => scope.reason()).increment(1);
        Err(IntakeError::RateLimited { scope, retry_after })
    }
}

fn wait(limiter: &DefaultKeyedRateLimiter<String>, key: &str) -> Option<Duration> {
    let refused = limiter.check_key(&key.to_owned()).err()?;
    Some(refused.wait_time_from(DefaultClock::default().now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NonZeroU32 = NonZeroU32::MIN;

    #[test]
    fn who_sends_too_much_waits_and_uses_up_nothing_of_others() {
        let two = NonZeroU32::new(2).unwrap();
        let config = IntakeConfig {
            rate_per_user: ONE,
            burst_per_user: ONE,
            rate_per_business: ONE,
            burst_per_business: two,
            ..IntakeConfig::default()
        };
        let rates = Rates::new(&config);
        rates.check(Some("ana"), "roma").unwrap();
        for _ in 0..3 {
            let Err(IntakeError::RateLimited { scope, retry_after }) = rates.check(Some("ana"), "roma") else {
                panic!("ana sends too much")
            };
            assert_eq!(scope, RateScope::User);
            assert!(retry_after <= Duration::from_secs(1), "{retry_after:?}");
        }
        rates.check(Some("dan"), "roma").unwrap();
        let Err(IntakeError::RateLimited { scope, .. }) = rates.check(None, "roma") else {
            panic!("roma has too much")
        };
        assert_eq!(scope, RateScope::Business);
        rates.check(None, "clinic").unwrap();
    }

    #[test]
    fn whoever_is_quiet_is_forgotten() {
        let fast = NonZeroU32::new(1_000_000).unwrap();
        let config = IntakeConfig { rate_per_user: fast, rate_per_business: fast, ..IntakeConfig::default() };
        let rates = Rates::new(&config);
        for number in 0..FORGET_EVERY * 3 {
            rates.check(Some(&format!("user {number}")), &format!("business {number}")).unwrap();
        }
        assert!(rates.users.len() <= FORGET_EVERY, "{} users", rates.users.len());
        assert!(rates.businesses.len() <= FORGET_EVERY, "{} businesses", rates.businesses.len());
    }
}
