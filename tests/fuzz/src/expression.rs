use std::collections::BTreeMap;
use std::sync::Arc;

use signalbox_graph::{FailureKind, Graph, Json, Next, Scope, StepOutput, Stepper, TaskResult, parse};
use signalbox_model::{AgentInput, Content, InputType, Source};

/// A chain in which the expression decides, as a condition and as a list of items.
const GRAPH: &str = "[bundle]\nbusiness-type = \"shop\"\nversion = \"1.0.0\"\n[plugins.p]\ncomponent = \"p.wasm\"\n\
    [graph]\nsession = [\"x\"]\n[graph.channels]\nx = \"last\"\ny = \"last\"\n\
    [graph.nodes.a]\nplugin = \"p\"\n[graph.nodes.b]\nplugin = \"p\"\n[[graph.edges]]\nfrom = \"start\"\nto = \"a\"\n";

/// An expression in CEL, a line of three dashes, and the channel's value in JSON. Either the bundle is refused with the
/// mistake's place, or two runs give the same result and end.
pub fn expression(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (source, value) = super::parts(text);
    let quoted = toml::Value::String(source.to_owned()).to_string();
    let end = "[[graph.edges]]\nfrom = \"b\"\nto = \"end\"\n";
    let condition = format!(
        "{GRAPH}[[graph.edges]]\nfrom = \"a\"\nto = \"b\"\nwhen = {quoted}\n\
         [[graph.edges]]\nfrom = \"a\"\nto = \"end\"\notherwise = true\n{end}"
    );
    let each = format!("{GRAPH}[[graph.edges]]\nfrom = \"a\"\nto = \"b\"\n{end}")
        .replace("[graph.nodes.b]\n", &format!("[graph.nodes.b]\nfor-each = {quoted}\n"));
    for manifest in [condition, each] {
        let Ok(manifest) = parse("bundle.toml", &manifest) else { continue };
        let first = run(&manifest.graph, value);
        assert_eq!(first, run(&manifest.graph, value), "the same run gives something else");
    }
}

/// Runs the graph with the value in its channel, and says how it ended.
fn run(graph: &Arc<Graph>, value: &str) -> String {
    let mut stepper = Stepper::new(Arc::clone(graph), BTreeMap::new(), scope(value));
    let mut ran = 0;
    loop {
        match stepper.next() {
            Next::Run(tasks) => {
                for task in tasks {
                    ran += 1;
                    let outcome = match Json::parse(value) {
                        Ok(value) => TaskResult::Done(StepOutput {
                            updates: if &*task.name == "a" { vec![("x".to_owned(), value)] } else { Vec::new() },
                            goto: Vec::new(),
                            payload: (),
                        }),
                        Err(error) => TaskResult::Failed { kind: FailureKind::Invalid, message: error.to_string() },
                    };
                    stepper.complete(task.id, outcome);
                }
            }
            Next::Pause => {}
            Next::Wait => panic!("it waits for nothing"),
            Next::Ended(ending) => return format!("{ran} {ending:?}"),
        }
    }
}

fn scope(text: &str) -> Scope {
    let input = AgentInput {
        id: "in_1".to_owned(),
        source: Source::Websocket,
        user_id: None,
        business_id: "b".to_owned(),
        location_id: None,
        input_type: InputType::UserMessage,
        content: Content { text: Some(text.chars().take(64).collect()), data: None, metadata: None },
        timestamp: jiff::Timestamp::UNIX_EPOCH,
        correlation_id: None,
    };
    Scope::new(&input, &["message".to_owned()])
}
