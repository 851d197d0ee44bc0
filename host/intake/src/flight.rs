use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use signalbox_executor::{DecideError, Decided, NodeEvent, Progress};
use signalbox_model::{AgentInput, Outcome};
use signalbox_store::AcceptedInput;
use tokio::sync::oneshot;

use crate::admission::{Entry, Patience, Permit};
use crate::line::Who;
use crate::metrics::{MESSAGE_SECONDS, MESSAGES};
use crate::{IntakeError, Shared};

/// How long an acknowledged input that cannot be decided is tried again before it is left to recovery.
const RETRIES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// What an input is called everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The input.
    pub input_id: String,
    /// The decision on it, made or to come.
    pub decision_id: String,
    /// Under which the logs tell more.
    pub correlation_id: String,
}

/// Someone who waits for a decision. Called on the decision's own task, so it must not wait.
pub trait Watcher: Send + Sync {
    /// A node started or ended.
    fn node(&self, event: &NodeEvent);

    /// The input is stored: it will be decided, whatever happens. Not called when it is decided quickly.
    fn accepted(&self, receipt: &Receipt);

    /// It is decided, or it is not; called once, before the answers are sent.
    fn finished(&self, receipt: &Receipt, result: Result<&Decided, &IntakeError>);
}

/// One input on its way to a decision, with everybody who waits for it.
pub(super) struct Flight {
    pub receipt: Receipt,
    pub accepted: AcceptedInput,
    /// It ended the host so many times, and is recorded as failed instead of being decided.
    given_up: Option<u32>,
    waiting: Mutex<Waiting>,
}

struct Waiting {
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

impl Flight {
    pub fn new(receipt: Receipt, accepted: AcceptedInput, durable: bool, given_up: Option<u32>) -> Self {
        let waiting = Waiting { watchers: Vec::new(), done: Vec::new(), durable };
        Self { receipt, accepted, given_up, waiting: Mutex::new(waiting) }
    }

    pub fn is_same(&self, other: &AcceptedInput) -> bool {
        says_the_same(&self.accepted.input, &other.input)
    }

    /// Called under the lock of the flights, so that nobody joins a flight that has landed. `durable` says that the input
    /// is stored by now.
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

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Flight {
    fn node(&self, event: NodeEvent) {
        for watcher in &self.lock().watchers {
            watcher.node(&event);
        }
    }
}

/// Whether two inputs with the same id are the same message, sent twice.
fn says_the_same(one: &AgentInput, other: &AgentInput) -> bool {
    one.business_id == other.business_id && one.location_id == other.location_id && one.content == other.content
}

/// Waits for room, decides the flight's input, acknowledges it, and lands it.
pub(super) async fn run(shared: Arc<Shared>, flight: Arc<Flight>, entry: Entry) {
    let landing = Landing { shared: &shared, flight: &flight };
    let permit = match board(&shared, &flight, entry).await {
        Ok(permit) => permit,
        Err(error) => {
            count(&flight, &Err(error.clone()), None);
            return landing.land(Err(&error));
        }
    };
    let started = Instant::now();
    let result = decide_durably(&shared, &flight).await;
    let durable = flight.lock().durable;
    if durable && result.is_ok() {
        let input = &flight.accepted.input;
        if let Err(error) = shared.store.finish_input(&input.id, &input.business_id).await {
            // Recovery finds it again and learns that it is decided.
            tracing::warn!(%error, "cannot note that an accepted input is decided");
        }
    }
    let result = match result {
        Ok(decided)
            if decided.duplicate && !says_the_same(&decided.record.decision.context.input, &flight.accepted.input) =>
        {
            Err(IntakeError::IdReused)
        }
        Ok(decided) => Ok(decided),
        Err(error) if durable => Err(IntakeError::Delayed(error)),
        Err(error) => Err(IntakeError::Decide(error)),
    };
    count(&flight, &result, Some(started.elapsed()));
    // Room is free before the client hears, so that its next message does not find it taken.
    drop(permit);
    landing.land(result.as_ref());
    if let Ok(Decided { record, duplicate: false }) = &result {
        shared.relay.committed(record);
    }
}

/// Room for the flight. What was stored while it waited is not sent away: it goes on waiting, as long as it takes.
async fn board(shared: &Shared, flight: &Flight, entry: Entry) -> Result<Permit, IntakeError> {
    match entry.room().await {
        Err(IntakeError::Busy { .. }) if flight.lock().durable => {
            shared.admission.enter(Who::of(&flight.accepted.input), Patience::Endless)?.room().await
        }
        other => other,
    }
}

/// Lands a flight, also when deciding it panics: nobody may wait for ever.
struct Landing<'a> {
    shared: &'a Shared,
    flight: &'a Flight,
}

impl Landing<'_> {
    fn land(&self, result: Result<&Decided, &IntakeError>) {
        self.shared.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.flight.receipt.decision_id);
        self.flight.finish(result);
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        // After a regular landing nobody waits any more and this changes nothing.
        let lost = DecideError::Internal("the decision's task ended before it was done".to_owned());
        self.land(Err(&IntakeError::Decide(lost)));
    }
}

/// Decides; when that takes long, the input is stored and acknowledged meanwhile, and from then on tried again.
async fn decide_durably(shared: &Shared, flight: &Arc<Flight>) -> Result<Decided, DecideError> {
    if let Some(attempts) = flight.given_up {
        return shared.decide.give_up(flight.accepted.clone(), attempts).await;
    }
    let mut decision = shared.decide.decide(flight.accepted.clone(), flight.clone());
    let mut result = match tokio::time::timeout(shared.config.ack_after.0, &mut decision).await {
        Ok(result) => result,
        Err(_) if flight.lock().durable => decision.await,
        Err(_) => tokio::join!(accept(shared, flight), decision).1,
    };
    for pause in RETRIES {
        let Err(error) = &result else { break };
        // What waits for its bundle to be mended holds no room meanwhile: recovery takes it up.
        let waits_long = matches!(error, DecideError::NotLoaded { .. });
        if waits_long || !error.retryable() || !flight.lock().durable {
            break;
        }
        tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "cannot decide an accepted input; trying again");
        tokio::select! {
            () = shared.stopping.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
        result = shared.decide.decide(flight.accepted.clone(), flight.clone()).await;
    }
    result
}

async fn accept(shared: &Shared, flight: &Flight) {
    match shared.store.accept_input(&flight.accepted).await {
        Ok(_) => flight.accepted(),
        // Without an acknowledgement the client sends it again, should the decision fail too.
        Err(error) => tracing::warn!(%error, "cannot store an input to acknowledge it early"),
    }
}

/// `took` is none when there was no room to decide it at all.
fn count(flight: &Flight, result: &Result<Decided, IntakeError>, took: Option<Duration>) {
    let label = match result {
        Ok(decided) if decided.duplicate => "duplicate",
        Ok(decided) if decided.record.decision.outcome == Outcome::Failed => "failed",
        Ok(_) => "decided",
        Err(IntakeError::IdReused | IntakeError::Busy { .. } | IntakeError::Draining) => "rejected",
        Err(_) => "error",
    };
    let source = match flight.accepted.input.source {
        signalbox_model::Source::Websocket => "websocket",
        signalbox_model::Source::Cron => "cron",
        signalbox_model::Source::ExternalApi => "external_api",
        signalbox_model::Source::Kafka => "kafka",
    };
    ::metrics::counter!(MESSAGES, "source" => source, "result" => label).increment(1);
    if let Some(took) = took {
        ::metrics::histogram!(MESSAGE_SECONDS, "source" => source).record(took.as_secs_f64());
    }
    match result {
        Ok(decided) => tracing::info!(
            result = label,
            decision_id = flight.receipt.decision_id,
            decision_code = decided.record.decision.decision_code,
            micros = took.unwrap_or_default().as_micros() as u64,
            "input decided"
        ),
        Err(IntakeError::Decide(error) | IntakeError::Delayed(error)) => {
            tracing::error!(%error, code = error.code(), decision_id = flight.receipt.decision_id, "input not decided");
        }
        Err(error) => tracing::info!(%error, result = label, "input refused"),
    }
}
