//! Runs decision nodes.

use std::sync::Arc;
use std::time::Duration;

use signalbox_bindings::exports::signalbox::agent::node::{Failure, Step};
use signalbox_bindings::signalbox::agent::types as wit;
use signalbox_capabilities::{CallRecord, CallScope};
use signalbox_graph::{FailureKind, Task};
use wasmtime::Store;

use crate::generation::{Export, Plugin};
use crate::guest::Guest;
use crate::instance::{CallReport, NodeFailure};
use crate::{NodeStep, Sandbox, convert};

/// What a node is run with.
pub struct NodeCall<'a> {
    /// The plugin to run.
    pub plugin: &'a Arc<Plugin>,
    /// What the run is for.
    pub scope: Arc<CallScope>,
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

impl Sandbox {
    /// Runs a node once. Never fails as a call: whatever happens in the guest is the run's outcome.
    pub async fn run_node(&self, call: NodeCall<'_>) -> NodeRun {
        let NodeCall { plugin, scope, context, task } = call;
        let limits = plugin.limits;
        let patience = task.timeout.unwrap_or(limits.time).min(limits.time);
        let prepared = match self.inner.prepare(plugin, &scope, &task.node, task.attempt, patience).await {
            Ok(prepared) => prepared,
            Err((failure, CallReport { record, took })) => return NodeRun { outcome: Err(failure), record, took },
        };
        let mut context = context.clone();
        context.node = task.name.to_string();
        context.item = task.item.as_ref().map(|(index, item)| (*index, item.text().to_owned()));
        let state: Vec<(String, String)> =
            task.state.iter().map(|(channel, value)| (channel.to_string(), value.text().to_owned())).collect();
        let (answer, CallReport { record, took }) = prepared
            .run(&self.inner.scheduler, move |store, plugin| {
                Box::pin(async move { run(store, plugin, &context, &state).await })
            })
            .await;
        let outcome = answer
            .and_then(|answer| answer.map_err(in_words))
            .and_then(|step| convert::step(step).map_err(|message| NodeFailure::new(FailureKind::Fatal, message)));
        NodeRun { outcome, record, took }
    }
}

async fn run(
    store: &mut Store<Guest>,
    plugin: &Plugin,
    context: &wit::Context,
    state: &[(String, String)],
) -> wasmtime::Result<Result<Step, Failure>> {
    let Export::Node(indices) = &plugin.export else {
        wasmtime::bail!("plugin {} is an input handler, not a decision node", plugin.policy.name);
    };
    let instance = plugin.pre.instantiate_async(&mut *store).await?;
    let node = indices.load(&mut *store, &instance)?;
    node.call_run(&mut *store, context, state).await
}

fn in_words(failure: Failure) -> NodeFailure {
    match failure {
        Failure::Invalid(message) => NodeFailure::new(FailureKind::Invalid, message),
        Failure::Retry(message) => NodeFailure::new(FailureKind::Retry, message),
        Failure::Fatal(message) => NodeFailure::new(FailureKind::Fatal, message),
    }
}
