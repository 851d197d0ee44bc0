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

/// The arguments of a node's run.
pub struct NodeCall<'a> {
    /// The plugin to run.
    pub plugin: &'a Arc<Plugin>,
    /// The decision that the run belongs to, with its limits and its journal.
    pub scope: Arc<CallScope>,
    /// The context that all nodes of the decision get; node and item are filled in here.
    pub context: &'a wit::Context,
    /// The node, with its state.
    pub task: &'a Task,
}

/// The result of a node's run.
#[derive(Debug)]
pub struct NodeRun {
    /// The node's step, or its failure.
    pub outcome: Result<NodeStep, NodeFailure>,
    /// The capability calls of the run, and what they leave for the decision.
    pub record: CallRecord,
    /// The duration, including waiting for a free instance.
    pub took: Duration,
}

impl Sandbox {
    /// Runs a node once. The call itself never fails: a failure of the guest is the run's outcome.
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
