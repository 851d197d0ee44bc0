//! Inputs from triggers that people do not sit at: webhooks, the API, schedules, Kafka records.

use std::sync::Arc;

use signalbox_executor::{DecideError, Decided, NodeEvent};
use signalbox_model::Content;
use signalbox_store::{Accepted, AcceptedInput, StoreError};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::admission::{AdmissionPermit, Requester};
use crate::{Intake, IntakeError, Receipt, SubmitOptions, Watcher, check};

/// What became of an input that was to be stored before it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is stored, and is decided from now on.
    New(Receipt),
    /// It was there already; its decision is made or under way.
    Duplicate(Receipt),
    /// Another input with the same id was there already; this one is not stored.
    Conflict(Receipt),
}

impl Intake {
    /// Stores an input and has it decided. After this it is decided even if the process dies, so its sender may be told
    /// that it is done with it. Nothing is stored when no room to decide it comes free soon: the sender comes back.
    pub async fn accept(&self, accepted: AcceptedInput) -> Result<Acceptance, IntakeError> {
        self.accept_with(accepted, None).await
    }

    /// Like [`Intake::accept`], for a sender that may wait for the decision a while; whether it does or not, the input
    /// is decided. Only a new input has something to wait for here.
    pub async fn accept_and_wait(&self, accepted: AcceptedInput) -> Result<(Acceptance, PendingDecision), IntakeError> {
        let (waiter, pending) = waiter();
        Ok((self.accept_with(accepted, Some(waiter)).await?, pending))
    }

    /// Whether an input may say this.
    pub fn check_content(&self, content: &Content) -> Result<(), IntakeError> {
        check::content(content, &self.shared.config)
    }

    async fn accept_with(
        &self,
        accepted: AcceptedInput,
        watcher: Option<Arc<dyn Watcher>>,
    ) -> Result<Acceptance, IntakeError> {
        if self.shared.stopping.is_cancelled() {
            return Err(IntakeError::Draining);
        }
        let permit = self.admit(Requester::of(&accepted.input)).await?;
        // A task of its own: a sender that hangs up now would leave an input that is stored, and that nobody is at.
        let storing = self.clone().store_and_start(accepted, watcher, permit).in_current_span();
        self.shared.tasks.spawn(storing).await.unwrap_or_else(|_| {
            let lost = "the task that stores an input ended before it was done";
            Err(IntakeError::Decide(DecideError::Internal(lost.to_owned())))
        })
    }

    async fn store_and_start(
        self,
        accepted: AcceptedInput,
        watcher: Option<Arc<dyn Watcher>>,
        permit: AdmissionPermit,
    ) -> Result<Acceptance, IntakeError> {
        let receipt = Receipt::of(&accepted);
        let stored = self.shared.store.accept_input(&accepted).await;
        match stored.map_err(|error| IntakeError::Decide(error.into()))? {
            Accepted::New => {
                self.start(accepted, watcher, SubmitOptions { durable: true, permit: Some(permit), given_up: None })?;
                Ok(Acceptance::New(receipt))
            }
            Accepted::Duplicate => Ok(Acceptance::Duplicate(receipt)),
            Accepted::Conflict => Ok(Acceptance::Conflict(receipt)),
        }
    }

    /// Has an input decided and waits for it: for senders that keep the input until its decision is stored.
    pub async fn decide_now(&self, accepted: AcceptedInput) -> Result<Decided, IntakeError> {
        let (waiter, pending) = waiter();
        self.submit(accepted, waiter)?;
        pending.decided().await
    }
}

impl Intake {
    /// Like [`Intake::decide_now`], for an input that may have been under way when another host, or this one before,
    /// ended: it is stored and counted first, so that one that ends every host is given up at last.
    pub async fn decide_redelivered(&self, accepted: AcceptedInput) -> Result<Decided, IntakeError> {
        if self.shared.stopping.is_cancelled() {
            return Err(IntakeError::Draining);
        }
        let store = &self.shared.store;
        let stored = async {
            // One that was there may have been under way when its host ended.
            Ok(match store.accept_input(&accepted).await? {
                Accepted::New | Accepted::Conflict => false,
                Accepted::Duplicate => {
                    store.attempts_at_input(&accepted.input.id, &accepted.input.business_id).await? > 0
                }
            })
        };
        let is_suspect = stored.await.map_err(|error: StoreError| IntakeError::Decide(error.into()))?;
        let (waiter, pending) = waiter();
        let (again, decided) = tokio::join!(self.decide_again(accepted, is_suspect, Some(waiter)), pending.decided());
        again?;
        decided
    }
}

/// A decision that is being made.
#[derive(Debug)]
pub struct PendingDecision(oneshot::Receiver<Result<Decided, IntakeError>>);

impl PendingDecision {
    /// Waits for its end. Dropping the wait ends nothing but the wait.
    pub async fn decided(self) -> Result<Decided, IntakeError> {
        // An input in flight tells its watchers even when its task dies, so the channel closes without a word only with
        // the host.
        self.0.await.unwrap_or(Err(IntakeError::Draining))
    }
}

fn waiter() -> (Arc<dyn Watcher>, PendingDecision) {
    let (tell, told) = oneshot::channel();
    (Arc::new(Waiter(std::sync::Mutex::new(Some(tell)))), PendingDecision(told))
}

/// Waits until the input is decided.
struct Waiter(std::sync::Mutex<Option<oneshot::Sender<Result<Decided, IntakeError>>>>);

impl Watcher for Waiter {
    fn node(&self, _event: &NodeEvent) {}

    fn accepted(&self, _receipt: &Receipt) {}

    fn finished(&self, _receipt: &Receipt, result: Result<&Decided, &IntakeError>) {
        let tell = self.0.lock().ok().and_then(|mut tell| tell.take());
        if let Some(tell) = tell {
            let _ = tell.send(result.cloned().map_err(IntakeError::clone));
        }
    }
}
