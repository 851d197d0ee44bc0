//! Inputs from triggers without a waiting person: webhooks, the API, schedules, Kafka records.

use std::sync::Arc;

use signalbox_crash_points::{CrashPoint, pass};
use signalbox_executor::{DecideError, Decided, NodeEvent};
use signalbox_model::Content;
use signalbox_store::{Accepted, AcceptedInput, StoreError};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::admission::{AdmissionPermit, Requester};
use crate::{Intake, IntakeError, Receipt, SubmitOptions, Watcher, check};

/// The result of storing an input before it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is stored, and is decided from now on.
    New(Receipt),
    /// The same input was stored earlier; its decision is made or under way.
    Duplicate(Receipt),
    /// Another input with the same id was stored earlier; this one is not stored.
    Conflict(Receipt),
}

impl Intake {
    /// Stores an input and has it decided. After this the input is decided even if the process dies, so the trigger may
    /// acknowledge it. When no room to decide it becomes free soon, nothing is stored and the sender has to send again.
    pub async fn accept(&self, accepted: AcceptedInput) -> Result<Acceptance, IntakeError> {
        self.accept_with(accepted, None).await
    }

    /// Like [`Intake::accept`], for a sender that may wait a while for the decision. The input is decided whether the
    /// sender waits or not. Only a new input has a decision to wait for.
    pub async fn accept_and_wait(&self, accepted: AcceptedInput) -> Result<(Acceptance, PendingDecision), IntakeError> {
        let (waiter, pending) = waiter();
        Ok((self.accept_with(accepted, Some(waiter)).await?, pending))
    }

    /// Checks that the content of an input is within the limits.
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
        // A task of its own: a sender that disconnects drops this future, which would otherwise leave a stored input
        // that no task decides.
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
        pass(CrashPoint::InputReceived);
        let stored = self.shared.store.accept_input(&accepted).await;
        pass(CrashPoint::InputStored);
        match stored.map_err(|error| IntakeError::Decide(error.into()))? {
            Accepted::New => {
                self.start(accepted, watcher, SubmitOptions { durable: true, permit: Some(permit), given_up: None })?;
                Ok(Acceptance::New(receipt))
            }
            Accepted::Duplicate => Ok(Acceptance::Duplicate(receipt)),
            Accepted::Conflict => Ok(Acceptance::Conflict(receipt)),
        }
    }

    /// Has an input decided and waits for the decision: for senders that keep the input until its decision is stored.
    pub async fn decide_now(&self, accepted: AcceptedInput) -> Result<Decided, IntakeError> {
        let (waiter, pending) = waiter();
        self.submit(accepted, waiter)?;
        pending.decided().await
    }
}

impl Intake {
    /// Like [`Intake::decide_now`], for an input that may have been under way when a host ended. It is stored and its
    /// attempts are counted first, so that the intake gives up an input that ends every host.
    pub async fn decide_redelivered(&self, accepted: AcceptedInput) -> Result<Decided, IntakeError> {
        if self.shared.stopping.is_cancelled() {
            return Err(IntakeError::Draining);
        }
        let store = &self.shared.store;
        let stored = async {
            // An input that was stored earlier may have been under way when its host ended.
            Ok(match store.accept_input(&accepted).await? {
                Accepted::New | Accepted::Conflict => false,
                Accepted::Duplicate => {
                    store.attempts_at_input(&accepted.input.id, &accepted.input.business_id).await? > 0
                }
            })
        };
        let is_suspect = stored.await.map_err(|error: StoreError| IntakeError::Decide(error.into()))?;
        let (waiter, pending) = waiter();
        let (recovered, decided) =
            tokio::join!(self.decide_again(accepted, is_suspect, Some(waiter)), pending.decided());
        recovered?;
        decided
    }
}

/// A decision that is being made.
#[derive(Debug)]
pub struct PendingDecision(oneshot::Receiver<Result<Decided, IntakeError>>);

impl PendingDecision {
    /// Waits until the decision is made. Dropping this future does not stop the decision.
    pub async fn decided(self) -> Result<Decided, IntakeError> {
        // An input in flight tells its watchers even when its task panics, so the channel closes without a message only
        // when the host ends.
        self.0.await.unwrap_or(Err(IntakeError::Draining))
    }
}

fn waiter() -> (Arc<dyn Watcher>, PendingDecision) {
    let (sender, receiver) = oneshot::channel();
    (Arc::new(Waiter(std::sync::Mutex::new(Some(sender)))), PendingDecision(receiver))
}

/// A watcher that waits until the input is decided.
struct Waiter(std::sync::Mutex<Option<oneshot::Sender<Result<Decided, IntakeError>>>>);

impl Watcher for Waiter {
    fn node(&self, _event: &NodeEvent) {}

    fn accepted(&self, _receipt: &Receipt) {}

    fn finished(&self, _receipt: &Receipt, result: Result<&Decided, &IntakeError>) {
        let sender = self.0.lock().ok().and_then(|mut sender| sender.take());
        if let Some(sender) = sender {
            let _ = sender.send(result.cloned().map_err(IntakeError::clone));
        }
    }
}
