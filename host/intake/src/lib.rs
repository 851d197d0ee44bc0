//! Admission: checks what enters, limits how much enters and how many decisions are in flight, serves businesses and
//! users fairly, and ensures that every acknowledged input is decided, also after a crash.

mod accept;
mod admission;
mod attempts;
mod check;
mod config;
mod decide;
mod error;
mod in_flight;
mod metrics;
mod rate_limits;
mod receive;
mod review;
#[cfg(feature = "samples")]
pub mod samples;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::SignedDuration;
use signalbox_crash_points::{CrashPoint, pass};
use signalbox_delivery::Relay;
use signalbox_executor::{AccessError, Authorized, DecideError};
use signalbox_graph::Inputs;
use signalbox_model::{BusinessInfo, Clock, Content, MESSAGE_PERMISSION, UserAccess};
use signalbox_store::{AcceptedInput, Handover, PendingInput, Store, StoreError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::metrics::RECOVERED;
use admission::{Admission, AdmissionEntry, AdmissionPermit, MaxWait, Requester};
use attempts::Attempts;
use in_flight::InFlightInput;
use rate_limits::RateLimits;

pub use accept::{Acceptance, PendingDecision};
pub use check::{MAX_MESSAGE_ID_BYTES, is_message_id};
pub use config::IntakeConfig;
pub use decide::{Decide, PermissionAudience};
pub use error::{IntakeError, OPERATOR_RETRY_AFTER, RateScope, RetryAdvice, read_failure_message};
pub use in_flight::{Receipt, Watcher};
pub use metrics::{MESSAGES, describe_metrics};
pub use receive::{Arrival, HandlerTask, InputEntry, InputOrigin, ReceiveError, Received, Routed};
pub use review::MAX_ACTIONS;
pub use review::{ReviewFailure, ReviewMessage, ReviewOutcome};

/// The most accepted inputs that recovery reads from the store in one page.
const PAGE_SIZE: u32 = 100;

/// How many inputs recovery has in flight or waiting at the same time.
const MAX_CONCURRENT_RECOVERIES: usize = 16;

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
    admission: Arc<Admission>,
    rates: RateLimits,
    attempts: Attempts,
    in_flight_inputs: Mutex<HashMap<String, Arc<InFlightInput>>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// How an input enters.
#[derive(Debug, Default)]
struct SubmitOptions {
    /// The input is stored already.
    durable: bool,
    /// A permit that was taken for the input already.
    permit: Option<AdmissionPermit>,
    /// After this many attempts that ended the host, the input is recorded as failed instead of being decided.
    given_up: Option<u32>,
}

/// A message of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The user's own id of the message.
    pub id: String,
    /// The business it is for.
    pub business_id: String,
    /// The location it is about.
    pub location_id: Option<String>,
    /// What it says.
    pub content: Content,
}

impl Intake {
    /// `decide` makes the decisions, `store` keeps the accepted inputs, and `relay` delivers the decisions.
    pub fn new(config: IntakeConfig, decide: Arc<dyn Decide>, store: Store, relay: Relay, clock: Clock) -> Self {
        let shared = Shared {
            admission: Arc::new(Admission::new(&config)),
            rates: RateLimits::new(&config),
            attempts: Attempts::default(),
            config,
            decide,
            store,
            relay,
            clock,
            in_flight_inputs: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Notes that connections took messages of a decision that were in the mailbox. Never waits.
    pub fn handed_over(&self, handover: Handover) {
        self.shared.relay.handed_over(handover);
    }

    /// The limits that apply.
    pub fn config(&self) -> &IntakeConfig {
        &self.shared.config
    }

    /// Every business there is.
    pub fn businesses(&self) -> Vec<Arc<BusinessInfo>> {
        self.shared.decide.businesses()
    }

    /// A business and the inputs that its live bundle declares. The error says why nothing is decided for the business
    /// here.
    pub fn inputs(&self, business_id: &str) -> Result<(Arc<BusinessInfo>, Arc<Inputs>), DecideError> {
        self.shared.decide.inputs(business_id)
    }

    /// Whether the unreadable business files may include a business whose bundle reads this topic.
    pub fn may_lack_a_reader(&self, topic: &str) -> bool {
        self.shared.decide.may_lack_a_reader(topic)
    }

    /// A business, as the directory has it at this moment.
    pub fn business(&self, business_id: &str) -> Option<Arc<BusinessInfo>> {
        self.shared.decide.business(business_id)
    }

    /// What a user may do in a business, if the user may see the business and its location (when one is named) and has
    /// the permission.
    pub fn authorize(
        &self,
        access: &UserAccess,
        business_id: &str,
        location_id: Option<&str>,
        permission: &str,
    ) -> Result<Authorized, AccessError> {
        self.shared.decide.authorize(access, business_id, location_id, permission)
    }

    /// Which users may see what; the same rule for push, resume, lists, reads and reviews.
    pub fn audience(&self) -> PermissionAudience {
        PermissionAudience(self.shared.decide.clone())
    }

    /// Counts one item from a sender against the rates of its user and its business. A trigger calls this once for each
    /// item, before it works on it. Items that the host fetches itself (schedules of bundles, Kafka records, inputs
    /// from the store) are not counted; they wait in the fair queue. Ticks of schedules that plugins make are counted
    /// like messages of people.
    pub fn check_rate(&self, user_id: Option<&str>, business_id: &str) -> Result<(), IntakeError> {
        self.shared.rates.check(user_id, business_id)
    }

    /// Checks a message and makes it an arrival: its content, whether the user may send it there, and the rates.
    pub fn check_message(&self, access: &UserAccess, message: Message) -> Result<Arrival, IntakeError> {
        let shared = &self.shared;
        check::message(&message, &shared.config)?;
        let business_id = &message.business_id;
        let authorized =
            shared.decide.authorize(access, business_id, message.location_id.as_deref(), MESSAGE_PERMISSION)?;
        self.check_rate(Some(&access.user_id), business_id)?;
        Ok(check::arrival(access, message, authorized.permissions))
    }

    /// Has an input decided, and reports the progress to `watcher`. Returns at once, also when the input waits in the
    /// queue for room. An input that is already waiting or being decided is not decided a second time; its new watcher
    /// joins the others.
    pub fn submit(&self, accepted: AcceptedInput, watcher: Arc<dyn Watcher>) -> Result<(), IntakeError> {
        if self.shared.stopping.is_cancelled() {
            return Err(IntakeError::Draining);
        }
        pass(CrashPoint::InputReceived);
        self.start(accepted, Some(watcher), SubmitOptions::default()).map(|_| ())
    }

    /// Takes up every input that was accepted and not decided, for example because the host died, and returns their
    /// number. At start `older_than` is zero; later it leaves out the inputs that another process may be deciding.
    pub async fn recover(&self, older_than: Duration) -> Result<usize, StoreError> {
        let limit = SignedDuration::try_from(older_than).unwrap_or(SignedDuration::MAX);
        let (mut seen, mut cursor) = (HashSet::new(), None);
        let (mut waiting, mut left) = (0_usize, 0_usize);
        loop {
            let page = self.shared.store.pending_inputs_after(cursor.as_deref(), PAGE_SIZE).await?;
            let now = self.shared.clock.now();
            let (mut suspects, mut fresh) = (Vec::new(), Vec::new());
            // An acceptance time far in the future comes from another clock and says nothing about the input's age.
            let is_young = |pending: &PendingInput| now.duration_since(pending.accepted.accepted_at).abs() < limit;
            let last_is_young = page.items.last().is_some_and(is_young);
            for pending in page.items {
                let key = (pending.accepted.input.business_id.clone(), pending.accepted.input.id.clone());
                if is_young(&pending) || !seen.insert(key) {
                    continue;
                }
                let PendingInput { accepted, attempts } = pending;
                if !accepted.input.is_known() {
                    left += 1;
                    continue;
                }
                // The operator has to mend something first. Until then these inputs stay in the store and do not hold
                // up others.
                let found = self.inputs(&accepted.input.business_id);
                if found.is_err_and(|error| error.waits_for_the_operator()) {
                    waiting += 1;
                } else if attempts > 0 {
                    suspects.push(accepted);
                } else {
                    fresh.push(accepted);
                }
            }
            // Suspects come before the others, so that no other input is under way if a suspect ends this host too.
            for accepted in suspects {
                self.recover_one(accepted, true).await;
            }
            stream::iter(fresh)
                .for_each_concurrent(MAX_CONCURRENT_RECOVERIES, |accepted| self.recover_one(accepted, false))
                .await;
            // The oldest inputs come first, so all that follow are younger still.
            cursor = page.cursor.filter(|_| !last_is_young);
            if cursor.is_none() || self.shared.stopping.is_cancelled() {
                break;
            }
        }
        if waiting > 0 {
            tracing::warn!(
                count = waiting,
                "accepted inputs wait for a bundle or a business file that could not be loaded"
            );
        }
        if left > 0 {
            tracing::warn!(
                count = left,
                "accepted inputs wait for a newer version of the host, which knows what they ask for"
            );
        }
        Ok(seen.len() - waiting - left)
    }

    /// Runs [`Intake::recover`] at start and then at the configured interval, until `stop`.
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

    /// Takes no more inputs, refuses those in the queue, and waits until the inputs in flight are decided, at most
    /// until `deadline`. Returns how many are left; those of them that are stored are taken up at the next start.
    pub async fn drain(&self, deadline: Duration) -> usize {
        self.shared.stopping.cancel();
        self.shared.admission.close();
        self.shared.tasks.close();
        let _ = tokio::time::timeout(deadline, self.shared.tasks.wait()).await;
        self.end_attempts().await;
        self.shared.tasks.len()
    }

    async fn recover_one(&self, accepted: AcceptedInput, is_suspect: bool) {
        let input_id = accepted.input.id.clone();
        let result = match self.decide_again(accepted, is_suspect, None).await {
            Ok(true) => "decided",
            Ok(false) => "failed",
            Err(IntakeError::Draining) => return,
            Err(error) => {
                tracing::warn!(input_id, %error, "cannot take up an accepted input");
                "failed"
            }
        };
        ::metrics::counter!(RECOVERED, "result" => result).increment(1);
    }

    /// Waits for a permit, in the sender's turn.
    async fn admit(&self, requester: Requester) -> Result<AdmissionPermit, IntakeError> {
        self.shared.admission.enter(requester, MaxWait::Configured)?.permit().await
    }

    /// Starts an input that recovery takes up again. An input that is given up is recorded and not decided.
    fn start_again(
        &self,
        accepted: AcceptedInput,
        watcher: Option<Arc<dyn Watcher>>,
        given_up: Option<u32>,
    ) -> Result<oneshot::Receiver<bool>, IntakeError> {
        self.start(accepted, watcher, SubmitOptions { durable: true, permit: None, given_up })
    }

    /// Starts the decision of an input, or joins the same input that is already in flight. The receiver is told whether
    /// it was decided.
    fn start(
        &self,
        accepted: AcceptedInput,
        watcher: Option<Arc<dyn Watcher>>,
        options: SubmitOptions,
    ) -> Result<oneshot::Receiver<bool>, IntakeError> {
        let SubmitOptions { durable, permit, given_up } = options;
        let receipt = Receipt::of(&accepted);
        let (done, wait) = oneshot::channel();
        let mut in_flight_inputs = self.shared.in_flight_inputs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(in_flight) = in_flight_inputs.get(&receipt.decision_id) {
            if !in_flight.is_same(&accepted) {
                return Err(IntakeError::IdReused);
            }
            in_flight.join(watcher, done, durable);
            return Ok(wait);
        }
        let entry = match permit {
            Some(permit) => AdmissionEntry::Admitted(permit),
            None => {
                let max_wait = if durable { MaxWait::Unlimited } else { MaxWait::Configured };
                self.shared.admission.enter(Requester::of(&accepted.input), max_wait)?
            }
        };
        let in_flight = Arc::new(InFlightInput::new(receipt, accepted, durable, given_up));
        in_flight.join(watcher, done, durable);
        in_flight_inputs.insert(in_flight.receipt.decision_id.clone(), in_flight.clone());
        drop(in_flight_inputs);
        let input = &in_flight.accepted.input;
        let span = tracing::info_span!(
            "input",
            correlation_id = in_flight.receipt.correlation_id,
            business_id = input.business_id,
            input_id = input.id,
        );
        let run = in_flight::run(self.shared.clone(), in_flight.clone(), entry).instrument(span);
        self.shared.tasks.spawn(run);
        Ok(wait)
    }
}
