//! Drives a stepper by hand: no plugin, no clock, no runtime.

use std::collections::BTreeMap;
use std::sync::Arc;

use signalbox_graph::{
    FailureKind, Graph, GraphResult, Json, Next, RunError, Scope, StepOutput, Stepper, Task, TaskResult, parse,
};
use signalbox_model::{AgentInput, Content, InputType, Source};

pub fn graph(lines: &str) -> Arc<Graph> {
    let text = format!(
        "[bundle]\nbusiness-type = \"shop\"\nversion = \"1.0.0\"\n[plugins.p]\ncomponent = \"p.wasm\"\n{lines}"
    );
    parse("bundle.toml", &text).map_err(|report| report.render(false)).unwrap_or_else(|why| panic!("{why}")).graph
}

pub fn scope(text: &str) -> Scope {
    let input = AgentInput {
        id: "in_1".to_owned(),
        source: Source::Websocket,
        user_id: None,
        business_id: "b".to_owned(),
        location_id: None,
        input_type: InputType::UserMessage,
        content: Content { text: Some(text.to_owned()), data: None, metadata: None },
        timestamp: "2026-11-23T00:00:00Z".parse().unwrap(),
        correlation_id: None,
    };
    Scope::new(&input, &["message".to_owned()])
}

pub fn updates(list: &[(&str, serde_json::Value)]) -> Vec<(String, Json)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), Json::from_value(value.clone()).unwrap())).collect()
}

pub fn done(list: &[(&str, serde_json::Value)]) -> TaskResult<String> {
    TaskResult::Done(StepOutput { updates: updates(list), goto: Vec::new(), payload: String::new() })
}

pub fn goto(target: &str) -> TaskResult<String> {
    TaskResult::Done(StepOutput { updates: Vec::new(), goto: vec![target.to_owned()], payload: String::new() })
}

pub fn failed(kind: FailureKind) -> TaskResult<String> {
    TaskResult::Failed { kind, message: "no luck".to_owned() }
}

/// What a run did: every task as `step:path`, and how it ended.
pub struct Ran {
    pub tasks: Vec<String>,
    pub ending: GraphResult<String>,
}

impl Ran {
    pub fn state(&self) -> serde_json::Value {
        match &self.ending {
            GraphResult::Finished { state, .. } => {
                state.iter().map(|(name, json)| (name.clone(), json.value().clone())).collect()
            }
            GraphResult::Failed { error, .. } => panic!("failed: {error}"),
        }
    }

    pub fn error(&self) -> &RunError {
        match &self.ending {
            GraphResult::Failed { error, .. } => error,
            GraphResult::Finished { state, .. } => panic!("finished: {state:?}"),
        }
    }
}

pub fn run_from(
    graph: &Arc<Graph>,
    session: &[(&str, serde_json::Value)],
    mut node: impl FnMut(&Task) -> TaskResult<String>,
) -> Ran {
    let session: BTreeMap<String, Json> = updates(session).into_iter().collect();
    let mut stepper = Stepper::new(Arc::clone(graph), session, scope("hello"));
    let mut tasks = Vec::new();
    loop {
        match stepper.next() {
            Next::Run(batch) => {
                for task in batch {
                    tasks.push(format!("{}:{}", task.step, task.node));
                    let outcome = match node(&task) {
                        TaskResult::Done(output) => {
                            TaskResult::Done(StepOutput { payload: task.node.to_string(), ..output })
                        }
                        failed => failed,
                    };
                    stepper.complete(task.id, outcome);
                }
            }
            Next::Pause => {}
            Next::Wait => panic!("nothing is outstanding, so nothing can be waited for"),
            Next::Ended(ending) => return Ran { tasks, ending },
        }
    }
}

pub fn run(graph: &Arc<Graph>, node: impl FnMut(&Task) -> TaskResult<String>) -> Ran {
    run_from(graph, &[], node)
}

pub fn edge(from: &str, to: &str) -> String {
    format!("[[graph.edges]]\nfrom = \"{from}\"\nto = \"{to}\"\n")
}

pub fn nodes(names: &[&str]) -> String {
    names.iter().map(|name| format!("[graph.nodes.{name}]\nplugin = \"p\"\n")).collect()
}
