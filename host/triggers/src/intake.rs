//! Admission: checks what enters, bounds how much is decided at once, and sees to it that whatever is acknowledged is
//! decided, also after a crash.

mod check;
mod config;
mod decide;
mod error;
mod events;
mod flight;
mod permits;
mod review;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use signalbox_delivery::Relay;
use signalbox_model::{Content, UserAccess};
use signalbox_store::{AcceptedInput, Store, StoreError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::Clock;
use crate::metrics::RECOVERED;
use flight::Flight;
use permits::{Permit, Permits};

pub use config::IntakeConfig;
pub use decide::{Decide, PermissionAudience};
pub use error::IntakeError;
pub use events::{Acceptance, Origin, Pending};
pub use flight::{Receipt, Watcher};
pub(crate) use review::MAX_ACTIONS;
pub use review::{ReviewFailure, ReviewMessage, ReviewOutcome};

/// What a user needs to send messages to a business, and to read its answers again.
pub const MESSAGE_PERMISSION: &str = "message";

/// The most accepted inputs that recovery takes from the store at once.
const PAGE: u32 = 100;

/// Admits inputs and has them decided. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    shared: Arc<Shared>,
}

struct Shared {
    config: IntakeConfig,
    decide: Arc<dyn Decide>,
    store: Store,
    relay: Relay,
    clock: Clock,
    permits: Arc<Permits>,
    flights: Mutex<HashMap<String, Arc<Flight>>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// Something a user sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The user's own id of it.
    pub id: String,
    /// Whose affair it is.
    pub business_id: String,
    /// The place it is about.
    pub location_id: Option<String>,
    /// What it says.
    pub content: Content,
}

impl Intake {
    /// Decides with `decide`, keeps accepted inputs in `store` and hands decisions to `relay`.
    pub fn new(config: IntakeConfig, decide: Arc<dyn Decide>, store: Store, relay: Relay, clock: Clock) -> Self {
        let permits = Arc::new(Permits::new(config.in_flight, config.in_flight_per_business));
        let shared = Shared {
            config,
            decide,
            store,
            relay,
            clock,
            permits,
            flights: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The limits that apply.
    pub fn config(&self) -> &IntakeConfig {
        &self.shared.config
    }

    /// Who decides.
    pub fn decide(&self) -> &Arc<dyn Decide> {
        &self.shared.decide
    }

    /// Checks a message and makes it an input: its content, and whether the user may send it there.
    pub fn check(&self, access: &UserAccess, message: Message) -> Result<AcceptedInput, IntakeError> {
        let shared = &self.shared;
        check::message(&message, &shared.config)?;
        let business_id = &message.business_id;
        let authorized =
            shared.decide.authorize(access, business_id, message.location_id.as_deref(), MESSAGE_PERMISSION)?;
        Ok(check::input(access, message, authorized.permissions, shared.clock.now()))
    }

    /// Has an input decided, and tells `watcher` how it goes. An input that is being decided already is not decided a
    /// second time; its watcher joins the others.
    pub fn submit(&self, accepted: AcceptedInput, watcher: Arc<dyn Watcher>) -> Result<(), IntakeError> {
        if self.shared.stopping.is_cancelled() {
            return Err(IntakeError::Draining);
        }
        self.start(accepted, Some(watcher), false, None).map(|_| ())
    }

    /// Takes up every input that was accepted and not decided, for example because the host died. Says how many. At
    /// start `older_than` is zero; later it leaves alone what another process may be deciding right now.
    pub async fn recover(&self, older_than: Duration) -> Result<usize, StoreError> {
        let limit = SignedDuration::try_from(older_than).unwrap_or(SignedDuration::MAX);
        let mut seen = HashSet::new();
        loop {
            let page = self.shared.store.pending_inputs(PAGE).await?;
            let now = self.shared.clock.now();
            let mut fresh = Vec::new();
            for accepted in page {
                let old_enough = now.duration_since(accepted.accepted_at) >= limit;
                let key = (accepted.input.business_id.clone(), accepted.input.id.clone());
                if old_enough && seen.insert(key) {
                    fresh.push(accepted);
                }
            }
            if fresh.is_empty() {
                return Ok(seen.len());
            }
            for accepted in fresh {
                self.recover_one(accepted).await;
            }
        }
    }

    /// Runs [`Intake::recover`] at start and then every now and then, until `stop`.
    pub async fn keep_recovering(&self, stop: CancellationToken) {
        let period = self.shared.config.recovery_interval.0.max(Duration::from_millis(10));
        let mut older_than = Duration::ZERO;
        loop {
            match self.recover(older_than).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "took up accepted inputs that were not decided"),
                Err(error) => tracing::warn!(%error, "cannot look for accepted inputs; trying again later"),
            }
            older_than = self.shared.config.recover_after.0;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(period) => {}
            }
        }
    }

    /// Takes no more inputs and waits for those that are being decided, at most until `deadline`; says how many are
    /// left. Accepted ones among them are taken up at the next start.
    pub async fn drain(&self, deadline: Duration) -> usize {
        self.shared.stopping.cancel();
        self.shared.tasks.close();
        let _ = tokio::time::timeout(deadline, self.shared.tasks.wait()).await;
        self.shared.tasks.len()
    }

    async fn recover_one(&self, accepted: AcceptedInput) {
        // Recovery waits its turn instead of being refused, because nobody would send these inputs again.
        let pause = self.shared.config.retry_after.0.max(Duration::from_millis(10));
        let outcome = loop {
            match self.start(accepted.clone(), None, true, None) {
                Err(IntakeError::Busy { .. }) => tokio::time::sleep(pause).await,
                other => break other,
            }
        };
        let result = match outcome {
            Ok(done) => done.await.map_or("failed", |decided| if decided { "decided" } else { "failed" }),
            Err(error) => {
                tracing::warn!(input_id = accepted.input.id, %error, "cannot take up an accepted input");
                "failed"
            }
        };
        ::metrics::counter!(RECOVERED, "result" => result).increment(1);
    }

    fn permit(&self, business_id: &str) -> Result<Permit, IntakeError> {
        let busy = IntakeError::Busy { retry_after: self.shared.config.retry_after.0 };
        self.shared.permits.acquire(business_id).ok_or(busy)
    }

    /// Starts a flight, or joins the one that decides the same input; the receiver hears whether it was decided.
    fn start(
        &self,
        accepted: AcceptedInput,
        watcher: Option<Arc<dyn Watcher>>,
        durable: bool,
        permit: Option<Permit>,
    ) -> Result<oneshot::Receiver<bool>, IntakeError> {
        let receipt = Receipt::of(&accepted);
        let (done, wait) = oneshot::channel();
        let mut flights = self.shared.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&receipt.decision_id) {
            if !flight.is_same(&accepted) {
                return Err(IntakeError::IdReused);
            }
            flight.join(watcher, done);
            return Ok(wait);
        }
        let permit = match permit {
            Some(permit) => permit,
            None => self.permit(&accepted.input.business_id)?,
        };
        let flight = Arc::new(Flight::new(receipt, accepted, durable));
        flight.join(watcher, done);
        flights.insert(flight.receipt.decision_id.clone(), flight.clone());
        drop(flights);
        let input = &flight.accepted.input;
        let span = tracing::info_span!(
            "input",
            correlation_id = flight.receipt.correlation_id,
            business_id = input.business_id,
            input_id = input.id,
        );
        let run = flight::run(self.shared.clone(), flight.clone(), permit).instrument(span);
        self.shared.tasks.spawn(run);
        Ok(wait)
    }
}
