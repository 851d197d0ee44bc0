//! Graphs inside graphs, and how they are drawn.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use signalbox_graph::{
    FailureKind, Graph, GraphResult, Next, RunError, StepOutput, Stepper, Task, TaskResult, mermaid,
};

use crate::support::*;

fn with_subgraph(node: &str) -> Arc<Graph> {
    graph(&format!(
        "[graph.channels]\nlog = \"append\"\nseed = {{ reducer = \"last\", initial = 7 }}\nitems = {{ reducer = \"last\", initial = [5, 6] }}\n\
         [graph.nodes.s]\ngraph = \"sub\"\nwrites = [\"log\"]\n{node}\n{}{}{}{}\
         [graphs.sub]\nstep-limit = 3\n[graphs.sub.channels]\nlog = \"append\"\nseed = \"last\"\n\
         [graphs.sub.nodes.one]\nplugin = \"p\"\nwrites = [\"log\"]\n[graphs.sub.nodes.two]\nplugin = \"p\"\nwrites = [\"log\"]\n\
         [[graphs.sub.edges]]\nfrom = \"start\"\nto = \"one\"\n[[graphs.sub.edges]]\nfrom = \"one\"\nto = \"two\"\n\
         [[graphs.sub.edges]]\nfrom = \"two\"\nto = \"one\"\nwhen = 'input.text == \"loop\" || state.seed == 0'\n\
         [[graphs.sub.edges]]\nfrom = \"two\"\nto = \"end\"\notherwise = true\n",
        "[graph.nodes.a]\nplugin = \"p\"\nwrites = [\"log\"]\n",
        edge("start", "a"),
        edge("a", "s"),
        edge("s", "end"),
    ))
}

#[test]
fn a_subgraph_is_given_copies_and_gives_back_what_it_added() {
    let graph = with_subgraph("");
    let ran = run(&graph, |task| done(&[("log", json!(format!("{} {:?}", task.node, task.state)))]));
    assert_eq!(ran.tasks, ["1:a", "1:s/one", "2:s/two"]);
    let log = ran.state()["log"].as_array().unwrap().clone();
    assert_eq!(log.len(), 3, "nothing is counted twice: {log:?}");
    assert!(log[1].as_str().unwrap().contains("(\"seed\", 7)"), "{log:?}");
    let GraphResult::Finished { payloads, .. } = &ran.ending else { panic!("finished") };
    assert_eq!(payloads.iter().map(|(node, _)| &**node).collect::<Vec<_>>(), ["a", "s/one", "s/two"]);
}

#[test]
fn every_node_of_a_subgraph_for_each_item_is_given_the_item() {
    let graph = with_subgraph("for-each = \"state.items\"");
    let ran = run(&graph, |task| match &task.item {
        Some((position, item)) => done(&[("log", json!([position, item.value()]))]),
        None => done(&[]),
    });
    assert_eq!(ran.tasks, ["1:a", "1:s[0]/one", "1:s[1]/one", "2:s[0]/two", "2:s[1]/two"]);
    assert_eq!(ran.state()["log"], json!([0, 5, 0, 5, 1, 6, 1, 6]));
}

#[test]
fn a_failure_inside_a_subgraph_is_the_failure_of_its_node() {
    let fail =
        |task: &Task| if &*task.node == "s/two" { failed(FailureKind::Fatal) } else { done(&[("log", json!(1))]) };
    let ran = run(&with_subgraph(""), fail);
    assert!(matches!(ran.error(), RunError::NodeFailed { node, .. } if node == "s/two"));
    let GraphResult::Failed { payloads, .. } = &ran.ending else { panic!("failed") };
    assert_eq!(payloads.iter().map(|(node, _)| &**node).collect::<Vec<_>>(), ["a", "s/one"]);
    let sorry =
        "on-error = \"sorry\"\n[graph.nodes.sorry]\nplugin = \"p\"\n[[graph.edges]]\nfrom = \"sorry\"\nto = \"end\"";
    let handled = run(&with_subgraph(sorry), |task| if &*task.node == "sorry" { done(&[]) } else { fail(task) });
    assert_eq!(handled.tasks.last().unwrap(), "3:sorry");
    assert_eq!(handled.state()["log"], json!([1]), "what the subgraph had written is left out");
}

#[test]
fn giving_up_gives_back_what_was_done() {
    let mut stepper: Stepper<String> = Stepper::new(with_subgraph(""), BTreeMap::new(), scope(""));
    for expected in ["a", "s/one"] {
        let Next::Run(tasks) = stepper.next() else { panic!("{expected}") };
        assert_eq!(&*tasks[0].node, expected);
        let output = StepOutput { updates: vec![], goto: vec![], payload: expected.to_owned() };
        stepper.complete(tasks[0].id, TaskResult::Done(output));
    }
    assert!(matches!(stepper.next(), Next::Run(_)));
    let payloads: Vec<String> = stepper.abort().into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(payloads, ["a", "s/one"]);
}

#[test]
fn the_drawing_shows_what_is_declared() {
    let graph = graph(&format!(
        "[graph.channels]\nx = \"last\"\nlist = {{ reducer = \"append\", initial = [] }}\n[graph.nodes.a]\nplugin = \"p\"\nwrites = [\"x\"]\ntargets = [\"end\"]\n\
         on-error = \"j\"\n[graph.nodes.each]\nplugin = \"p\"\nfor-each = \"state.list\"\n[graph.nodes.j]\nplugin = \"p\"\njoin = \"all\"\n\
         [graph.nodes.s]\ngraph = \"sub\"\n{}[[graph.edges]]\nfrom = \"a\"\nto = \"each\"\nwhen = 'state.x == \"<#>\"'\n\
         [[graph.edges]]\nfrom = \"a\"\nto = \"s\"\notherwise = true\n{}{}{}\
         [graphs.sub.nodes.in]\nplugin = \"p\"\n[[graphs.sub.edges]]\nfrom = \"start\"\nto = \"in\"\n\
         [[graphs.sub.edges]]\nfrom = \"in\"\nto = \"end\"\n",
        edge("start", "a"),
        edge("each", "j"),
        edge("j", "end"),
        edge("s", "end"),
    ));
    let expected = r#"flowchart TD
    n_start([start])
    n0["a"]
    n1[["each<br/>for each state.list"]]
    n2{{"j<br/>join all"}}
    subgraph n3["s (graph sub)"]
        n3__start([start])
        n3_0["in"]
        n3__end([end])
        n3__start --> n3_0
        n3_0 --> n3__end
    end
    n_end([end])
    n_start --> n0
    n0 -->|"state.x == #quot;#lt;#35;#gt;#quot;"| n1
    n0 -->|otherwise| n3
    n0 -. goto .-> n_end
    n0 -. on error .-> n2
    n1 --> n2
    n2 --> n_end
    n3 --> n_end
"#;
    assert_eq!(mermaid(&graph), expected);
}
