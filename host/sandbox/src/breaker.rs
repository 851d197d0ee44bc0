//! Breakers: a plugin that traps repeatedly for a business is not run for that business for a while, because each of
//! its calls would use an instance and its whole budget and probably trap again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::SandboxConfig;
use crate::metrics;

/// The most businesses whose traps are counted at the same time. Calls for further businesses are not counted, and run
/// within all other limits.
const MOST_BUSINESSES: usize = 1_000;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thresholds {
    /// The number of traps that opens it; 0 never opens it.
    pub traps: u32,
    /// The time within which the traps count.
    pub window: Duration,
    /// How long it refuses calls before it admits one as a trial.
    pub cool_down: Duration,
}

/// Why a call is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// The breaker is closed.
    AsUsual,
    /// The call is a trial: its result closes the breaker or opens it again.
    OnTrial,
}

/// The end of a call, as far as it says something about the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The guest returned, possibly with a failure.
    Answered,
    /// It trapped.
    Trapped,
    /// The call was given up, possibly because of a slow backend.
    GivenUp,
}

/// The breakers of one plugin of one generation, one for each business.
pub(crate) struct Breakers {
    thresholds: Thresholds,
    business_type: Arc<str>,
    plugin: Arc<str>,
    states: Mutex<HashMap<String, State>>,
}

#[derive(Debug)]
enum State {
    /// Calls are run; these are the latest traps.
    Closed { traps: VecDeque<Instant> },
    /// Calls are refused until then.
    Open { until: Instant },
    /// One trial is running. If it does not end, another one is admitted after this moment.
    Trying { until: Instant },
}

impl Thresholds {
    pub fn of(config: &SandboxConfig) -> Self {
        Self { traps: config.breaker_traps, window: config.breaker_window.0, cool_down: config.breaker_cool_down.0 }
    }
}

impl Breakers {
    pub fn new(thresholds: Thresholds, business_type: Arc<str>, plugin: Arc<str>) -> Self {
        Self { thresholds, business_type, plugin, states: Mutex::default() }
    }

    /// Admits a call, and says whether it is a trial; or refuses it with an error message.
    pub fn admit(&self, business: &str, now: Instant) -> Result<Admitted, String> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = states.get_mut(business) else { return Ok(Admitted::AsUsual) };
        match *state {
            State::Closed { .. } => Ok(Admitted::AsUsual),
            State::Open { until } | State::Trying { until } if now < until => {
                metrics::breaker_refused(&self.business_type, &self.plugin);
                let Thresholds { traps, window, cool_down } = self.thresholds;
                Err(format!(
                    "was not run: it trapped {traps} times within {window:?} for this business, and is tried again after \
                     {cool_down:?}"
                ))
            }
            State::Open { .. } | State::Trying { .. } => {
                *state = State::Trying { until: now + self.thresholds.cool_down };
                tracing::info!(plugin = %self.plugin, business_id = business, "a plugin that kept trapping is tried again");
                Ok(Admitted::OnTrial)
            }
        }
    }

    /// Notes how an admitted call ended.
    pub fn ended(&self, business: &str, admitted: Admitted, ended: Ended, now: Instant) {
        if self.thresholds.traps == 0 {
            return;
        }
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        match (ended, admitted) {
            (Ended::Answered, Admitted::OnTrial) => {
                if matches!(states.get(business), Some(State::Trying { .. })) {
                    states.remove(business);
                    metrics::breakers_open(&self.business_type, &self.plugin, -1.0);
                    tracing::info!(plugin = %self.plugin, business_id = business, "a plugin that kept trapping works again");
                }
            }
            (Ended::Trapped, _) => self.trapped(&mut states, business, admitted, now),
            (Ended::Answered, Admitted::AsUsual) | (Ended::GivenUp, _) => {}
        }
    }

    fn trapped(&self, states: &mut HashMap<String, State>, business: &str, admitted: Admitted, now: Instant) {
        let Thresholds { traps: most, window, cool_down } = self.thresholds;
        if !states.contains_key(business) {
            if states.len() >= MOST_BUSINESSES {
                states.retain(|_, state| !state.is_forgotten(now, window));
            }
            if states.len() >= MOST_BUSINESSES {
                return;
            }
        }
        let state = states.entry(business.to_owned()).or_insert_with(|| State::Closed { traps: VecDeque::new() });
        match state {
            State::Closed { traps } => {
                traps.retain(|at| now.duration_since(*at) < window);
                traps.push_back(now);
                if traps.len() < most as usize {
                    return;
                }
                metrics::breakers_open(&self.business_type, &self.plugin, 1.0);
                tracing::error!(
                    plugin = %self.plugin,
                    business_type = %self.business_type,
                    business_id = business,
                    "a plugin trapped {most} times within {window:?} for one business; for {cool_down:?} it is not run for it"
                );
                *state = State::Open { until: now + cool_down };
            }
            State::Trying { .. } if admitted == Admitted::OnTrial => *state = State::Open { until: now + cool_down },
            // The call had begun before the breaker opened.
            State::Trying { .. } | State::Open { .. } => {}
        }
    }
}

impl State {
    fn is_forgotten(&self, now: Instant, window: Duration) -> bool {
        matches!(self, Self::Closed { traps } if traps.iter().all(|at| now.duration_since(*at) >= window))
    }

    fn is_open(&self) -> bool {
        !matches!(self, Self::Closed { .. })
    }
}

/// A dropped generation has no open breakers.
impl Drop for Breakers {
    fn drop(&mut self) {
        let states = self.states.get_mut().unwrap_or_else(PoisonError::into_inner);
        let open = u32::try_from(states.values().filter(|state| state.is_open()).count()).unwrap_or(u32::MAX);
        if open > 0 {
            metrics::breakers_open(&self.business_type, &self.plugin, -f64::from(open));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);
    const COOL_DOWN: Duration = Duration::from_secs(30);

    fn breakers(traps: u32) -> Breakers {
        Breakers::new(Thresholds { traps, window: WINDOW, cool_down: COOL_DOWN }, "type".into(), "plugin".into())
    }

    fn call(breakers: &Breakers, business: &str, ended: Ended, now: Instant) {
        let admitted = breakers.admit(business, now).unwrap();
        breakers.ended(business, admitted, ended, now);
    }

    fn trap(breakers: &Breakers, business: &str, now: Instant) {
        call(breakers, business, Ended::Trapped, now);
    }

    #[test]
    fn it_opens_after_so_many_traps_within_the_window_and_for_that_business_only() {
        let (breakers, now) = (breakers(3), Instant::now());
        trap(&breakers, "alpha", now);
        trap(&breakers, "alpha", now + WINDOW);
        trap(&breakers, "alpha", now + WINDOW);
        breakers.admit("alpha", now + WINDOW).unwrap();
        trap(&breakers, "alpha", now + WINDOW);
        assert!(breakers.admit("alpha", now + WINDOW).unwrap_err().contains("3 times"));
        breakers.admit("beta", now + WINDOW).unwrap();
    }

    #[test]
    fn after_the_cool_down_one_call_is_let_through_and_decides() {
        let (breakers, now) = (breakers(1), Instant::now());
        trap(&breakers, "alpha", now);
        let later = now + COOL_DOWN;
        let trial = breakers.admit("alpha", later).unwrap();
        assert!(breakers.admit("alpha", later).is_err(), "a second one waits for the first one's end");
        breakers.ended("alpha", trial, Ended::Trapped, later);
        assert!(breakers.admit("alpha", later).is_err(), "open again");
        let later = later + COOL_DOWN;
        call(&breakers, "alpha", Ended::Answered, later);
        assert_eq!(breakers.admit("alpha", later), Ok(Admitted::AsUsual));
        assert_eq!(breakers.admit("alpha", later), Ok(Admitted::AsUsual));
    }

    #[test]
    fn a_trial_that_never_ends_does_not_keep_it_open_for_good() {
        let (breakers, now) = (breakers(1), Instant::now());
        trap(&breakers, "alpha", now);
        call(&breakers, "alpha", Ended::GivenUp, now + COOL_DOWN);
        assert!(breakers.admit("alpha", now + COOL_DOWN).is_err());
        breakers.admit("alpha", now + COOL_DOWN * 2).unwrap();
    }

    #[test]
    fn answers_of_calls_that_began_before_change_nothing() {
        let (breakers, now) = (breakers(1), Instant::now());
        let before = breakers.admit("alpha", now).unwrap();
        trap(&breakers, "alpha", now);
        breakers.ended("alpha", before, Ended::Answered, now);
        assert!(breakers.admit("alpha", now).is_err());
        assert_eq!(breakers.admit("alpha", now + COOL_DOWN), Ok(Admitted::OnTrial));
        breakers.ended("alpha", before, Ended::Answered, now + COOL_DOWN);
        assert!(breakers.admit("alpha", now + COOL_DOWN).is_err(), "the trial has not ended");
    }

    #[test]
    fn many_businesses_take_no_more_than_a_bounded_place() {
        let (breakers, now) = (breakers(2), Instant::now());
        for business in 0..MOST_BUSINESSES + 10 {
            trap(&breakers, &business.to_string(), now);
        }
        assert_eq!(breakers.states.lock().unwrap().len(), MOST_BUSINESSES);
        trap(&breakers, "later", now + WINDOW);
        assert_eq!(breakers.states.lock().unwrap().len(), 1, "what is forgotten makes room");
    }

    #[test]
    fn without_a_number_of_traps_it_never_opens() {
        let (breakers, now) = (breakers(0), Instant::now());
        for _ in 0..100 {
            trap(&breakers, "alpha", now);
        }
    }
}
