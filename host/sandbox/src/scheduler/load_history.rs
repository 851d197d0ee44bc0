use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A plugin's score is forgotten this long after its last long call.
const MEMORY: Duration = Duration::from_secs(10);
/// How much a long call adds to the score; a short one subtracts 1. So the score of a plugin with less than one long
/// call in eight stays near zero: a rare long call, by its work or because the machine is slow, does not move the
/// plugin's other calls to the background.
const LONG_CALL_SCORE: u32 = 8;
/// From this score on, the calls of a plugin begin in the background; three long calls in a row reach it.
const MOSTLY_LONG_SCORE: u32 = 20;
/// The highest score. It is limited so that a plugin whose calls are short again soon begins in the foreground.
const MAX_SCORE: u32 = 80;

/// A plugin that is called for a business.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BusinessPlugin {
    pub business: Arc<str>,
    pub plugin: Arc<str>,
}

/// The plugins that recently computed for long, by business. Their next calls begin in the background, so that they do
/// not each occupy a thread of the runtime until the first tick.
#[derive(Default)]
pub(crate) struct LoadHistory {
    /// Only plugins with a score above zero.
    scores: Mutex<HashMap<BusinessPlugin, LoadScore>>,
    /// The number of scores, so that the lock is not taken when there are none.
    count: AtomicUsize,
}

struct LoadScore {
    score: u32,
    forgotten_at: Instant,
}

impl LoadHistory {
    /// Records a call that has ended, or that was found to be long.
    pub fn record(&self, caller: &BusinessPlugin, is_long: bool) {
        if !is_long && self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut scores = self.lock();
        if is_long {
            let now = Instant::now();
            scores.retain(|_, one| now < one.forgotten_at);
            let one = scores.entry(caller.clone()).or_insert(LoadScore { score: 0, forgotten_at: now });
            *one = LoadScore { score: (one.score + LONG_CALL_SCORE).min(MAX_SCORE), forgotten_at: now + MEMORY };
        } else if let Some(one) = scores.get_mut(caller) {
            one.score -= 1;
            if one.score == 0 {
                scores.remove(caller);
            }
        }
        self.count.store(scores.len(), Ordering::Relaxed);
    }

    /// Whether the next call is likely to be long.
    pub fn is_mostly_long(&self, caller: &BusinessPlugin) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut scores = self.lock();
        let Some(one) = scores.get(caller) else { return false };
        if Instant::now() < one.forgotten_at {
            return one.score >= MOSTLY_LONG_SCORE;
        }
        scores.remove(caller);
        self.count.store(scores.len(), Ordering::Relaxed);
        false
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BusinessPlugin, LoadScore>> {
        self.scores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(plugin: &str) -> BusinessPlugin {
        BusinessPlugin { business: "business".into(), plugin: plugin.into() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_plugin_is_mostly_long_after_many_long_calls_and_no_more_after_short_ones() {
        let (history, spins) = (LoadHistory::default(), caller("spins"));
        for _ in 0..3 {
            assert!(!history.is_mostly_long(&spins));
            history.record(&spins, true);
        }
        assert!(history.is_mostly_long(&spins));
        assert!(!history.is_mostly_long(&caller("other")));
        (0..100).for_each(|_| history.record(&spins, true));
        (0..MAX_SCORE).for_each(|_| history.record(&spins, false));
        assert!(!history.is_mostly_long(&spins));
        assert!(history.lock().is_empty(), "nothing is kept of a plugin whose calls are short");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_call_now_and_then_changes_nothing() {
        let (history, sometimes) = (LoadHistory::default(), caller("sometimes"));
        for _ in 0..100 {
            history.record(&sometimes, true);
            assert!(!history.is_mostly_long(&sometimes));
            (0..10).for_each(|_| history.record(&sometimes, false));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn long_calls_are_forgotten_in_time() {
        let (history, spins) = (LoadHistory::default(), caller("spins"));
        (0..10).for_each(|_| history.record(&spins, true));
        tokio::time::advance(MEMORY).await;
        assert!(!history.is_mostly_long(&spins));
        assert!(history.lock().is_empty());
    }
}
