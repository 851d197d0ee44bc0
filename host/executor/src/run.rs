//! The loop of a run: the graph says what runs next, the sandbox runs it, and the graph is told the outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use signalbox_capabilities::{CallRecord, CallScope, JournalEntry, json_weight};
use signalbox_graph::{FailureKind, GraphResult, Next, Payloads, RunError, StepOutput, Stepper, Task, TaskResult};
use signalbox_model::{ActionType, JsonObject, MessageModel, PathStep, StepResult, Tokens};
use signalbox_sandbox::{Generation, NewAction, NodeCall, NodeFailure, NodeRun, NodeStep, Plugin, Sandbox, Verdict};
use signalbox_store::EffectKind;
use thiserror::Error;

use crate::context::DecisionStart;
use crate::render::{Rendered, Renderer};
use crate::{NodeEvent, Phase, Progress, metrics};

/// How many characters of an unknown template's name an error repeats.
const LONGEST_TEMPLATE: usize = 64;

/// How many responses or notifications are rendered before the task yields to others.
const AT_A_TIME: usize = 4;

/// What one node contributed to the decision.
#[derive(Debug)]
pub(crate) struct Contribution {
    pub verdict: Option<Verdict>,
    pub actions: Vec<NewAction>,
    pub responses: Vec<Rendered>,
    pub effects: Vec<EffectKind>,
    /// The message models that the actions' words are from.
    pub models: Vec<Arc<MessageModel>>,
}

/// The most bytes that the actions, answers and effects of one decision may have together. The record is one item of
/// the store, whose limit is lower but applies after compression.
const MOST_GIVEN: usize = 1 << 20;

impl Contribution {
    /// Its approximate size in the decision's record, in bytes.
    fn bytes(&self) -> usize {
        const EACH: usize = 256;
        let object = |object: Option<&JsonObject>| -> usize {
            object.into_iter().flatten().map(|(key, value)| key.len() + json_weight(value)).sum()
        };
        let text = |text: Option<&String>| text.map_or(0, String::len);
        let actions = self.actions.iter().map(|action| EACH + action.target.len() + object(Some(&action.payload)));
        let responses = self.responses.iter().map(|response| {
            let content = &response.content;
            EACH + response.recipient.len() + text(content.text.as_ref()) + object(content.data.as_ref())
        });
        let effects = self.effects.iter().map(|effect| match effect {
            EffectKind::Action(action) => EACH + object(Some(&action.payload)),
            EffectKind::Notification { content, .. } => EACH + object(Some(content)),
            EffectKind::KafkaRecord { value, headers, .. } => {
                EACH + 2 * value.len() + headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
            }
            EffectKind::Schedule { payload, .. } => EACH + object(payload.as_ref()),
            EffectKind::CancelSchedule { .. }
            | EffectKind::Response { .. }
            | EffectKind::ChannelNotification { .. }
            | EffectKind::Unknown(_) => EACH,
        });
        let verdict =
            self.verdict.as_ref().map_or(0, |verdict| verdict.reasoning.len() + object(verdict.metadata.as_ref()));
        actions.chain(responses).chain(effects).sum::<usize>() + verdict
    }
}

/// Why a run gave no decision.
#[derive(Debug, Error)]
pub(crate) enum RunFailure {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("no decision within {0:?}; raise `deadline` under [graph], or find the slow node in the path")]
    Deadline(Duration),
    #[error(
        "node `{node}` makes what this decision says and causes {bytes} bytes, more than the {MOST_GIVEN} of one decision; \
         let it send less, or keep it in a table"
    )]
    TooMuch { node: String, bytes: usize },
    #[error("the graph ended, and no node had decided")]
    NoVerdict,
    #[error("the graph waits for a node that does not run; this is a bug of the host")]
    Stuck,
    #[error(
        "the host ended {attempts} times while it decided this input, so it is not decided any more; the end of its log \
         before each start says how (a crash, an abort, the system's out-of-memory killer or kill -9); once that is mended, \
         send the input again under a new id"
    )]
    EndedTheHost { attempts: u32 },
}

/// The result of a graph's run, finished or failed.
pub(crate) struct RunResult {
    pub result: Result<FinishedRun, RunFailure>,
    pub path: Vec<PathStep>,
    pub journal: Vec<JournalEntry>,
    pub tokens: Tokens,
}

/// What a finished run gave.
pub(crate) struct FinishedRun {
    pub contributions: Payloads<Contribution>,
    pub session: serde_json::Map<String, serde_json::Value>,
}

impl RunResult {
    /// The result when the graph was not run at all.
    pub fn failed(failure: RunFailure) -> Self {
        Self { result: Err(failure), path: Vec::new(), journal: Vec::new(), tokens: Tokens::default() }
    }
}

/// What every task of a run shares.
pub(crate) struct Runner<'a> {
    pub sandbox: &'a Sandbox,
    pub renderer: &'a Renderer,
    pub generation: &'a Generation,
    pub scope: Arc<CallScope>,
    pub start: &'a DecisionStart,
    pub progress: &'a dyn Progress,
}

/// The trace of one attempt. Sorted, the traces of all attempts are the trace of the run.
struct AttemptTrace {
    order: Vec<u32>,
    step: PathStep,
    journal: Vec<JournalEntry>,
}

impl Runner<'_> {
    /// Runs the graph to its end, or until its deadline.
    pub async fn run(&self, mut stepper: Stepper<Contribution>) -> RunResult {
        let deadline = self.generation.graph.deadline();
        let (mut running, mut traces, mut tokens) = (FuturesUnordered::new(), Vec::new(), Tokens::default());
        let mut given = 0_usize;
        let result = loop {
            match stepper.next() {
                // On the heap, because the collection moves its futures, and the future of an attempt has some
                // kilobytes.
                Next::Run(tasks) => running.extend(tasks.into_iter().map(|task| Box::pin(self.attempt(task)))),
                // The deadline is checked here too, because no other code checks it while the graph itself computes.
                Next::Pause if tokio::time::Instant::now() >= self.scope.deadline => {
                    break Err(RunFailure::Deadline(deadline));
                }
                Next::Pause => tokio::task::yield_now().await,
                Next::Wait => match tokio::time::timeout_at(self.scope.deadline, running.next()).await {
                    Ok(Some((task, outcome, trace, used))) => {
                        tokens.input += used.input;
                        tokens.output += used.output;
                        traces.push(trace);
                        if let TaskResult::Done(output) = &outcome {
                            given = given.saturating_add(output.payload.bytes());
                            if given > MOST_GIVEN {
                                break Err(RunFailure::TooMuch { node: task.node.to_string(), bytes: given });
                            }
                        }
                        stepper.complete(task.id, outcome);
                    }
                    Ok(None) => break Err(RunFailure::Stuck),
                    Err(_) => break Err(RunFailure::Deadline(deadline)),
                },
                Next::Ended(GraphResult::Finished { payloads, session, .. }) => {
                    let session =
                        session.into_iter().map(|(channel, value)| (channel, value.value().clone())).collect();
                    break Ok(FinishedRun { contributions: payloads, session });
                }
                Next::Ended(GraphResult::Failed { error, .. }) => break Err(error.into()),
            }
        };
        drop(running);
        traces.sort_by(|one: &AttemptTrace, other| {
            one.order.cmp(&other.order).then(one.step.attempt.cmp(&other.step.attempt))
        });
        let (mut path, mut journal) = (Vec::with_capacity(traces.len()), Vec::new());
        for mut trace in traces {
            path.push(trace.step);
            journal.append(&mut trace.journal);
        }
        RunResult { result, path, journal, tokens }
    }

    /// One attempt of one node, from its backoff to its outcome.
    async fn attempt(&self, task: Task) -> (Task, TaskResult<Contribution>, AttemptTrace, Tokens) {
        if !task.delay.is_zero() {
            tokio::time::sleep(task.delay).await;
        }
        self.tell(&task, Phase::Started, Duration::ZERO);
        let started = Instant::now();
        let (result, record) = self.node(&task).await;
        let took = started.elapsed();
        let phase = if result.is_ok() { Phase::Done } else { Phase::Failed };
        self.tell(&task, phase, took);
        metrics::node(&self.generation.business_type, &task.name, phase, took);

        let CallRecord { journal, effects, tokens, .. } = record;
        let (result, outcome) = match result {
            Ok((updates, goto, mut contribution)) => {
                contribution.effects = effects;
                (StepResult::Done, TaskResult::Done(StepOutput { updates, goto, payload: contribution }))
            }
            Err(NodeFailure { kind, message }) => {
                tracing::info!(node = %task.node, attempt = task.attempt, kind = kind.as_str(), "node failed: {message}");
                let told = format!("{}: {message}", kind.as_str());
                (StepResult::Failed(told), TaskResult::Failed { kind, message })
            }
        };
        let step = PathStep {
            node: task.node.to_string(),
            step: task.step,
            attempt: task.attempt,
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            result,
        };
        let trace = AttemptTrace { order: task.order.clone(), step, journal };
        (task, outcome, trace, tokens)
    }

    async fn node(&self, task: &Task) -> (Result<NodeResult, NodeFailure>, CallRecord) {
        let Some(plugin) = self.generation.plugin(&task.plugin) else {
            let message = format!("the generation has no plugin `{}`; this is a bug of the host", task.plugin);
            return (Err(NodeFailure { kind: FailureKind::Fatal, message }), CallRecord::default());
        };
        let call = NodeCall { plugin, scope: self.scope.clone(), context: &self.start.wit, task };
        let NodeRun { outcome, record, .. } = self.sandbox.run_node(call).await;
        let given = match outcome {
            Ok(step) => match unlisted(plugin, &step) {
                None => self.words(step).await,
                Some(failure) => Err(failure),
            },
            Err(failure) => Err(failure),
        };
        (given, record)
    }

    /// Renders a step's responses and notifications as part of the node's work, so that the node's `on-error` can
    /// handle a template that fails.
    async fn words(&self, step: NodeStep) -> Result<NodeResult, NodeFailure> {
        let NodeStep { updates, goto, verdict, mut actions, responses } = step;
        let fatal = |message| NodeFailure { kind: FailureKind::Fatal, message };
        let (input, business) = (&self.start.model.input, &self.start.business);
        let mut models = Vec::new();
        let notifications = actions.iter_mut().filter(|action| action.action_type == ActionType::Notification);
        for (index, action) in notifications.enumerate() {
            if index % AT_A_TIME == AT_A_TIME - 1 {
                tokio::task::yield_now().await;
            }
            let used = self.renderer.render_notification(&mut action.payload, input, business).await;
            models.extend(used.map_err(fatal)?);
        }
        let mut rendered = Vec::with_capacity(responses.len());
        for (index, response) in responses.into_iter().enumerate() {
            if index % AT_A_TIME == AT_A_TIME - 1 {
                // One node may give many responses, whose rendering together would keep the thread too long.
                tokio::task::yield_now().await;
            }
            rendered.push(self.renderer.render(response, input, business).await.map_err(fatal)?);
        }
        let contribution = Contribution { verdict, actions, responses: rendered, effects: Vec::new(), models };
        Ok((updates, goto, contribution))
    }

    fn tell(&self, task: &Task, phase: Phase, took: Duration) {
        self.progress.node(NodeEvent {
            decision_id: self.scope.decision_id.clone(),
            node: task.node.clone(),
            step: task.step,
            attempt: task.attempt,
            phase,
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        });
    }
}

/// Fails a step that uses a template which its plugin's list in the bundle does not have: only listed templates were
/// checked at load. A plugin without a list may use any template.
fn unlisted(plugin: &Plugin, step: &NodeStep) -> Option<NodeFailure> {
    let named = step.responses.iter().filter_map(|response| Some(("response", response.template.as_deref()?)));
    let notifications = step.actions.iter().filter(|action| action.action_type == ActionType::Notification);
    let notified = notifications.filter_map(|action| Some(("notification", action.payload.get("template")?.as_str()?)));
    let (what, template) = named.chain(notified).find(|(_, template)| !plugin.may_say(template))?;
    let template: String = template.chars().take(LONGEST_TEMPLATE).collect();
    let message =
        format!("a {what} names template `{template}`, which is not among the plugin's `templates` in bundle.toml");
    Some(NodeFailure { kind: FailureKind::Fatal, message })
}

type NodeResult = (Vec<(String, signalbox_graph::Json)>, Vec<String>, Contribution);
