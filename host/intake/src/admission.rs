//! Admission: room for decisions, and the queue of the inputs that wait for room.

mod service_interval;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signalbox_limits::QueueTicket;
use signalbox_model::AgentInput;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::metrics::{IN_FLIGHT, SHED, WAIT_SECONDS, WAITING};
use crate::{IntakeConfig, IntakeError};
pub(crate) use state::Requester;
use state::{AdmissionLimits, AdmissionState, NotQueued, QueueKey};

/// The longest time that a refused sender is told to wait before it sends again.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The part of that time that is random, so that senders that were refused together do not return together.
const JITTER: f64 = 0.25;

/// How many decisions may be in flight, in all, for each business and for each user, and which inputs wait for room.
#[derive(Debug)]
pub(super) struct Admission {
    state: Mutex<AdmissionState<ResultSender>>,
    wait: Duration,
    retry_after: Duration,
    started_at: Instant,
}

type ResultSender = oneshot::Sender<Result<AdmissionPermit, IntakeError>>;

/// How long an input waits for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MaxWait {
    /// As long as the configuration says, because the sender can be told to send again later.
    Configured,
    /// Without limit, because the input is stored and its sender would not send it again.
    Unlimited,
}

/// Room for a decision, or a place in the queue.
#[derive(Debug)]
pub(super) enum AdmissionEntry {
    Admitted(AdmissionPermit),
    Queued(QueuedAdmission),
}

/// Room for one decision; dropping it gives the room to the next input in the queue.
#[derive(Debug)]
pub(super) struct AdmissionPermit {
    admission: Arc<Admission>,
    requester: Requester,
}

/// A place in the queue; dropping it leaves the queue.
#[derive(Debug)]
pub(super) struct QueuedAdmission {
    admission: Arc<Admission>,
    ticket: QueueTicket<QueueKey>,
    max_wait: MaxWait,
    result_receiver: oneshot::Receiver<Result<AdmissionPermit, IntakeError>>,
    since: Instant,
}

impl Requester {
    pub fn new(business_id: &str, user_id: Option<&str>) -> Self {
        Self { business: business_id.into(), user: user_id.map(Arc::from) }
    }

    pub fn of(input: &AgentInput) -> Self {
        Self::new(&input.business_id, input.user_id.as_deref())
    }
}

impl Admission {
    pub fn new(config: &IntakeConfig) -> Self {
        let limits = AdmissionLimits {
            in_flight: config.in_flight,
            in_flight_per_business: config.in_flight_per_business,
            in_flight_per_user: config.in_flight_per_user,
            waiting: config.waiting,
            waiting_per_business: config.waiting_per_business,
        };
        Self {
            state: Mutex::new(AdmissionState::new(limits)),
            wait: config.admission_wait.0,
            retry_after: config.retry_after.0,
            started_at: Instant::now(),
        }
    }

    /// Takes room or a place in the queue, at once.
    pub fn enter(self: &Arc<Self>, requester: Requester, max_wait: MaxWait) -> Result<AdmissionEntry, IntakeError> {
        let mut state = self.lock();
        if state.try_admit(&requester) {
            drop(state);
            return Ok(AdmissionEntry::Admitted(self.permit(requester)));
        }
        let (result_sender, receiver) = oneshot::channel();
        let queued =
            state.enqueue(requester, max_wait == MaxWait::Unlimited, result_sender).map_err(|reason| match reason {
                NotQueued::BusinessFull => self.shed(&state, "business_queue_full"),
                NotQueued::AllFull => self.shed(&state, "queue_full"),
                NotQueued::Closed => draining(),
            })?;
        let evicted = queued.evicted.map(|result_sender| (result_sender, self.shed(&state, "evicted")));
        drop(state);
        if let Some((result_sender, error)) = evicted {
            // When the receiver is gone, the sender of the evicted input has gone too.
            let _ = result_sender.send(Err(error));
        }
        ::metrics::gauge!(WAITING).increment(1);
        let (admission, ticket) = (self.clone(), queued.ticket);
        Ok(AdmissionEntry::Queued(QueuedAdmission {
            admission,
            ticket,
            max_wait,
            result_receiver: receiver,
            since: Instant::now(),
        }))
    }

    /// Admits no further input, and refuses every input that waits.
    pub fn close(&self) {
        let waiting = self.lock().close();
        for result_sender in waiting {
            let _ = result_sender.send(Err(draining()));
        }
    }

    fn release(self: &Arc<Self>, requester: &Requester) {
        let admitted = self.lock().release(requester, self.started_at.elapsed());
        for (requester, result_sender) in admitted {
            // When the waiter is gone, `send` gives the permit back, and dropping the permit passes it to the next
            // waiter.
            let _ = result_sender.send(Ok(self.permit(requester)));
        }
    }

    fn permit(self: &Arc<Self>, requester: Requester) -> AdmissionPermit {
        ::metrics::gauge!(IN_FLIGHT).increment(1);
        AdmissionPermit { admission: self.clone(), requester }
    }

    /// The error for a refused input. It tells the sender to return when the queue should be empty at its current rate,
    /// within bounds, plus a random part.
    fn shed(&self, state: &AdmissionState<ResultSender>, reason: &'static str) -> IntakeError {
        ::metrics::counter!(SHED, "reason" => reason).increment(1);
        let after = state.drain_time().unwrap_or_default().max(self.retry_after).min(MAX_RETRY_AFTER);
        IntakeError::Busy { retry_after: after.mul_f64(1.0 + JITTER * rand::random::<f64>()) }
    }

    fn lock(&self) -> MutexGuard<'_, AdmissionState<ResultSender>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn draining() -> IntakeError {
    ::metrics::counter!(SHED, "reason" => "draining").increment(1);
    IntakeError::Draining
}

impl AdmissionEntry {
    /// Waits for the permit.
    pub async fn permit(self) -> Result<AdmissionPermit, IntakeError> {
        match self {
            Self::Admitted(permit) => Ok(permit),
            Self::Queued(queued) => queued.permit().await,
        }
    }
}

impl QueuedAdmission {
    async fn permit(mut self) -> Result<AdmissionPermit, IntakeError> {
        let result = match self.max_wait {
            MaxWait::Unlimited => (&mut self.result_receiver).await,
            MaxWait::Configured => match timeout(self.admission.wait, &mut self.result_receiver).await {
                Ok(result) => result,
                Err(_) => match self.give_up() {
                    Some(error) => Ok(Err(error)),
                    // The input has left the queue already, so its result is being sent at this moment.
                    None => (&mut self.result_receiver).await,
                },
            },
        };
        // Admission sends a result to every input that leaves the queue, and lives as long as this value.
        let permit = result.unwrap_or(Err(IntakeError::Draining))?;
        ::metrics::histogram!(WAIT_SECONDS).record(self.since.elapsed().as_secs_f64());
        Ok(permit)
    }

    fn give_up(&self) -> Option<IntakeError> {
        let mut state = self.admission.lock();
        state.remove_waiter(&self.ticket).then(|| self.admission.shed(&state, "waited_too_long"))
    }
}

impl Drop for QueuedAdmission {
    fn drop(&mut self) {
        self.admission.lock().remove_waiter(&self.ticket);
        ::metrics::gauge!(WAITING).decrement(1);
    }
}

impl Drop for AdmissionPermit {
    fn drop(&mut self) {
        ::metrics::gauge!(IN_FLIGHT).decrement(1);
        self.admission.release(&self.requester);
    }
}

#[cfg(test)]
mod tests;
