//! Single steps: which nodes run, how their updates are merged, and which nodes follow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use signalbox_graph::{FailureKind, Graph, GraphResult, Next, RunError, StepOutput, Stepper, TaskResult};

use crate::support::*;

#[test]
fn nodes_of_a_step_see_the_same_snapshot_and_merge_in_declared_order() {
    let graph = graph(
        "[graph.channels]\nlog = \"append\"\n[graph.nodes.b]\nplugin = \"p\"\nwrites = [\"log\"]\n[graph.nodes.a]\n\
         plugin = \"p\"\nwrites = [\"log\"]\n[graph.nodes.last]\nplugin = \"p\"\njoin = \"all\"\n[[graph.edges]]\n\
         from = \"start\"\nto = [\"a\", \"b\"]\n[[graph.edges]]\nfrom = \"a\"\nto = \"last\"\n[[graph.edges]]\n\
         from = \"b\"\nto = \"last\"\n[[graph.edges]]\nfrom = \"last\"\nto = \"end\"\n",
    );
    let mut stepper: Stepper<&str> = Stepper::new(graph, BTreeMap::new(), scope(""));
    let Next::Run(tasks) = stepper.next() else { panic!("two tasks") };
    assert_eq!(tasks.iter().map(|task| task.node.as_ref()).collect::<Vec<_>>(), ["b", "a"]);
    let output = |value, payload| {
        TaskResult::Done(StepOutput { updates: updates(&[("log", json!(value))]), goto: Vec::new(), payload })
    };
    stepper.complete(tasks[1].id, output("from a", "a"));
    assert!(matches!(stepper.next(), Next::Wait), "the step waits for both");
    stepper.complete(tasks[1].id, output("twice", "late"));
    stepper.complete(tasks[0].id, output("from b", "b"));
    let Next::Run(last) = stepper.next() else { panic!("the join") };
    assert_eq!(last[0].state[0].1.value(), &json!(["from b", "from a"]));
    assert_eq!((last.len(), last[0].step), (1, 2));
    stepper.complete(last[0].id, TaskResult::Done(StepOutput { updates: vec![], goto: vec![], payload: "last" }));
    let Next::Ended(GraphResult::Finished { payloads, .. }) = stepper.next() else { panic!("finished") };
    assert_eq!(payloads.iter().map(|(_, payload)| *payload).collect::<Vec<_>>(), ["b", "a", "last"]);
    assert!(matches!(stepper.next(), Next::Ended(GraphResult::Failed { error: RunError::Over, .. })));
}

#[test]
fn edges_follow_the_merged_state_and_the_input() {
    let graph = graph(&format!(
        "[graph.channels]\nkind = \"last\"\n[graph.nodes.a]\nplugin = \"p\"\nwrites = [\"kind\"]\n{}{}\
         [[graph.edges]]\nfrom = \"a\"\nto = \"x\"\nwhen = 'state.kind == \"x\"'\n\
         [[graph.edges]]\nfrom = \"a\"\nto = \"y\"\nwhen = 'input.text == \"hello\" && \"message\" in permissions'\n\
         [[graph.edges]]\nfrom = \"a\"\nto = \"z\"\notherwise = true\n{}{}{}",
        nodes(&["x", "y", "z"]),
        edge("start", "a"),
        edge("x", "end"),
        edge("y", "end"),
        edge("z", "end"),
    ));
    let ran = run(&graph, |_| done(&[]));
    assert!(
        matches!(ran.error(), RunError::Condition { reason, .. } if reason.contains("has no value yet")),
        "{}",
        ran.error()
    );
    let value = |kind: &'static str| {
        run(&graph, move |task| if &*task.node == "a" { done(&[("kind", json!(kind))]) } else { done(&[]) })
    };
    assert_eq!(value("x").tasks, ["1:a", "2:x", "2:y"], "all that match are followed");
    assert_eq!(value("q").tasks, ["1:a", "2:y"], "otherwise only when none did");
}

#[test]
fn no_edge_matched_is_an_error_that_names_the_node() {
    let graph = graph(&format!(
        "{}{}[[graph.edges]]\nfrom = \"a\"\nto = \"end\"\nwhen = 'input.text == \"bye\"'\n",
        nodes(&["a"]),
        edge("start", "a")
    ));
    let ran = run(&graph, |_| done(&[]));
    assert_eq!(ran.error(), &RunError::NoEdgeMatched { node: "a".to_owned() });
    let GraphResult::Failed { payloads, .. } = ran.ending else { panic!("failed") };
    assert_eq!(payloads.len(), 1, "what the node gave is kept");
}

#[test]
fn a_goto_replaces_the_edges_and_stays_within_its_targets() {
    let graph = graph(&format!(
        "[graph.nodes.a]\nplugin = \"p\"\ntargets = [\"c\", \"end\"]\n{}{}{}{}{}",
        nodes(&["b", "c"]),
        edge("start", "a"),
        edge("a", "b"),
        edge("b", "end"),
        edge("c", "end"),
    ));
    assert_eq!(run(&graph, |_| done(&[])).tasks, ["1:a", "2:b"]);
    let to = |target: &'static str| run(&graph, move |task| if &*task.node == "a" { goto(target) } else { done(&[]) });
    assert_eq!(to("c").tasks, ["1:a", "2:c"]);
    assert_eq!(to("end").tasks, ["1:a"]);
    assert_eq!(to("b").error(), &RunError::GotoOutsideTargets { node: "a".to_owned(), target: "b".to_owned() });
}

#[test]
fn a_channel_outside_the_writes_is_an_error_and_never_dropped() {
    let graph = graph(&format!(
        "[graph.channels]\nx = {{ reducer = \"sum\", initial = 0 }}\ny = {{ reducer = \"last\", initial = 0 }}\n\
         [graph.nodes.a]\nplugin = \"p\"\nwrites = [\"x\"]\n{}{}",
        edge("start", "a"),
        edge("a", "end")
    ));
    for channel in ["y", "z"] {
        let ran = run(&graph, |_| done(&[(channel, json!(1))]));
        assert_eq!(ran.error(), &RunError::UndeclaredChannel { node: "a".to_owned(), channel: channel.to_owned() });
    }
    let ran = run(&graph, |_| done(&[("x", json!("one"))]));
    let text = ran.error().to_string();
    assert_eq!(text, "node `a` wrote channel `x`: `sum` takes a number, and was given a string");
}

const RETRY: &str = "[graph.nodes.a]\nplugin = \"p\"\ntimeout = \"2s\"\n\
    retry = { max-attempts = 3, initial-interval = \"100ms\", jitter = false }\n";

#[test]
fn a_failure_that_may_pass_is_tried_again_with_growing_pauses() {
    let graph = graph(&format!("{RETRY}{}{}", edge("start", "a"), edge("a", "end")));
    let mut pauses = Vec::new();
    let ran = run(&graph, |task| {
        pauses.push((task.attempt, task.delay.as_millis(), task.timeout));
        if task.attempt < 3 { failed(FailureKind::Retry) } else { done(&[]) }
    });
    let timeout = Some(Duration::from_secs(2));
    assert_eq!(pauses, [(1, 0, timeout), (2, 100, timeout), (3, 200, timeout)]);
    assert_eq!(ran.state(), json!({}));
    let ran = run(&graph, |_| failed(FailureKind::Timeout));
    assert!(matches!(ran.error(), RunError::NodeFailed { attempts: 3, kind: FailureKind::Timeout, .. }));
    for kind in [FailureKind::Invalid, FailureKind::Fatal, FailureKind::Trap] {
        assert!(matches!(run(&graph, |_| failed(kind)).error(), RunError::NodeFailed { attempts: 1, .. }), "{kind:?}");
    }
}

#[test]
fn a_retry_does_not_wait_for_siblings() {
    let graph = graph(&format!(
        "{RETRY}{}{}{}{}{}",
        nodes(&["slow"]),
        edge("start", "a"),
        edge("start", "slow"),
        edge("a", "end"),
        edge("slow", "end"),
    ));
    let mut stepper: Stepper<String> = Stepper::new(graph, BTreeMap::new(), scope(""));
    let Next::Run(tasks) = stepper.next() else { panic!("two tasks") };
    stepper.complete(tasks[0].id, failed(FailureKind::Retry));
    let Next::Run(again) = stepper.next() else { panic!("handed out again") };
    assert_eq!((&*again[0].node, again[0].attempt), ("a", 2));
    assert_ne!(again[0].id, tasks[0].id);
    assert_eq!(again[0].order, tasks[0].order);
    stepper.complete(again[0].id, failed(FailureKind::Fatal));
    assert!(matches!(stepper.next(), Next::Wait), "the step ends when its last node has");
    stepper.complete(tasks[1].id, done(&[]));
    let Next::Ended(GraphResult::Failed { payloads, .. }) = stepper.next() else { panic!("failed") };
    assert_eq!(payloads.len(), 1, "the sibling's work is kept");
}

#[test]
fn on_error_takes_over_without_the_failed_nodes_updates() {
    let graph = graph(&format!(
        "[graph.channels]\nlog = \"append\"\n[graph.nodes.a]\nplugin = \"p\"\nwrites = [\"log\"]\non-error = \"sorry\"\n\
         for-each = \"[1, 2]\"\n{}{}{}{}{}",
        nodes(&["sorry", "fine"]),
        edge("start", "a"),
        edge("a", "fine"),
        edge("fine", "end"),
        edge("sorry", "end"),
    ));
    let ran = run(&graph, |task| {
        if &*task.node == "a[1]" {
            failed(FailureKind::Trap)
        } else if &*task.name == "a" {
            done(&[("log", json!(1))])
        } else {
            done(&[])
        }
    });
    assert_eq!(ran.tasks, ["1:a[0]", "1:a[1]", "2:sorry"]);
    assert_eq!(ran.state(), json!({}), "a node that runs for each item fails as one");
    let GraphResult::Finished { payloads, .. } = &ran.ending else { panic!("finished") };
    assert_eq!(payloads.iter().map(|(node, _)| &**node).collect::<Vec<_>>(), ["sorry"]);
    let ran = run(&graph, |task| if &*task.name == "a" { done(&[("x", json!(1))]) } else { done(&[]) });
    assert!(matches!(ran.error(), RunError::UndeclaredChannel { .. }), "a breach of the manifest is not handled");
}

#[test]
fn a_join_waits_for_every_branch_that_can_still_reach_it() {
    let graph = graph(&format!(
        "[graph.nodes.j]\nplugin = \"p\"\njoin = \"all\"\n{}{}{}{}{}{}{}{}",
        nodes(&["short", "long1", "long2"]),
        edge("start", "short"),
        edge("start", "long1"),
        edge("short", "j"),
        edge("long1", "long2"),
        edge("long2", "j"),
        "[[graph.edges]]\nfrom = \"long2\"\nto = \"end\"\nwhen = 'input.text == \"bye\"'\n",
        edge("j", "end"),
    ));
    assert_eq!(run(&graph, |_| done(&[])).tasks, ["1:short", "1:long1", "2:long2", "3:j"]);
}

#[test]
fn joins_that_can_reach_each_other_do_not_wait_for_ever() {
    let graph = graph(&format!(
        "[graph.nodes.j]\nplugin = \"p\"\njoin = \"all\"\n[graph.nodes.k]\nplugin = \"p\"\njoin = \"all\"\n{}{}{}{}{}{}",
        edge("start", "j"),
        edge("start", "k"),
        "[[graph.edges]]\nfrom = \"j\"\nto = \"k\"\nwhen = 'input.text == \"bye\"'\n",
        "[[graph.edges]]\nfrom = \"k\"\nto = \"j\"\nwhen = 'input.text == \"bye\"'\n",
        edge("j", "end"),
        edge("k", "end"),
    ));
    assert_eq!(run(&graph, |_| done(&[])).tasks, ["1:j", "1:k"]);
}

#[test]
fn a_node_reached_by_several_edges_in_one_step_runs_once() {
    let graph = graph(&format!(
        "{}{}{}{}{}{}",
        nodes(&["a", "b", "c"]),
        edge("start", "a"),
        edge("start", "b"),
        edge("a", "c"),
        edge("b", "c"),
        edge("c", "end"),
    ));
    assert_eq!(run(&graph, |_| done(&[])).tasks, ["1:a", "1:b", "2:c"]);
}

fn for_each(expression: &str, channels: &str) -> Arc<Graph> {
    graph(&format!(
        "[graph]\nsession = [\"list\"]\n[graph.channels]\nlist = \"last\"\n{channels}\n[graph.nodes.a]\nplugin = \"p\"\n\
         for-each = '{expression}'\nwrites = [\"out\"]\n{}{}",
        edge("start", "a"),
        edge("a", "end")
    ))
}

#[test]
fn for_each_runs_once_for_each_item_in_item_order() {
    let graph = for_each("state.list", "out = \"append\"");
    let ran = run_from(&graph, &[("list", json!([{"n": 1.0}, 2, null]))], |task| {
        let (position, item) = task.item.clone().unwrap();
        done(&[("out", json!([position, item.value()]))])
    });
    assert_eq!(ran.tasks, ["1:a[0]", "1:a[1]", "1:a[2]"]);
    assert_eq!(ran.state()["out"], json!([0, {"n": 1.0}, 1, 2, 2, null]));
    let none = run_from(&graph, &[("list", json!([]))], |_| done(&[]));
    assert!(none.tasks.is_empty() && none.state()["list"] == json!([]), "an empty list runs nothing and goes on");
    let wrong = run_from(&graph, &[("list", json!(3))], |_| done(&[]));
    assert!(matches!(wrong.error(), RunError::ForEach { reason, .. } if reason.contains("is no list")));
    let missing = run(&graph, |_| done(&[]));
    assert!(matches!(missing.error(), RunError::ForEach { reason, .. } if reason.contains("has no value yet")));
    let many = run_from(&graph, &[("list", json!(vec![0; 1_001]))], |_| done(&[]));
    assert!(matches!(many.error(), RunError::TooManyItems { items: 1_001, limit: 1_000, .. }));
    let computed = for_each("state.list.filter(n, n > 1).map(n, n * 2)", "out = \"append\"");
    let ran = run_from(&computed, &[("list", json!([1, 2, 3]))], |task| {
        done(&[("out", task.item.clone().unwrap().1.value().clone())])
    });
    assert_eq!(ran.state()["out"], json!([4, 6]));
}

#[test]
fn the_step_limit_ends_a_loop_and_says_where() {
    let graph = graph(&format!(
        "[graph]\nstep-limit = 5\n{}{}{}[[graph.edges]]\nfrom = \"a\"\nto = \"end\"\nwhen = 'input.text == \"bye\"'\n",
        nodes(&["a"]),
        edge("start", "a"),
        "[[graph.edges]]\nfrom = \"a\"\nto = \"a\"\notherwise = true\n",
    ));
    let ran = run(&graph, |_| done(&[]));
    assert_eq!(ran.tasks.len(), 5);
    let wanted = RunError::StepLimit { graph: "the graph".to_owned(), limit: 5, active: "`a`".to_owned() };
    assert_eq!(ran.error(), &wanted);
}

#[test]
fn session_channels_carry_over_and_what_no_longer_fits_is_left_out() {
    let graph = graph(&format!(
        "[graph]\nsession = [\"notes\", \"topic\"]\n[graph.channels]\nnotes = \"append\"\ntopic = \"last\"\n\
         other = {{ reducer = \"sum\", initial = 1 }}\n[graph.nodes.a]\nplugin = \"p\"\nwrites = [\"notes\"]\n{}{}",
        edge("start", "a"),
        edge("a", "end")
    ));
    let left = [("notes", json!([1])), ("topic", json!("t")), ("other", json!(9)), ("gone", json!(1))];
    let ran = run_from(&graph, &left, |_| done(&[("notes", json!(2))]));
    assert_eq!(ran.state(), json!({"notes": [1, 2], "topic": "t", "other": 1}));
    let GraphResult::Finished { session, .. } = &ran.ending else { panic!("finished") };
    assert_eq!(session.keys().collect::<Vec<_>>(), ["notes", "topic"]);
    let ran = run_from(&graph, &[("notes", json!("a string of an older bundle"))], |_| done(&[("notes", json!(2))]));
    assert_eq!(ran.state()["notes"], json!([2]));
}

#[test]
fn two_values_at_once_for_one_place_are_an_error_where_load_could_not_see_it() {
    let graph = graph(&format!(
        "[graph.channels]\nx = \"last\"\n[graph.nodes.a]\nplugin = \"p\"\nwrites = [\"x\"]\n[graph.nodes.b]\nplugin = \"p\"\n\
         writes = [\"x\"]\n[[graph.edges]]\nfrom = \"start\"\nto = \"a\"\nwhen = 'input.text != \"\"'\n\
         [[graph.edges]]\nfrom = \"start\"\nto = \"b\"\nwhen = 'input.text != \"bye\"'\n{}{}",
        edge("a", "end"),
        edge("b", "end"),
    ));
    let ran = run(&graph, |_| done(&[("x", json!(1))]));
    let names = ["x", "a", "b"].map(str::to_owned);
    let [channel, first, second] = names;
    assert_eq!(ran.error(), &RunError::ParallelWrite { channel, first, second });
}
