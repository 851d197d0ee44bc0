use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Without another long call, a plugin's score is forgotten after this time.
const MEMORY: Duration = Duration::from_secs(10);
/// What a long call adds to the score; a short one takes away 1. A plugin with less than one long call in eight stays
/// at zero: a call that is long once in a while, by its work or because the machine is slow, is no reason to put the
/// others in the background.
const LONG_CALL_SCORE: u32 = 8;
/// With this score a plugin's calls begin in the background: after three long calls in a row.
const MOSTLY_LONG_SCORE: u32 = 20;
/// The score rises no higher, so that a plugin whose calls are short again soon begins in the foreground.
const MAX_SCORE: u32 = 80;

/// A plugin that is called for a business.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BusinessPlugin {
    pub business: Arc<str>,
    pub plugin: Arc<str>,
}

/// Which plugins recently computed for long, for which business: their next calls begin in the background, so that not
/// each of them takes a thread of the runtime until its first tick.
#[derive(Default)]
pub(crate) struct LoadHistory {
    /// Only plugins with a score above zero.
    scores: Mutex<HashMap<BusinessPlugin, LoadScore>>,
    /// How many these are, so that in their absence nobody takes the lock.
    count: AtomicUsize,
}

struct LoadScore {
    score: u32,
    forgotten_at: Instant,
}

impl LoadHistory {
    /// A call has ended, or was found to be long.
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
