//! Optimistic concurrency: reads an item, decides, and writes on condition that no other writer has written in between.
//! All such changes use this loop.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::StoreError;

/// How many attempts a writer makes when other writers change the same item.
pub(crate) const ATTEMPTS: u32 = 10;
/// The longest pause before the second attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// No pause is shorter.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_millis(320);

/// A change that is written on condition that no other writer has written in between. When another writer has, the
/// caller calls [`Contention::again`] and reads the item anew for the next attempt.
pub(crate) struct Contention<'a, W> {
    table: &'a str,
    what: W,
    attempts: u32,
}

impl<'a, W: Fn() -> String> Contention<'a, W> {
    /// Before the first attempt; `what` names the item in the error when all attempts fail.
    pub(crate) fn at(table: &'a str, what: W) -> Self {
        Self { table, what, attempts: 0 }
    }

    /// Waits until the next attempt; after [`ATTEMPTS`] attempts the error is [`StoreError::Contended`].
    pub(crate) async fn again(&mut self) -> Result<(), StoreError> {
        self.attempts += 1;
        if self.attempts >= ATTEMPTS {
            let (what, table) = ((self.what)(), self.table.to_owned());
            return Err(StoreError::Contended { what, table, attempts: self.attempts });
        }
        let pause = pause_before(self.attempts, &mut rand::rng());
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// The pause before attempt `number`, from 1. It is random up to a bound that doubles, so that writers that collided do
/// not collide again, and more writers spread further.
fn pause_before(number: u32, chance: &mut impl Rng) -> Duration {
    let doubled = 1_u32.checked_shl(number.saturating_sub(1)).unwrap_or(u32::MAX);
    let longest = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
    SHORTEST_PAUSE + longest.saturating_sub(SHORTEST_PAUSE).mul_f64(chance.random::<f64>())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use rand::rngs::StdRng;
    use rand::{SeedableRng as _, TryRng};

    use super::*;

    /// The result of a writer that meets other writers `met` times.
    async fn change(met: u32) -> Result<u32, StoreError> {
        let mut contention = Contention::at("schedules", || "schedule daily".to_owned());
        let mut attempt = 0;
        loop {
            attempt += 1;
            if attempt > met {
                return Ok(attempt);
            }
            contention.again().await?;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_contended_change_is_tried_again_until_it_is_written() {
        assert_eq!(change(0).await, Ok(1));
        assert_eq!(change(ATTEMPTS - 1).await, Ok(ATTEMPTS));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_others_keep_from_being_written_is_given_up_and_named() {
        let error = change(ATTEMPTS).await.unwrap_err();
        let (what, table) = ("schedule daily".to_owned(), "schedules".to_owned());
        assert_eq!(error, StoreError::Contended { what, table, attempts: ATTEMPTS });
        assert!(error.retryable() && error.code() == "store_contended");
        let said = error.to_string();
        assert!(said.contains("schedule daily") && said.contains("schedules") && said.contains("10 times"), "{said}");
    }

    /// A random number generator that always gives the same number.
    struct Always(u64);

    impl TryRng for Always {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok((self.0 >> 32) as u32)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(self.0)
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.fill(self.0 as u8);
            Ok(())
        }
    }

    #[test]
    fn a_pause_stays_in_bounds_that_double_whatever_chance_says() {
        for number in 1..u32::from(u8::MAX) {
            let bound = FIRST_PAUSE.saturating_mul(1 << (number - 1).min(8)).min(LONGEST_PAUSE);
            let least = pause_before(number, &mut Always(0));
            let most = pause_before(number, &mut Always(u64::MAX));
            assert_eq!(least, SHORTEST_PAUSE, "{number}");
            assert!(most <= bound && most > bound.mul_f64(0.99), "{number}: {most:?} of {bound:?}");
            let mut chance = StdRng::seed_from_u64(number.into());
            let pauses: Vec<_> = (0..50).map(|_| pause_before(number, &mut chance)).collect();
            assert!(pauses.iter().all(|pause| (least..=bound).contains(pause)), "{number}");
            let spread = pauses.iter().max().unwrap().saturating_sub(*pauses.iter().min().unwrap());
            assert!(spread > bound / 2, "{number}: writers that met would meet again, {spread:?} apart");
        }
    }
}
