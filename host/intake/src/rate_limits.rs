//! The rates at which senders may send.

use signalbox_limits::RateLimiter;

use crate::metrics::SHED;
use crate::{IntakeConfig, IntakeError, RateScope};

/// The rates of users and businesses, over all triggers.
pub(super) struct RateLimits {
    users: RateLimiter<String>,
    businesses: RateLimiter<String>,
}

impl RateLimits {
    pub fn new(config: &IntakeConfig) -> Self {
        Self {
            users: RateLimiter::new(config.rate_per_user, config.burst_per_user),
            businesses: RateLimiter::new(config.rate_per_business, config.burst_per_business),
        }
    }

    /// Counts an event, unless that would exceed a rate. The user and the business must exist, because the limiter
    /// remembers every key for a while.
    pub fn check(&self, user_id: Option<&str>, business_id: &str) -> Result<(), IntakeError> {
        let refused = |scope: RateScope| {
            move |retry_after| {
                ::metrics::counter!(SHED, "reason" => scope.reason()).increment(1);
                IntakeError::RateLimited { scope, retry_after }
            }
        };
        // The user's rate is checked first, so that a user who sends too much does not use up the rate of the business.
        if let Some(user_id) = user_id {
            self.users.check(&user_id.to_owned()).map_err(refused(RateScope::User))?;
        }
        self.businesses.check(&business_id.to_owned()).map_err(refused(RateScope::Business))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    const ONE: NonZeroU32 = NonZeroU32::MIN;

    #[test]
    fn a_sender_over_its_rate_is_refused_and_uses_nothing_of_other_rates() {
        let two = NonZeroU32::new(2).unwrap();
        let config = IntakeConfig {
            rate_per_user: ONE,
            burst_per_user: ONE,
            rate_per_business: ONE,
            burst_per_business: two,
            ..IntakeConfig::default()
        };
        let rates = RateLimits::new(&config);
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
}
