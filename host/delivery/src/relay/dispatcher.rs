//! The dispatcher of one target: which effect is attempted next, how many at a time, and when none.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use recloser::{AsyncRecloser, Error as BreakerError, Recloser};
use signalbox_crash_points::{CrashPoint, pass};
use signalbox_limits::FairQueue;
use signalbox_model::{Priority, Timestamp};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::config::TargetConfig;
use crate::metrics::{ATTEMPT_SECONDS, ATTEMPTS, TARGET_AVAILABLE};
use crate::route::{Route, priority};
use crate::{AttemptResult, DueEffect, EffectTarget};

/// Effects that wait for a target beside those that are attempted, as a multiple of these.
const WAITING_PER_ATTEMPT: usize = 4;
/// So many attempts in a row without an answer from the target open its circuit breaker.
const BREAKER_ATTEMPTS: usize = 5;
/// How long an open breaker lets nothing through, before one attempt tries the target again.
const BREAKER_PAUSE: Duration = Duration::from_secs(5);

/// How an effect that was handed to a dispatcher ended.
#[derive(Debug)]
pub(super) enum Dispatched {
    /// The target was asked.
    Attempted(AttemptResult),
    /// The target has more to do than it can, so it was not asked.
    Overloaded,
    /// The host's lease has nearly ended, so the attempt is left to the next holder.
    LeaseEnds,
}

/// Hands effects to the dispatcher of one target. Cheap to clone.
#[derive(Clone)]
pub(super) struct Dispatcher {
    orders: mpsc::Sender<Order>,
    health: Arc<TargetHealth>,
}

/// What is known of a target between attempts.
#[derive(Debug)]
struct TargetHealth {
    /// Whether the target has answered the last attempt.
    answers: AtomicBool,
    /// Whether effects may be held back that no host has looked at again.
    holds_back: AtomicBool,
    /// Why the target did not answer the last attempt.
    reason: Mutex<String>,
    /// How many effects wait for their turn.
    waiting: AtomicUsize,
    /// Told when an attempt has ended.
    progressed: Notify,
    /// Told when the target answers after it did not.
    recovered: Notify,
}

/// The dispatcher's own task.
pub(super) struct DispatcherTask {
    route: Route,
    target: Arc<dyn EffectTarget>,
    config: TargetConfig,
    breaker: AsyncRecloser,
    orders: mpsc::Receiver<Order>,
    /// By priority, the highest first; each shared fairly by the businesses.
    queues: [FairQueue<String, Order>; 3],
    health: Arc<TargetHealth>,
}

struct Order {
    due: DueEffect,
    lease_until: Timestamp,
    answer: oneshot::Sender<Dispatched>,
}

impl Dispatcher {
    /// The dispatcher of a target, and its task, which has to be run.
    pub fn new(route: Route, target: Arc<dyn EffectTarget>, config: TargetConfig) -> (Self, DispatcherTask) {
        let waiting = config.concurrency.saturating_mul(WAITING_PER_ATTEMPT);
        let (sender, orders) = mpsc::channel(config.concurrency);
        let health = Arc::new(TargetHealth {
            answers: AtomicBool::new(true),
            // Another host, or this one before it started anew, may have held some back.
            holds_back: AtomicBool::new(true),
            reason: Mutex::default(),
            waiting: AtomicUsize::new(0),
            progressed: Notify::new(),
            recovered: Notify::new(),
        });
        let breaker = Recloser::custom()
            .error_rate(0.99)
            // The breaker looks at the rate from the attempt after these on.
            .closed_len(BREAKER_ATTEMPTS - 1)
            .half_open_len(1)
            .open_wait(BREAKER_PAUSE)
            .build();
        let queues = std::array::from_fn(|_| FairQueue::new(waiting, waiting));
        let task = DispatcherTask {
            route,
            target,
            config,
            breaker: AsyncRecloser::from(breaker),
            orders,
            queues,
            health: health.clone(),
        };
        (Self { orders: sender, health }, task)
    }

    /// Has the effect attempted when it is its turn.
    pub async fn dispatch(&self, due: DueEffect, lease_until: Timestamp) -> Dispatched {
        let (answer, answered) = oneshot::channel();
        if self.orders.send(Order { due, lease_until, answer }).await.is_err() {
            return Dispatched::LeaseEnds;
        }
        answered.await.unwrap_or(Dispatched::Overloaded)
    }

    /// Whether the target has answered the last attempt.
    pub fn answers(&self) -> bool {
        self.health.answers.load(Ordering::Relaxed)
    }

    /// Why the target did not answer when it did not last.
    pub fn reason(&self) -> String {
        self.health.last_reason()
    }

    /// Waits until the target answers again after it did not.
    pub async fn recovered(&self) {
        self.health.recovered.notified().await;
    }

    /// Waits until no more effects wait for the target than it takes at a time.
    pub async fn room(&self) {
        while self.health.waiting.load(Ordering::Relaxed) >= self.orders.max_capacity() {
            self.health.progressed.notified().await;
        }
    }

    /// Notes that the store has effects that are held back for the target.
    pub fn note_held_back(&self) {
        self.health.holds_back.store(true, Ordering::Relaxed);
    }

    /// Whether effects were held back since this was asked last.
    pub fn take_held_back(&self) -> bool {
        self.health.holds_back.swap(false, Ordering::Relaxed)
    }
}

impl DispatcherTask {
    /// Attempts effects until there is no [`Dispatcher`] any more.
    pub async fn run(mut self) {
        let mut attempts = JoinSet::new();
        let mut is_open = true;
        loop {
            while attempts.len() < self.config.concurrency
                && let Some(order) = self.next()
            {
                self.attempt(order, &mut attempts);
            }
            if !is_open && attempts.is_empty() {
                return;
            }
            tokio::select! {
                order = self.orders.recv(), if is_open => match order {
                    Some(order) => self.queue(order),
                    None => is_open = false,
                },
                Some(_) = attempts.join_next() => self.health.progressed.notify_one(),
            }
        }
    }

    fn queue(&mut self, order: Order) {
        let [high, medium, low] = &mut self.queues;
        let queue = match priority(&order.due.effect) {
            Priority::High => high,
            Priority::Low => low,
            Priority::Medium | Priority::Unknown(_) => medium,
        };
        let business_id = order.due.record.decision.business_id.clone();
        // An order that finds no room, or has to make room for another business's, is dropped, and with it its answer:
        // `Dispatcher::dispatch` takes that for an overload.
        let _ = queue.try_push(business_id, order);
        self.count_waiting();
    }

    fn count_waiting(&self) {
        let waiting = self.queues.iter().map(FairQueue::bounded_len).sum();
        self.health.waiting.store(waiting, Ordering::Relaxed);
    }

    fn next(&mut self) -> Option<Order> {
        let (_, order) = self.queues.iter_mut().find_map(FairQueue::pop)?;
        self.count_waiting();
        Some(order)
    }

    fn attempt(&self, order: Order, attempts: &mut JoinSet<()>) {
        let deadline = self.config.deadline.0;
        let left = Duration::try_from(order.lease_until.duration_since(Timestamp::now())).unwrap_or_default();
        if left < deadline {
            let _ = order.answer.send(Dispatched::LeaseEnds);
            return;
        }
        let (route, target, health) = (self.route, self.target.clone(), self.health.clone());
        let breaker = self.breaker.clone();
        attempts.spawn(async move {
            let began = Instant::now();
            let attempt = async {
                pass(CrashPoint::BeforeAttempt);
                let result = tokio::time::timeout(deadline, target.attempt(&order.due)).await;
                pass(CrashPoint::AfterAttempt);
                match result.unwrap_or_else(|_| unanswered(deadline)) {
                    AttemptResult::Unavailable { reason } => Err(reason),
                    result => Ok(result),
                }
            };
            let result = match breaker.call(attempt).await {
                Ok(result) => result,
                Err(BreakerError::Inner(reason)) => AttemptResult::Unavailable { reason },
                Err(BreakerError::Rejected) => AttemptResult::Unavailable { reason: health.last_reason() },
            };
            health.note(route, &result, began.elapsed());
            let _ = order.answer.send(Dispatched::Attempted(result));
        });
    }
}

impl TargetHealth {
    /// Notes how an attempt ended, and tells when the target answers again.
    fn note(&self, route: Route, result: &AttemptResult, took: Duration) {
        let answers = match result {
            AttemptResult::Unavailable { reason } => {
                reason.clone_into(&mut self.reason.lock().unwrap_or_else(PoisonError::into_inner));
                false
            }
            _ => true,
        };
        let name = route.name();
        ::metrics::counter!(ATTEMPTS, "target" => name, "result" => result_name(result)).increment(1);
        ::metrics::histogram!(ATTEMPT_SECONDS, "target" => name).record(took.as_secs_f64());
        let answered = self.answers.swap(answers, Ordering::Relaxed);
        if answers == answered {
            return;
        }
        ::metrics::gauge!(TARGET_AVAILABLE, "target" => name).set(if answers { 1.0 } else { 0.0 });
        if answers {
            tracing::info!(target_name = name, "a target of effects answers again; what was held back leaves now");
            self.recovered.notify_one();
        } else {
            let reason = self.last_reason();
            tracing::warn!(
                target_name = name,
                reason,
                "a target of effects does not answer; its effects are held back"
            );
        }
    }

    fn last_reason(&self) -> String {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn unanswered(deadline: Duration) -> AttemptResult {
    AttemptResult::Failed { reason: format!("no answer within {} s", deadline.as_secs()), retry_after: None }
}

fn result_name(result: &AttemptResult) -> &'static str {
    match result {
        AttemptResult::Delivered | AttemptResult::DeliveredTo(_) => "delivered",
        AttemptResult::Kept { .. } => "kept",
        AttemptResult::Refused { .. } => "refused",
        AttemptResult::Failed { .. } => "failed",
        AttemptResult::Unavailable { .. } => "unavailable",
    }
}

#[cfg(test)]
mod tests;
