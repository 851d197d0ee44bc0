use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use signalbox_crash_points::{CrashPoint, pass};
use signalbox_executor::{DecideError, Decided, NodeEvent, Progress};
use signalbox_model::{AgentInput, Outcome};
use signalbox_store::AcceptedInput;
use tokio::sync::oneshot;

use crate::admission::{AdmissionEntry, AdmissionPermit, MaxWait, Requester};
use crate::metrics::{MESSAGE_SECONDS, MESSAGES};
use crate::{IntakeError, Shared};

/// The delays after which an acknowledged input that cannot be decided is tried again before it is left to recovery.
const RETRY_DELAYS: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// The ids of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The input.
    pub input_id: String,
    /// The decision on it, made or to come.
    pub decision_id: String,
    /// The correlation id of the log lines about it.
    pub correlation_id: String,
}

/// Watches a decision. The decision's own task calls it, so it must not wait.
pub trait Watcher: Send + Sync {
    /// A node started or ended.
    fn node(&self, event: &NodeEvent);

    /// The input is stored and will be decided even if the host ends. Not called when the input is decided quickly.
    fn accepted(&self, receipt: &Receipt);

    /// The input is decided, or has failed to be; called once, before the answers are sent.
    fn finished(&self, receipt: &Receipt, result: Result<&Decided, &IntakeError>);
}

/// One input on its way to a decision, with all its watchers.
pub(super) struct InFlightInput {
    pub receipt: Receipt,
    pub accepted: AcceptedInput,
    /// After this many attempts that ended the host, the input is recorded as failed instead of being decided.
    given_up: Option<u32>,
    waiting: Mutex<InFlightWaiters>,
}

struct InFlightWaiters {
    watchers: Vec<Arc<dyn Watcher>>,
    done: Vec<oneshot::Sender<bool>>,
    durable: bool,
}

impl Receipt {
    pub(super) fn of(accepted: &AcceptedInput) -> Self {
        let input = &accepted.input;
        Self {
            input_id: input.id.clone(),
            decision_id: signalbox_model::decision_id(&input.business_id, &input.id),
            correlation_id: input.correlation_id.clone().unwrap_or_default(),
        }
    }
}

impl InFlightInput {
    pub fn new(receipt: Receipt, accepted: AcceptedInput, durable: bool, given_up: Option<u32>) -> Self {
        let waiting = InFlightWaiters { watchers: Vec::new(), done: Vec::new(), durable };
        Self { receipt, accepted, given_up, waiting: Mutex::new(waiting) }
    }

    pub fn is_same(&self, other: &AcceptedInput) -> bool {
        has_same_content(&self.accepted.input, &other.input)
    }

    /// Adds a watcher. The caller holds the lock of the inputs in flight, so that no watcher joins an input that is
    /// finished. `durable` says that the input is stored.
    pub fn join(&self, watcher: Option<Arc<dyn Watcher>>, done: oneshot::Sender<bool>, durable: bool) {
        if durable {
            self.accepted();
        }
        let mut waiting = self.lock();
        if let Some(watcher) = watcher {
            if waiting.durable {
                watcher.accepted(&self.receipt);
            }
            waiting.watchers.push(watcher);
        }
        waiting.done.push(done);
    }

    fn accepted(&self) {
        let mut waiting = self.lock();
        if std::mem::replace(&mut waiting.durable, true) {
            return;
        }
        for watcher in &waiting.watchers {
            watcher.accepted(&self.receipt);
        }
    }

    fn finish(&self, result: Result<&Decided, &IntakeError>) {
        let mut waiting = self.lock();
        for watcher in waiting.watchers.drain(..) {
            watcher.finished(&self.receipt, result);
        }
        for done in waiting.done.drain(..) {
            let _ = done.send(result.is_ok());
        }
    }

    fn lock(&self) -> MutexGuard<'_, InFlightWaiters> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for InFlightInput {
    fn node(&self, event: NodeEvent) {
        for watcher in &self.lock().watchers {
            watcher.node(&event);
        }
    }
}

/// Whether two inputs with the same id are the same message, sent twice.
fn has_same_content(one: &AgentInput, other: &AgentInput) -> bool {
    one.business_id == other.business_id && one.location_id == other.location_id && one.content == other.content
}

/// Waits for a permit, has the input decided, acknowledges it, and tells all watchers.
pub(super) async fn run(shared: Arc<Shared>, in_flight: Arc<InFlightInput>, entry: AdmissionEntry) {
    let finish = FinishGuard { shared: &shared, in_flight: &in_flight };
    let permit = match wait_for_permit(&shared, &in_flight, entry).await {
        Ok(permit) => permit,
        Err(error) => {
            count(&in_flight, &Err(error.clone()), None);
            return finish.finish(Err(&error));
        }
    };
    let started = Instant::now();
    let result = decide_durably(&shared, &in_flight).await;
    let durable = in_flight.lock().durable;
    if durable && result.is_ok() {
        let input = &in_flight.accepted.input;
        if let Err(error) = shared.store.finish_input(&input.id, &input.business_id).await {
            // Recovery finds the input again, sees its decision and notes it then.
            tracing::warn!(%error, "cannot note that an accepted input is decided");
        }
        pass(CrashPoint::InputFinished);
    }
    let result = match result {
        Ok(decided)
            if decided.duplicate
                && !has_same_content(&decided.record.decision.context.input, &in_flight.accepted.input) =>
        {
            Err(IntakeError::IdReused)
        }
        Ok(decided) => Ok(decided),
        Err(error) if durable => Err(IntakeError::Delayed(error)),
        Err(error) => Err(IntakeError::Decide(error)),
    };
    count(&in_flight, &result, Some(started.elapsed()));
    // The permit is released before the client is told, so that the client's next message finds the room free.
    drop(permit);
    finish.finish(result.as_ref());
    if let Ok(Decided { record, duplicate: false }) = &result {
        shared.relay.committed(record);
    }
}

/// Waits for a permit to decide the input. An input that was stored while it waited is not refused; it waits without
/// limit.
async fn wait_for_permit(
    shared: &Shared,
    in_flight: &InFlightInput,
    entry: AdmissionEntry,
) -> Result<AdmissionPermit, IntakeError> {
    match entry.permit().await {
        Err(IntakeError::Busy { .. }) if in_flight.lock().durable => {
            shared.admission.enter(Requester::of(&in_flight.accepted.input), MaxWait::Unlimited)?.permit().await
        }
        other => other,
    }
}

/// Tells all watchers how the input ended, also when its task panics, so that no watcher waits for ever.
struct FinishGuard<'a> {
    shared: &'a Shared,
    in_flight: &'a InFlightInput,
}

impl FinishGuard<'_> {
    fn finish(&self, result: Result<&Decided, &IntakeError>) {
        self.shared
            .in_flight_inputs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.in_flight.receipt.decision_id);
        self.in_flight.finish(result);
    }
}

impl Drop for FinishGuard<'_> {
    fn drop(&mut self) {
        // After a regular end the watchers are told already and this changes nothing.
        let lost = DecideError::Internal("the decision's task ended before it was done".to_owned());
        self.finish(Err(&IntakeError::Decide(lost)));
    }
}

/// Decides the input. When that takes long, the input is stored and acknowledged meanwhile, and after that a failed
/// attempt is repeated.
async fn decide_durably(shared: &Shared, in_flight: &Arc<InFlightInput>) -> Result<Decided, DecideError> {
    if let Some(attempts) = in_flight.given_up {
        return shared.decide.give_up(in_flight.accepted.clone(), attempts).await;
    }
    let mut decision = shared.decide.decide(in_flight.accepted.clone(), in_flight.clone());
    let mut result = match tokio::time::timeout(shared.config.ack_after.0, &mut decision).await {
        Ok(result) => result,
        Err(_) if in_flight.lock().durable => decision.await,
        Err(_) => tokio::join!(accept(shared, in_flight), decision).1,
    };
    for pause in RETRY_DELAYS {
        let Err(error) = &result else { break };
        // An input that waits for the operator to mend a bundle or file gives its room back; recovery takes it up
        // later.
        let waits_long = error.waits_for_the_operator();
        if waits_long || !error.retryable() || !in_flight.lock().durable {
            break;
        }
        tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "cannot decide an accepted input; trying again");
        tokio::select! {
            () = shared.stopping.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
        result = shared.decide.decide(in_flight.accepted.clone(), in_flight.clone()).await;
    }
    result
}

async fn accept(shared: &Shared, in_flight: &InFlightInput) {
    match shared.store.accept_input(&in_flight.accepted).await {
        Ok(_) => {
            pass(CrashPoint::InputStored);
            in_flight.accepted();
        }
        // Without an acknowledgement the client sends the message again if the decision fails too.
        Err(error) => tracing::warn!(%error, "cannot store an input to acknowledge it early"),
    }
}

/// Counts the result. `elapsed` is none when the input got no permit.
fn count(in_flight: &InFlightInput, result: &Result<Decided, IntakeError>, elapsed: Option<Duration>) {
    let label = match result {
        Ok(decided) if decided.duplicate => "duplicate",
        Ok(decided) if decided.record.decision.outcome == Outcome::Failed => "failed",
        Ok(_) => "decided",
        Err(IntakeError::IdReused | IntakeError::Busy { .. } | IntakeError::Draining) => "rejected",
        Err(_) => "error",
    };
    let source = match in_flight.accepted.input.source {
        signalbox_model::Source::Websocket => "websocket",
        signalbox_model::Source::Cron => "cron",
        signalbox_model::Source::ExternalApi => "external_api",
        signalbox_model::Source::Kafka => "kafka",
        signalbox_model::Source::Unknown(_) => "unknown",
    };
    ::metrics::counter!(MESSAGES, "source" => source, "result" => label).increment(1);
    if let Some(elapsed) = elapsed {
        ::metrics::histogram!(MESSAGE_SECONDS, "source" => source).record(elapsed.as_secs_f64());
    }
    match result {
        Ok(decided) => tracing::info!(
            result = label,
            decision_id = in_flight.receipt.decision_id,
            decision_code = decided.record.decision.decision_code,
            micros = elapsed.unwrap_or_default().as_micros() as u64,
            "input decided"
        ),
        Err(IntakeError::Decide(error) | IntakeError::Delayed(error)) => {
            tracing::error!(%error, code = error.code().as_str(), decision_id = in_flight.receipt.decision_id, "input not decided");
        }
        Err(error) => tracing::info!(%error, result = label, "input refused"),
    }
}
