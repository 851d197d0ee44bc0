use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter as Governor};

/// After this many checks the limiter forgets the keys that have been inactive. Forgetting walks over all keys, so it
/// is not done at each check. Until then the limiter remembers at most this many keys too many.
const CHECKS_BETWEEN_SWEEPS: usize = 1_024;

/// How often a key may do something: `per_second` times a second on average, and `burst` times at once after it has
/// been inactive.
///
/// The limiter implements the generic cell rate algorithm of the crate `governor`: a full bucket of `burst` tokens per
/// key, filled at the rate. A refused check takes no token. A key whose bucket is full again is forgotten, so memory is
/// bounded by the keys that were active a short time ago; nevertheless check only keys that exist, because every new
/// key is remembered for a while.
///
/// # Examples
///
/// ```
/// use std::num::NonZeroU32;
/// use signalbox_limits::RateLimiter;
///
/// let one = NonZeroU32::MIN;
/// let messages = RateLimiter::new(one, one);
/// assert!(messages.check(&"ana").is_ok());
/// let retry_after = messages.check(&"ana").unwrap_err();
/// assert!(retry_after.as_secs_f64() <= 1.0);
/// assert!(messages.check(&"dan").is_ok());
/// ```
pub struct RateLimiter<K: Clone + Eq + Hash, C: Clock = DefaultClock> {
    governor: Governor<K, DefaultKeyedStateStore<K>, C, NoOpMiddleware<C::Instant>>,
    checks: AtomicUsize,
}

impl<K: Clone + Eq + Hash> RateLimiter<K> {
    /// A limiter in which every key may do something `burst` times at once, and then `per_second` times a second.
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self::with_clock(per_second, burst, DefaultClock::default())
    }
}

impl<K: Clone + Eq + Hash, C: Clock> RateLimiter<K, C> {
    fn with_clock(per_second: NonZeroU32, burst: NonZeroU32, clock: C) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let store = DefaultKeyedStateStore::default();
        Self { governor: Governor::new(quota, store, clock), checks: AtomicUsize::new(0) }
    }

    /// Takes a token of the key. The error says when the next token is there, unless another check takes it first.
    pub fn check(&self, key: &K) -> Result<(), Duration> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_BETWEEN_SWEEPS == CHECKS_BETWEEN_SWEEPS - 1 {
            self.governor.retain_recent();
            self.governor.shrink_to_fit();
        }
        self.governor.check_key(key).map_err(|refused| refused.wait_time_from(self.governor.clock().now()))
    }

    /// How many keys are remembered.
    pub fn keys(&self) -> usize {
        self.governor.len()
    }
}

impl<K: Clone + Eq + Hash, C: Clock> fmt::Debug for RateLimiter<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").field("keys", &self.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    use super::*;

    fn number(value: u32) -> NonZeroU32 {
        NonZeroU32::new(value).unwrap()
    }

    #[test]
    fn a_key_that_asks_too_often_waits_and_uses_up_nothing_of_others() {
        let limiter = RateLimiter::new(number(1), number(1));
        limiter.check(&"ana").unwrap();
        for _ in 0..3 {
            let retry_after = limiter.check(&"ana").unwrap_err();
            assert!(retry_after <= Duration::from_secs(1), "{retry_after:?}");
        }
        limiter.check(&"dan").unwrap();
    }

    #[test]
    fn a_quiet_key_is_forgotten_and_a_busy_one_is_not() {
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::with_clock(number(1), number(1), clock.clone());
        for key in 0..CHECKS_BETWEEN_SWEEPS * 3 {
            limiter.check(&key).unwrap();
            clock.advance(Duration::from_secs(1));
        }
        assert!(limiter.keys() <= CHECKS_BETWEEN_SWEEPS, "{} keys", limiter.keys());
        let limiter = RateLimiter::with_clock(number(1), number(1), clock);
        limiter.check(&0).unwrap();
        assert!((0..CHECKS_BETWEEN_SWEEPS * 3).all(|_| limiter.check(&0).is_err()));
    }

    proptest! {
        #[test]
        fn a_key_gets_its_burst_and_its_rate_and_no_more_whatever_others_do(
            per_second in 1..20_u32,
            burst in 1..10_u32,
            steps in prop::collection::vec((0..3_u8, 0..300_u64), 1..80),
        ) {
            let clock = FakeRelativeClock::default();
            let limiter = RateLimiter::with_clock(number(per_second), number(burst), clock.clone());
            let interval = Duration::from_secs(1) / per_second;
            let mut now = Duration::ZERO;
            let mut allowed: [Vec<Duration>; 3] = Default::default();
            for (key, pause) in steps {
                let pause = Duration::from_millis(pause);
                clock.advance(pause);
                now += pause;
                let own = &mut allowed[usize::from(key)];
                match limiter.check(&key) {
                    Ok(()) => own.push(now),
                    Err(retry_after) => {
                        // After the last tokens were taken together, the next one is there one interval later.
                        prop_assert!(retry_after > Duration::ZERO && retry_after <= interval, "{:?}", retry_after);
                        prop_assert!(own.len() >= burst as usize, "refused before the burst was used up");
                    }
                }
                // No span of time admits more than the burst plus what the rate adds during it.
                for (index, from) in own.iter().enumerate() {
                    let most = u128::from(burst) + (now - *from).as_nanos() / interval.as_nanos();
                    prop_assert!((own.len() - index) as u128 <= most, "{:?}", own);
                }
            }
        }
    }
}
