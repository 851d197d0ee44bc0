//! Plugins whose calls compute for long, so that their next ones begin where long ones belong.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a call counts.
const LATELY: Duration = Duration::from_secs(10);
/// A long call weighs as much as so many short ones: what is long once in a while, by its work or because the machine is
/// slow, is no reason to put the others behind.
const LONG: u32 = 8;
/// From this on a plugin's calls begin behind the host: three long ones in a row are heavier.
const HEAVY: u32 = 20;
/// What is heavier is forgotten, so that a plugin that is short again is soon taken for one.
const HEAVIEST: u32 = 80;

/// A plugin that is called for a business.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    pub business: Arc<str>,
    pub plugin: Arc<str>,
}

/// What long calls of each weigh, less its short ones since.
#[derive(Default)]
pub(crate) struct Lately {
    callers: Mutex<HashMap<Caller, Weight>>,
    /// How many there are, so that in their absence nobody takes the lock.
    count: AtomicUsize,
}

struct Weight {
    weight: u32,
    until: Instant,
}

impl Lately {
    /// One more call has ended, or goes on elsewhere because it is long.
    pub fn note(&self, caller: &Caller, long: bool) {
        if !long && self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut callers = self.lock();
        if long {
            let now = Instant::now();
            callers.retain(|_, weight| now < weight.until);
            let one = callers.entry(caller.clone()).or_insert(Weight { weight: 0, until: now });
            *one = Weight { weight: (one.weight + LONG).min(HEAVIEST), until: now + LATELY };
        } else if let Some(one) = callers.get_mut(caller) {
            one.weight -= 1;
            if one.weight == 0 {
                callers.remove(caller);
            }
        }
        self.count.store(callers.len(), Ordering::Relaxed);
    }

    /// Whether its calls computed for long lately.
    pub fn is_heavy(&self, caller: &Caller) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut callers = self.lock();
        let Some(one) = callers.get(caller) else { return false };
        if Instant::now() < one.until {
            return one.weight >= HEAVY;
        }
        callers.remove(caller);
        self.count.store(callers.len(), Ordering::Relaxed);
        false
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Caller, Weight>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(plugin: &str) -> Caller {
        Caller { business: "business".into(), plugin: plugin.into() }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_heavy_when_many_of_them_are_long_and_light_again_when_they_are_short() {
        let (lately, spins) = (Lately::default(), caller("spins"));
        for _ in 0..3 {
            assert!(!lately.is_heavy(&spins));
            lately.note(&spins, true);
        }
        assert!(lately.is_heavy(&spins));
        assert!(!lately.is_heavy(&caller("other")));
        (0..100).for_each(|_| lately.note(&spins, true));
        (0..HEAVIEST).for_each(|_| lately.note(&spins, false));
        assert!(!lately.is_heavy(&spins));
        assert!(lately.lock().is_empty(), "nothing is kept of who is short");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_call_now_and_then_changes_nothing() {
        let (lately, sometimes) = (Lately::default(), caller("sometimes"));
        for _ in 0..100 {
            lately.note(&sometimes, true);
            assert!(!lately.is_heavy(&sometimes));
            (0..10).for_each(|_| lately.note(&sometimes, false));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn long_calls_are_forgotten_in_time() {
        let (lately, spins) = (Lately::default(), caller("spins"));
        (0..10).for_each(|_| lately.note(&spins, true));
        tokio::time::advance(LATELY).await;
        assert!(!lately.is_heavy(&spins));
        assert!(lately.lock().is_empty());
    }
}
