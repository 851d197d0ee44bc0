//! One guest call: a fresh instance, every limit armed, dropped afterwards whatever happened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use signalbox_bindings::exports::signalbox::agent::node::Failure;
use signalbox_bindings::signalbox::agent::types as wit;
use signalbox_capabilities::{CallRecord, Calls, LimitExceeded, Scope, guest_output};
use signalbox_graph::{FailureKind, Task};
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline};

use crate::engine::TICK;
use crate::generation::{Export, Plugin};
use crate::guest::Guest;
use crate::limits::MemoryLimit;
use crate::{NodeStep, Sandbox, convert, metrics, wasi};

/// What a guest may hand to the host in one call, in bytes of lifted values.
const HOSTCALL_FUEL: usize = 2 << 20;
/// Live handles of one instance.
const MOST_HANDLES: usize = 1_000;

/// What a node is run with.
pub struct NodeCall<'a> {
    /// The plugin to run.
    pub plugin: &'a Arc<Plugin>,
    /// What the run is for.
    pub scope: Arc<Scope>,
    /// What every node of the decision is told; node and item are filled in here.
    pub context: &'a wit::Context,
    /// Which node, with its state.
    pub task: &'a Task,
}

/// How a run of a node ended.
#[derive(Debug)]
pub struct NodeRun {
    /// The node's step, or why there is none.
    pub outcome: Result<NodeStep, NodeFailure>,
    /// What the run asked of the host and left with it.
    pub record: CallRecord,
    /// From first to last, waiting for a free instance included.
    pub took: Duration,
}

/// Why a node gave no step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFailure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What happened, for author and operator.
    pub message: String,
}

impl NodeFailure {
    fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl Sandbox {
    /// Runs a node once. Never fails as a call: whatever happens in the guest is the run's outcome.
    pub async fn run_node(&self, call: NodeCall<'_>) -> NodeRun {
        let started = Instant::now();
        let limits = call.plugin.limits;
        let patience = call.task.timeout.unwrap_or(limits.time).min(limits.time);
        let deadline = call.scope.deadline.min(tokio::time::Instant::now() + patience);
        let mut context = call.context.clone();
        context.node = call.task.name.to_string();
        context.item = call.task.item.as_ref().map(|(index, item)| (*index, item.text().to_owned()));
        let state: Vec<(String, String)> =
            call.task.state.iter().map(|(channel, value)| (channel.to_string(), value.text().to_owned())).collect();

        let Ok(Ok(_slot)) = tokio::time::timeout_at(deadline, self.inner.slots.acquire()).await else {
            metrics::trap(&call.plugin.business_type, &call.plugin.policy.name, "no-instance");
            let message = format!("no instance was free within {patience:?}; the host is overloaded");
            let failure = NodeFailure::new(FailureKind::Timeout, message);
            return NodeRun { outcome: Err(failure), record: CallRecord::default(), took: started.elapsed() };
        };
        let (mut store, output) = self.store(&call);
        let running = run(&mut store, call.plugin, &context, &state);
        let answer = tokio::time::timeout_at(deadline, running).await;

        let lines = output.lines();
        let outcome = match answer {
            Ok(Ok(Ok(step))) => convert::step(step).map_err(|message| NodeFailure::new(FailureKind::Fatal, message)),
            Ok(Ok(Err(failure))) => Err(in_words(failure)),
            Ok(Err(error)) => Err(trapped(&error, &store, call.plugin, &lines)),
            Err(_) => {
                metrics::trap(&call.plugin.business_type, &call.plugin.policy.name, "timeout");
                Err(NodeFailure::new(FailureKind::Timeout, format!("gave no answer within {patience:?}")))
            }
        };
        let mut calls = store.into_data().calls;
        for line in &lines {
            guest_output(&mut calls, line);
        }
        NodeRun { outcome, record: calls.finish(), took: started.elapsed() }
    }

    /// A store with every limit armed.
    fn store(&self, call: &NodeCall<'_>) -> (Store<Guest>, wasi::Output) {
        let limits = call.plugin.limits;
        let node = &call.task.node;
        let calls = Calls::new(
            self.inner.services.clone(),
            call.plugin.policy.clone(),
            call.scope.clone(),
            node.clone(),
            call.task.attempt,
        );
        let (wasi, output) = wasi::context(call.scope.started_at, &[&call.scope.decision_id, node]);
        let ticks = u64::try_from(limits.cpu.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u64::MAX);
        let guest = Guest::new(calls, MemoryLimit::new(limits.memory), ticks, wasi);
        let mut store = Store::new(&self.inner.engine, guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(HOSTCALL_FUEL);
        store.set_max_component_handles(MOST_HANDLES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(on_tick);
        (store, output)
    }
}

/// Called when the guest has computed into the next tick: lets others run, until the guest's budget is used up. A guest
/// that waits for the host is not charged, because the deadline moves on by one tick from the moment it computes again.
fn on_tick(mut store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    let guest = store.data_mut();
    if guest.ticks_left == 0 {
        return Ok(UpdateDeadline::Interrupt);
    }
    guest.ticks_left -= 1;
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}

type Answer = Result<signalbox_bindings::exports::signalbox::agent::node::Step, Failure>;

async fn run(
    store: &mut Store<Guest>,
    plugin: &Plugin,
    context: &wit::Context,
    state: &[(String, String)],
) -> wasmtime::Result<Answer> {
    let Export::Node(indices) = &plugin.export else {
        wasmtime::bail!("plugin {} is an input handler, not a decision node", plugin.policy.name);
    };
    let instance = plugin.pre.instantiate_async(&mut *store).await?;
    let node = indices.load(&mut *store, &instance)?;
    node.call_run(&mut *store, context, state).await
}

fn in_words(failure: Failure) -> NodeFailure {
    match failure {
        Failure::Invalid(message) => NodeFailure::new(FailureKind::Invalid, cut(message)),
        Failure::Retry(message) => NodeFailure::new(FailureKind::Retry, cut(message)),
        Failure::Fatal(message) => NodeFailure::new(FailureKind::Fatal, cut(message)),
    }
}

/// A failure's words, short enough for a record.
fn cut(mut message: String) -> String {
    const LONGEST: usize = 2_048;
    if message.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
        message.truncate(end);
    }
    message
}

/// Says what a trap was about: which limit, or where the guest panicked.
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
    NodeFailure::new(FailureKind::Trap, cut(message))
}

/// Rust's panic handler prints the place and the words before it traps.
fn panic_message(lines: &[String]) -> String {
    let Some(at) = lines.iter().rposition(|line| line.contains("panicked at")) else {
        return "trapped: unreachable code reached".to_owned();
    };
    let told: Vec<&str> =
        lines.iter().skip(at).take(2).map(String::as_str).filter(|line| !line.starts_with("note:")).collect();
    told.join(" ")
}
