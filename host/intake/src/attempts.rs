//! Inputs that may have ended a host (suspects). They are decided again one at a time; the store counts each attempt
//! before it begins, and the intake gives an input up after a number of attempts. Without this, an input that kills the
//! host that decides it would do so after every start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use signalbox_store::{AcceptedInput, StoreError};
use tokio::sync::{OnceCell, Semaphore};

use crate::metrics::DEAD_LETTERS;
use crate::{Intake, IntakeError, Receipt, Watcher};

/// The attempts under way that this process has counted in the store, by decision.
#[derive(Debug)]
pub(super) struct Attempts {
    counted: Mutex<HashMap<String, CountedAttempt>>,
    /// Only one suspect is decided at a time, so that no other suspect is blamed if it ends the host.
    suspect_permit: Semaphore,
}

#[derive(Clone, Debug)]
struct CountedAttempt {
    input_id: String,
    business_id: String,
    /// Set by the first attempt; others wait for it, because no attempt may begin before it is counted.
    attempts: Arc<OnceCell<Option<u32>>>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { counted: Mutex::default(), suspect_permit: Semaphore::new(1) }
    }
}

impl Attempts {
    fn counted(&self, receipt: &Receipt, accepted: &AcceptedInput) -> CountedAttempt {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = counted.entry(receipt.decision_id.clone()).or_insert_with(|| CountedAttempt {
            input_id: accepted.input.id.clone(),
            business_id: accepted.input.business_id.clone(),
            attempts: Arc::default(),
        });
        entry.clone()
    }

    fn remove(&self, decision_id: &str) -> Option<CountedAttempt> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).remove(decision_id)
    }

    fn take_all(&self) -> Vec<CountedAttempt> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.drain().map(|(_, counted)| counted).collect()
    }
}

impl Intake {
    /// Has an input decided that may have been under way when a host ended, and waits; true when it is decided. A
    /// suspect was certainly under way when a host ended.
    pub(super) async fn decide_again(
        &self,
        accepted: AcceptedInput,
        is_suspect: bool,
        watcher: Option<Arc<dyn Watcher>>,
    ) -> Result<bool, IntakeError> {
        let shared = &self.shared;
        let _suspect_permit = match is_suspect {
            // The semaphore is never closed.
            true => shared.attempts.suspect_permit.acquire().await.ok(),
            false => None,
        };
        if shared.stopping.is_cancelled() {
            return Err(IntakeError::Draining);
        }
        let receipt = Receipt::of(&accepted);
        let ended = self.count_and_decide(accepted, &receipt, watcher).await;
        if let Some(counted) = shared.attempts.remove(&receipt.decision_id)
            && !matches!(ended, Ok(true))
        {
            self.end(&counted).await;
        }
        ended
    }

    async fn count_and_decide(
        &self,
        accepted: AcceptedInput,
        receipt: &Receipt,
        watcher: Option<Arc<dyn Watcher>>,
    ) -> Result<bool, IntakeError> {
        let shared = &self.shared;
        let counted = shared.attempts.counted(receipt, &accepted);
        let count = || shared.store.begin_attempt(&accepted.input.id, &accepted.input.business_id);
        let attempts = counted.attempts.get_or_try_init(count).await;
        let attempts = attempts.copied().map_err(|error: StoreError| IntakeError::Decide(error.into()))?;
        let ended = attempts.map_or(0, |attempts| attempts.saturating_sub(1));
        let max_attempts = shared.config.recovery_attempts.get();
        let (business_id, input_id) = (&accepted.input.business_id, &accepted.input.id);
        let given_up = (ended >= max_attempts).then_some(ended);
        match given_up {
            Some(attempts) => tracing::error!(
                business_id,
                input_id,
                decision_id = receipt.decision_id,
                attempts,
                "an input is given up: the host ended each time while it was decided"
            ),
            None => tracing::info!(
                business_id,
                input_id,
                decision_id = receipt.decision_id,
                attempts = ended,
                "deciding an accepted input again; `attempts` says how often the host ended meanwhile before"
            ),
        }
        let decided = self.start_again(accepted, watcher, given_up)?.await.unwrap_or(false);
        if given_up.is_some() && decided {
            ::metrics::counter!(DEAD_LETTERS, "reason" => "ended_the_host").increment(1);
        }
        Ok(decided)
    }

    /// At a regular end of the host: takes back the counted attempts of the inputs that are still under way, because
    /// these inputs did not end the host.
    pub(super) async fn end_attempts(&self) {
        for counted in self.shared.attempts.take_all() {
            self.end(&counted).await;
        }
    }

    async fn end(&self, counted: &CountedAttempt) {
        // An attempt that was not counted or has finished needs no change; an input that was given up stays so.
        let Some(Some(attempts)) = counted.attempts.get() else { return };
        if attempts.saturating_sub(1) >= self.shared.config.recovery_attempts.get() {
            return;
        }
        if let Err(error) = self.shared.store.end_attempts(&counted.input_id, &counted.business_id).await {
            tracing::warn!(%error, input_id = counted.input_id, "cannot note that an attempt to decide an input is over");
        }
    }
}
