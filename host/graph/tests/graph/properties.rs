//! Properties that hold for every graph and every order in which nodes end.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;
use signalbox_graph::{
    FailureKind, Graph, GraphResult, Json, Next, Reducer, StepOutput, Stepper, Task, TaskResult, parse,
};

use crate::support::scope;

/// A node of a random graph.
#[derive(Clone, Debug)]
struct RandomNode {
    join: bool,
    for_each: bool,
    subgraph: bool,
    /// The most attempts.
    attempts: u32,
    on_error: Option<usize>,
    /// Later nodes that it always leads to.
    forward: Vec<usize>,
    /// Any nodes that it leads to under a condition, with the condition's remainder.
    conditional: Vec<(usize, u32)>,
}

fn random_node() -> impl Strategy<Value = RandomNode> {
    let kinds = (any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let ways = (prop::collection::vec(0..8_usize, 0..3), prop::collection::vec((0..8_usize, 0..3_u32), 0..3));
    (kinds, 1..4_u32, prop::option::weighted(0.4, 0..8_usize), ways).prop_map(
        |((join, for_each, subgraph), attempts, on_error, (forward, conditional))| RandomNode {
            join,
            for_each,
            subgraph,
            attempts,
            on_error,
            forward,
            conditional,
        },
    )
}

/// A manifest whose graph is valid by construction: every node is reached from an earlier one, unconditional edges lead
/// only onward, and every node can end.
fn manifest(nodes: &[RandomNode]) -> String {
    let mut text = String::from(
        "[bundle]\nbusiness-type = \"shop\"\nversion = \"1.0.0\"\n[plugins.p]\ncomponent = \"p.wasm\"\n\
         [graph]\nstep-limit = 12\n[graph.channels]\nlog = \"append\"\ntotal = { reducer = \"sum\", initial = 0 }\n\
         best = \"max\"\nfacts = \"merge\"\nitems = { reducer = \"last\", initial = [1, 2, 3] }\n",
    );
    let mut edges: Vec<(String, String, String)> = vec![("start".to_owned(), "n0".to_owned(), String::new())];
    for (index, node) in nodes.iter().enumerate() {
        let writes = "writes = [\"log\", \"total\", \"best\", \"facts\"]";
        text.push_str(&format!("[graph.nodes.n{index}]\n{writes}\n"));
        if node.subgraph {
            text.push_str("graph = \"sub\"\n");
        } else {
            text.push_str(&format!("plugin = \"p\"\nretry = {{ max-attempts = {} }}\n", node.attempts));
        }
        if node.join {
            text.push_str("join = \"all\"\n");
        }
        if node.for_each {
            text.push_str("for-each = \"state.items\"\n");
        }
        if let Some(target) = node.on_error.filter(|target| *target < nodes.len() && *target != index) {
            text.push_str(&format!("on-error = \"n{target}\"\n"));
        }
        if index > 0 {
            // Reached from an earlier node, or from start beside it.
            let earlier = node.forward.first().map_or(0, |seed| seed % index);
            let from = if node.forward.len() == 1 { "start".to_owned() } else { format!("n{earlier}") };
            edges.push((from, format!("n{index}"), String::new()));
        }
        let onward = node.forward.iter().filter(|to| **to > index && **to < nodes.len());
        edges.extend(onward.map(|to| (format!("n{index}"), format!("n{to}"), String::new())));
        let conditional: Vec<_> = node.conditional.iter().filter(|(to, _)| *to < nodes.len()).collect();
        for (to, remainder) in &conditional {
            let when = format!("when = 'state.total % 3 == {remainder}'");
            edges.push((format!("n{index}"), format!("n{to}"), when));
        }
        let last = if conditional.is_empty() { "" } else { "otherwise = true" };
        edges.push((format!("n{index}"), "end".to_owned(), last.to_owned()));
    }
    edges.sort();
    edges.dedup();
    for (from, to, extra) in edges {
        text.push_str(&format!("[[graph.edges]]\nfrom = \"{from}\"\nto = \"{to}\"\n{extra}\n"));
    }
    if nodes.iter().any(|node| node.subgraph) {
        text.push_str(
            "[graphs.sub.channels]\nlog = \"append\"\ntotal = \"sum\"\nbest = \"max\"\nfacts = \"merge\"\n\
             [graphs.sub.nodes.x]\nplugin = \"p\"\nwrites = [\"log\", \"total\"]\nretry = { max-attempts = 2 }\n\
             [graphs.sub.nodes.y]\nplugin = \"p\"\nwrites = [\"log\", \"best\", \"facts\"]\n\
             [[graphs.sub.edges]]\nfrom = \"start\"\nto = [\"x\", \"y\"]\n\
             [[graphs.sub.edges]]\nfrom = \"x\"\nto = \"end\"\n[[graphs.sub.edges]]\nfrom = \"y\"\nto = \"end\"\n",
        );
    }
    text
}

/// The outcome depends on the task alone, so the same task always gives the same outcome.
fn outcome(task: &Task, seed: u64) -> TaskResult<String> {
    let mut hash = seed;
    for byte in format!("{} {:?} {:?} {}", task.node, task.order, task.state, task.attempt).bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(5);
    }
    let roll = hash % 16;
    if roll < 2 {
        return TaskResult::Failed { kind: FailureKind::Retry, message: format!("roll {roll}") };
    }
    if roll == 2 {
        return TaskResult::Failed { kind: FailureKind::Fatal, message: "roll 2".to_owned() };
    }
    let values = [
        ("log", json!(format!("{} {}", task.node, task.attempt))),
        ("total", json!(roll)),
        ("best", json!((hash % 1000) as f64 / 10.0)),
        ("facts", json!({ (format!("k{}", roll % 4)): task.node.as_ref() })),
    ];
    let own: &[&str] = match &*task.name {
        "x" => &["log", "total"],
        "y" => &["log", "best", "facts"],
        _ => &["log", "total", "best", "facts"],
    };
    let updates = values.into_iter().filter(|(name, _)| own.contains(name));
    let updates = updates.map(|(name, value)| (name.to_owned(), Json::from_value(value).unwrap())).collect();
    TaskResult::Done(StepOutput { updates, goto: Vec::new(), payload: format!("{:?} {}", task.order, task.attempt) })
}

/// Runs a graph, and lets outstanding tasks end in an order that `shuffle` chooses. Returns how many tasks were run,
/// and a description of everything in the result.
fn run(graph: &Arc<Graph>, seed: u64, mut shuffle: u64) -> (usize, String) {
    let mut stepper = Stepper::new(Arc::clone(graph), BTreeMap::new(), scope(""));
    let mut outstanding: Vec<Task> = Vec::new();
    let mut count = 0;
    loop {
        match stepper.next() {
            Next::Run(tasks) => {
                count += tasks.len();
                assert!(tasks.iter().all(|task| task.step <= 25), "within the step limit");
                outstanding.extend(tasks);
            }
            Next::Pause => {}
            Next::Wait => assert!(!outstanding.is_empty(), "waits for nothing"),
            Next::Ended(GraphResult::Finished { payloads, state, session }) => {
                assert!(outstanding.is_empty());
                return (count, format!("{payloads:?} {state:?} {session:?}"));
            }
            Next::Ended(GraphResult::Failed { error, payloads }) => {
                assert!(outstanding.is_empty());
                return (count, format!("{error} {payloads:?}"));
            }
        }
        // At least one and at most all of the outstanding tasks end before the next call.
        shuffle = shuffle.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        for _ in 0..=(shuffle >> 33) as usize % outstanding.len().max(1) {
            shuffle = shuffle.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let task = outstanding.swap_remove((shuffle >> 33) as usize % outstanding.len());
            stepper.complete(task.id, outcome(&task, seed));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_result_is_the_same_under_every_completion_order(
        nodes in prop::collection::vec(random_node(), 1..7),
        seed: u64,
        shuffles in prop::collection::vec(any::<u64>(), 4),
    ) {
        let manifest = parse("bundle.toml", &manifest(&nodes)).map_err(|r| TestCaseError::fail(r.render(false)))?;
        let first = run(&manifest.graph, seed, 0);
        for shuffle in shuffles {
            prop_assert_eq!(&first, &run(&manifest.graph, seed, shuffle));
        }
    }

    #[test]
    fn every_run_ends_within_its_step_limit(nodes in prop::collection::vec(random_node(), 1..7), seed: u64) {
        let manifest = parse("bundle.toml", &manifest(&nodes)).map_err(|r| TestCaseError::fail(r.render(false)))?;
        let (tasks, _) = run(&manifest.graph, seed, seed);
        // 12 steps of 6 nodes with 3 items, each a subgraph of 2 nodes, each tried 3 times.
        prop_assert!(tasks <= 12 * 6 * 3 * 2 * 3, "{} tasks", tasks);
    }

    #[test]
    fn reading_a_manifest_never_panics(text in "[\\[\\]a-z.=\"'{}, \n0-9#ă-]{0,200}") {
        if let Err(report) = parse("bundle.toml", &text) {
            prop_assert!(report.count() > 0);
            prop_assert!(!report.render(false).is_empty());
            prop_assert!(report.problems().all(|problem| problem.line >= 1 && problem.column >= 1));
        }
    }

    #[test]
    fn a_manifest_with_one_byte_less_is_read_or_refused_but_never_a_panic(
        nodes in prop::collection::vec(random_node(), 1..4),
        at: prop::sample::Index,
    ) {
        let mut text = manifest(&nodes);
        text.remove(at.index(text.len()));
        if let Err(report) = parse("bundle.toml", &text) {
            prop_assert!(report.render(false).contains("bundle.toml"));
        }
    }

    #[test]
    fn reducers_give_the_same_whether_values_come_in_one_step_or_in_several(
        numbers in prop::collection::vec(-1_000_000_i64..1_000_000, 1..8),
        cut: prop::sample::Index,
    ) {
        let cut = cut.index(numbers.len());
        for reducer in Reducer::ALL.map(|(_, reducer)| reducer) {
            let values: Vec<Json> = numbers.iter().map(|n| value_for(reducer, *n)).collect();
            let all: Vec<&Json> = values.iter().collect();
            let at_once = reducer.reduce(None, &all).unwrap();
            let (before, after) = all.split_at(cut);
            let halfway = reducer.reduce(None, before).unwrap();
            let in_two = reducer.reduce(halfway.as_ref(), after).unwrap();
            prop_assert_eq!(&at_once, &in_two, "{}", reducer.name());
        }
    }

    #[test]
    fn sums_and_extremes_do_not_depend_on_order(numbers in prop::collection::vec(any::<i32>(), 1..8)) {
        for (reducer, expected) in [
            (Reducer::Sum, numbers.iter().copied().map(i64::from).sum::<i64>()),
            (Reducer::Min, i64::from(*numbers.iter().min().unwrap())),
            (Reducer::Max, i64::from(*numbers.iter().max().unwrap())),
        ] {
            let values: Vec<Json> = numbers.iter().map(|n| Json::from_value(json!(n)).unwrap()).collect();
            let forward: Vec<&Json> = values.iter().collect();
            let backward: Vec<&Json> = values.iter().rev().collect();
            for order in [forward, backward] {
                let reduced = reducer.reduce(None, &order).unwrap().unwrap();
                prop_assert_eq!(reduced.value(), &json!(expected));
            }
        }
    }
}

fn value_for(reducer: Reducer, number: i64) -> Json {
    let value = match reducer {
        Reducer::Append if number % 2 == 0 => json!([number, number + 1]),
        Reducer::Merge => json!({ (format!("k{}", number % 3)): number }),
        _ => json!(number),
    };
    Json::from_value(value).unwrap()
}

#[test]
fn each_reducer_does_what_its_name_says() {
    let reduce = |reducer: Reducer, current: Option<serde_json::Value>, updates: &[serde_json::Value]| {
        let current = current.map(|value| Json::from_value(value).unwrap());
        let updates: Vec<Json> = updates.iter().map(|value| Json::from_value(value.clone()).unwrap()).collect();
        let updates: Vec<&Json> = updates.iter().collect();
        reducer.reduce(current.as_ref(), &updates).map(|json| json.map(|json| json.value().clone()))
    };
    assert_eq!(reduce(Reducer::Last, Some(json!(1)), &[json!(2)]), Ok(Some(json!(2))));
    assert_eq!(reduce(Reducer::First, Some(json!(1)), &[json!(2)]), Ok(Some(json!(1))));
    assert_eq!(reduce(Reducer::First, None, &[json!(2)]), Ok(Some(json!(2))));
    assert_eq!(
        reduce(Reducer::Append, Some(json!([1])), &[json!(2), json!([3, [4]])]),
        Ok(Some(json!([1, 2, 3, [4]])))
    );
    let merged = json!({"a": {"y": 2}, "b": 1});
    assert_eq!(
        reduce(Reducer::Merge, Some(json!({"a": {"x": 1}, "b": 1})), &[json!({"a": {"y": 2}})]),
        Ok(Some(merged))
    );
    assert_eq!(reduce(Reducer::Sum, Some(json!(1)), &[json!(2)]).unwrap().unwrap().to_string(), "3");
    assert_eq!(reduce(Reducer::Sum, Some(json!(1)), &[json!(0.5)]), Ok(Some(json!(1.5))));
    assert_eq!(
        reduce(Reducer::Max, Some(json!(9_007_199_254_740_993_i64)), &[json!(9_007_199_254_740_992_i64)]),
        Ok(Some(json!(9_007_199_254_740_993_i64)))
    );
    assert_eq!(reduce(Reducer::Min, Some(json!(2)), &[json!(1.5)]), Ok(Some(json!(1.5))));
    assert_eq!(reduce(Reducer::Sum, None, &[]), Ok(None));
    assert!(matches!(reduce(Reducer::Sum, Some(json!(u64::MAX)), &[json!(1)]), Err((0, _))));
    assert!(matches!(reduce(Reducer::Merge, None, &[json!({}), json!([])]), Err((1, _))));
    assert!(matches!(reduce(Reducer::Min, None, &[json!("1")]), Err((0, _))));
}
