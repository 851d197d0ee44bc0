//! One instance for each guest call. Every limit is set before the call, and the instance is dropped after it in any
//! case.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use signalbox_capabilities::{CallRecord, CallScope, Calls, LimitExceeded, guest_output};
use signalbox_graph::FailureKind;
use signalbox_limits::FairPermit;
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline};

use crate::breaker::{Admitted, Ended};
use crate::generation::Plugin;
use crate::guest::Guest;
use crate::limits::MemoryLimit;
use crate::sandbox::SandboxInner;
use crate::scheduler::{ActiveGuest, BusinessPlugin, CallState, ScheduledCall, Scheduler};
use crate::wasi::GuestRandom;
use crate::{metrics, wasi};

/// The most bytes of lifted values that a guest may pass to the host in one call.
const HOSTCALL_FUEL: usize = 2 << 20;
/// A guest of the foreground goes on after a tick when it has computed for less than this part of a tick, because ticks
/// fall into short calls by chance.
const SHORT_PART_OF_TICK: u32 = 4;
/// The most handles that an instance may have at a time.
const MOST_HANDLES: usize = 1_000;

/// Why a guest returned nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFailure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// What happened, for author and operator.
    pub message: String,
}

impl NodeFailure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: cut(message.into()) }
    }
}

/// A failure's message, short enough for a record.
fn cut(mut message: String) -> String {
    const LONGEST: usize = 2_048;
    if message.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
        message.truncate(end);
    }
    message
}

/// A store with all limits set, and the permit for an instance.
pub(crate) struct PreparedCall {
    store: Store<Guest>,
    call: CallContext,
    scheduled: ScheduledCall,
    instance: FairPermit<Arc<str>>,
    active: ActiveGuest,
}

/// The data of a guest call outside its store.
struct CallContext {
    plugin: Arc<Plugin>,
    scope: Arc<CallScope>,
    admitted: Admitted,
    patience: Duration,
    output: wasi::Output,
    started: Instant,
}

/// A running call of a guest's function.
pub(crate) type GuestFuture<'s, T> = Pin<Box<dyn Future<Output = wasmtime::Result<T>> + Send + 's>>;

/// The deadline passed before the guest ended.
struct DeadlinePassed;

/// The report of a guest call, besides its return value.
pub(crate) struct CallReport {
    pub record: CallRecord,
    pub took: Duration,
}

impl SandboxInner {
    /// Waits for a free instance, in fair order with other businesses, and prepares its store; fails when the breaker
    /// of the plugin is open for the business. `label` is the node's path or the handler's name.
    pub async fn prepare(
        &self,
        plugin: &Arc<Plugin>,
        scope: &Arc<CallScope>,
        label: &Arc<str>,
        attempt: u32,
        patience: Duration,
    ) -> Result<PreparedCall, (NodeFailure, CallReport)> {
        let started = Instant::now();
        let now = tokio::time::Instant::now();
        let admitted = plugin.breakers.admit(&scope.business.business_id, now).map_err(|message| {
            let report = CallReport { record: CallRecord::default(), took: started.elapsed() };
            (NodeFailure::new(FailureKind::Fatal, message), report)
        })?;
        let deadline = scope.deadline.min(now + patience);
        let business: Arc<str> = scope.business.business_id.as_str().into();
        let Ok(instance) = tokio::time::timeout_at(deadline, self.instances.acquire(&business)).await else {
            metrics::trap(&plugin.business_type, &plugin.policy.name, "no-instance");
            let message = format!("no instance was free within {patience:?}; the host is overloaded");
            let report = CallReport { record: CallRecord::default(), took: started.elapsed() };
            return Err((NodeFailure::new(FailureKind::Timeout, message), report));
        };
        let limits = plugin.limits;
        let calls = Calls::new(self.services.clone(), plugin.policy.clone(), scope.clone(), label.clone(), attempt);
        let (wasi, output) = wasi::context(scope.started_at);
        let random = GuestRandom::new(scope.clone(), label.clone());
        let state = Arc::new(CallState::default());
        let memory = MemoryLimit::new(limits.memory);
        let guest = Guest::new(calls, memory, limits.cpu, self.tick, state.clone(), random, wasi);
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(HOSTCALL_FUEL);
        store.set_max_component_handles(MOST_HANDLES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(on_tick);
        let caller = BusinessPlugin { business, plugin: plugin.policy.name.clone() };
        let (plugin, scope) = (plugin.clone(), scope.clone());
        let call = CallContext { plugin, scope, admitted, patience, output, started };
        let scheduled = ScheduledCall { caller, deadline, tick: self.tick, state };
        Ok(PreparedCall { store, call, scheduled, instance, active: self.ticker.begin() })
    }
}

/// Called when the epoch has moved on. Charges the guest for its CPU time, traps it when its budget is used up, and
/// otherwise makes it yield. A guest that has just begun, that has just waited for the host or whose thread had to wait
/// for a core goes on until the next tick.
fn on_tick(mut store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    let guest = store.data_mut();
    let cpu_time = guest.state.cpu.lap();
    guest.budget = guest.budget.saturating_sub(cpu_time + guest.state.cpu.take_uncharged());
    if guest.budget.is_zero() {
        return Ok(UpdateDeadline::Interrupt);
    }
    if cpu_time < guest.tick / SHORT_PART_OF_TICK && !guest.state.is_in_background() {
        return Ok(UpdateDeadline::Continue(1));
    }
    guest.state.preempt();
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}

impl PreparedCall {
    /// Calls the guest under the scheduler, drops the instance on the thread where the call ended, and describes why
    /// the guest returned nothing if it did not.
    pub async fn run<T: Send + 'static>(
        self,
        scheduler: &Scheduler,
        begin: impl for<'s> FnOnce(&'s mut Store<Guest>, &'s Plugin) -> GuestFuture<'s, T> + Send + 'static,
    ) -> (Result<T, NodeFailure>, CallReport) {
        let Self { mut store, call, scheduled, instance, active } = self;
        let (state, started) = (scheduled.state.clone(), call.started);
        let work = async move {
            let mut calling = begin(&mut store, &call.plugin);
            let answer = poll_fn(|context| {
                if state.is_expired() {
                    return Poll::Ready(Err(DeadlinePassed));
                }
                calling.as_mut().poll(context).map(Ok)
            })
            .await;
            drop(calling);
            let concluded = call.conclude(store, answer);
            drop((instance, active));
            concluded
        };
        scheduler.run(scheduled, work).await.unwrap_or_else(|error| {
            let message = format!("computes long, and the host has no thread for it: {error}");
            let report = CallReport { record: CallRecord::default(), took: started.elapsed() };
            (Err(NodeFailure::new(FailureKind::Timeout, message)), report)
        })
    }
}

impl CallContext {
    fn conclude<T>(
        self,
        store: Store<Guest>,
        answer: Result<wasmtime::Result<T>, DeadlinePassed>,
    ) -> (Result<T, NodeFailure>, CallReport) {
        let lines = self.output.lines();
        let ended = match &answer {
            Ok(Ok(_)) => Ended::Answered,
            Ok(Err(_)) => Ended::Trapped,
            Err(DeadlinePassed) => Ended::GivenUp,
        };
        let (business, now) = (&self.scope.business.business_id, tokio::time::Instant::now());
        self.plugin.breakers.ended(business, self.admitted, ended, now);
        let answer = match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(trapped(&error, &store, &self.plugin, &lines)),
            Err(DeadlinePassed) => {
                metrics::trap(&self.plugin.business_type, &self.plugin.policy.name, "timeout");
                Err(NodeFailure::new(FailureKind::Timeout, format!("gave no answer within {:?}", self.patience)))
            }
        };
        let mut calls = store.into_data().calls;
        for line in &lines {
            guest_output(&mut calls, line);
        }
        (answer, CallReport { record: calls.finish(), took: self.started.elapsed() })
    }
}

/// Describes a trap: the limit that was exceeded, or the place where the guest panicked.
fn trapped(error: &wasmtime::Error, store: &Store<Guest>, plugin: &Plugin, lines: &[String]) -> NodeFailure {
    let limits = plugin.limits;
    let (reason, message) = if let Some(limit) = error.downcast_ref::<LimitExceeded>() {
        ("host-calls", limit.to_string())
    } else if store.data().memory.was_refused() {
        let memory = signalbox_model::HumanSize(limits.memory);
        (
            "memory",
            format!("asked for more than {memory} of memory; raise `limits.memory` of the plugin if it needs more"),
        )
    } else {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => (
                "cpu",
                format!("computed for longer than {:?}; raise `limits.cpu` of the plugin if it needs more", limits.cpu),
            ),
            Some(Trap::StackOverflow) => ("stack", "recursed until the stack was full".to_owned()),
            Some(Trap::UnreachableCodeReached) => ("panic", panic_message(lines)),
            Some(trap) => ("trap", format!("trapped: {trap}")),
            None => ("trap", format!("trapped: {}", error.root_cause())),
        }
    };
    metrics::trap(&plugin.business_type, &plugin.policy.name, reason);
    tracing::warn!(plugin = %plugin.policy.name, reason, error = format!("{error:#}"), "{message}");
    NodeFailure::new(FailureKind::Trap, message)
}

/// The place and the message that Rust's panic handler prints before it traps.
fn panic_message(lines: &[String]) -> String {
    let Some(at) = lines.iter().rposition(|line| line.contains("panicked at")) else {
        return "trapped: unreachable code reached".to_owned();
    };
    let told: Vec<&str> =
        lines.iter().skip(at).take(2).map(String::as_str).filter(|line| !line.starts_with("note:")).collect();
    told.join(" ")
}
