//! Warnings: manifests that load but may fail when they run, and warnings that are reported together with an error.

use signalbox_diagnostics::Severity;
use signalbox_graph::examine;

use crate::check::{HEAD, graph};

/// Errors and warnings of a graph, each as `error: message` or `warning: message`.
fn found(channels: &str, nodes: &[&str], edges: &[&str]) -> Vec<String> {
    found_in(&graph(channels, nodes, edges))
}

fn found_in(text: &str) -> Vec<String> {
    let examined = examine(&format!("{HEAD}{text}"));
    let told = |problem: &signalbox_diagnostics::Problem| {
        assert!(problem.help.as_ref().is_some_and(|help| !help.is_empty()), "every problem has a way out");
        let severity = if problem.severity == Severity::Error { "error" } else { "warning" };
        format!("{severity}: {}", problem.message)
    };
    examined.problems.iter().map(told).collect()
}

#[track_caller]
fn expect(found: &[String], expected: &[&str]) {
    let fits = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.starts_with(e));
    assert!(fits, "expected {expected:#?}\nfound {found:#?}");
}

#[test]
fn a_place_that_a_run_may_not_be_able_to_leave_is_warned_of() {
    let stuck = "warning: nothing leads on from `a` when its only condition does not hold";
    let when = "a -> end when = 'input.text != \"\"'";
    expect(&found("", &["a"], &["start -> a", when]), &[stuck]);
    let two =
        ["start -> a", "a -> b when = 'input.text == \"x\"'", "a -> end when = 'input.text == \"y\"'", "b -> end"];
    expect(&found("", &["a", "b"], &two), &["warning: nothing leads on from `a` when none of its conditions holds"]);
    let start = ["start -> a when = 'input.source == \"cron\"'", "a -> end"];
    expect(&found("", &["a"], &start), &["warning: nothing leads on from `start`"]);
    // The `otherwise` edge is a way out whatever the condition gives.
    expect(&found("", &["a"], &["start -> a", when, "a -> a otherwise = true"]), &[]);
    expect(&found("", &["a", "b"], &["start -> a", when, "a -> b", "b -> end"]), &[]);
    expect(&found("", &["a targets = [\"end\"]"], &["start -> a", when]), &[]);
    // One condition is the negation of another.
    for (one, other) in [
        ("has(state.x)", "!has(state.x)"),
        ("input.text == \"x\"", "input.text != \"x\""),
        ("input.text == \"x\" && has(state.x)", "!(input.text == \"x\" && has(state.x))"),
    ] {
        let edges = ["start -> a", &format!("a -> end when = '{one}'"), &format!("a -> a when = '{other}'")];
        expect(&found("x = { reducer = \"last\", initial = 1 }", &["a"], &edges), &[]);
    }
    let overlapping = ["start -> a", "a -> end when = 'input.text == \"x\"'", "a -> a when = 'input.text != \"y\"'"];
    assert_eq!(found("", &["a"], &overlapping).len(), 1);
}

#[test]
fn a_text_that_the_input_never_is_is_refused_with_the_one_that_was_meant() {
    let told = |condition: &str| {
        let edges = ["start -> a", &format!("a -> end when = '{condition}'"), "a -> a otherwise = true"];
        let examined = examine(&format!("{HEAD}{}", graph("", &["a"], &edges)));
        let told = |p: signalbox_diagnostics::Problem| format!("{} ({})", p.message, p.help.unwrap_or_default());
        examined.problems.into_iter().map(told).collect::<Vec<_>>().join("; ")
    };
    for (condition, expected) in [
        (
            r#"input.type == "scheduled-task""#,
            "`input.type` is never `scheduled-task` (did you mean `scheduled_task`?)",
        ),
        (r#"input.source == "web""#, "`input.source` is never `web` (did you mean `websocket`?)"),
        (r#""kafkaa" != input.source"#, "did you mean `kafka`?"),
        (r#"input.type in ["review", "webhok"]"#, "`input.type` is never `webhok` (did you mean `webhook`?)"),
        (r#"input.text == "" && input.source == "elsewhere""#, "values of `input.source` are `websocket`, `cron`"),
    ] {
        assert!(told(condition).contains(expected), "{condition} gives {}", told(condition));
    }
    for sound in [
        r#"input.type == "user_message" || input.type == "scheduled_task" || input.type in ["webhook", "api_request", "review"]"#,
        r#"input.source in ["websocket", "cron"] || input.source == "external_api" || "kafka" == input.source"#,
        r#"input.text == "scheduled-task" && input.data.type == "web""#,
    ] {
        assert_eq!(told(sound), "", "{sound}");
    }
}

#[test]
fn a_channel_that_has_no_value_on_some_way_is_told_before_it_fails_a_decision() {
    let reads = "b -> end when = \"state.x == 1\"";
    let writer = "a writes = [\"x\"]";
    // Written on every path.
    expect(&found("x = \"last\"", &[writer, "b"], &["start -> a", "a -> b", reads, "b -> b otherwise = true"]), &[]);
    // Written on only one of two paths.
    let two = [
        "start -> a when = 'input.text == \"\"'",
        "start -> b otherwise = true",
        "a -> b",
        reads,
        "b -> b otherwise = true",
    ];
    let may = "warning: channel `x` may have no value at `b`: there is a way that avoids `a`";
    expect(&found("x = \"last\"", &[writer, "b"], &two), &[may]);
    // The updates of a failed node are dropped, and its `on-error` goes on without them.
    let failing = ["start -> a", "a -> end", reads, "b -> b otherwise = true"];
    expect(&found("x = \"last\"", &["a writes = [\"x\"]; on-error = \"b\"", "b"], &failing), &[may]);
    // Written only afterwards.
    let after = ["start -> b", "b -> a when = \"state.x == 1\"", "b -> end otherwise = true", "a -> end"];
    expect(
        &found("x = \"last\"", &[writer, "b"], &after),
        &["error: channel `x` cannot have a value at `b`: no node before it"],
    );
    let at_start = ["start -> a when = \"state.x == 1\"", "start -> end otherwise = true", "a -> end"];
    expect(&found("x = \"last\"", &[writer], &at_start), &["error: channel `x` cannot have a value at `start`"]);
    // A list is read before its node writes.
    let list = ["a for-each = \"state.x\"; writes = [\"x\"]"];
    expect(
        &found("x = \"append\"", &list, &["start -> a", "a -> end"]),
        &["error: channel `x` cannot have a value at `a`"],
    );
    // The condition asks for it, or it has an initial value.
    let asked =
        ["start -> b", "b -> a when = \"has(state.x) && state.x == 1\"", "b -> end otherwise = true", "a -> end"];
    expect(&found("x = \"last\"", &[writer, "b"], &asked), &[]);
    expect(&found("x = { reducer = \"last\", initial = 0 }", &[writer, "b"], &after), &[]);
}

#[test]
fn branches_that_run_beside_each_other_and_joins_are_not_suspected() {
    let nodes = ["a writes = [\"x\"]", "b", "c join = \"all\""];
    let edges = [
        "start -> [\"a\",\"b\"]",
        "a -> c",
        "b -> c when = \"state.x == 1\"",
        "b -> end otherwise = true",
        "c -> end when = \"state.x == 1\"",
        "c -> end otherwise = true",
    ];
    let told = found("x = \"last\"", &nodes, &edges);
    assert!(told.iter().all(|told| !told.contains("value")), "{told:?}");
}

#[test]
fn a_session_channel_has_no_value_in_the_first_message() {
    let edges = ["start -> a", "a -> end when = \"state.x == 1\"", "a -> end otherwise = true", "b -> end"];
    let text = graph("x = \"last\"", &["a", "b writes = [\"x\"]"], &edges);
    let text = format!("[graph]\nsession = [\"x\"]\n{text}")
        .replace("from = \"b\"", "from = \"start\"\nto = \"b\"\n[[graph.edges]]\nfrom = \"b\"");
    let told = found_in(&text);
    assert!(told.iter().any(|told| told.contains("in the first message of a conversation")), "{told:?}");
}

#[test]
fn what_else_is_in_a_manifest_is_given_beside_its_mistakes() {
    let text =
        format!("{HEAD}[plugins.q]\ncomponent = \"q.wasm\"\n{}", graph("", &["a"], &["start -> a", "a -> nowhere"]));
    let examined = examine(&text);
    assert!(examined.manifest.is_none());
    assert_eq!(examined.business_type.as_deref(), Some("shop"));
    assert_eq!(examined.plugins.keys().collect::<Vec<_>>(), ["p", "q"]);
    assert!(examined.nodes.contains("p") && !examined.nodes.contains("q"));
    let outside = examine(&text.replace("q.wasm", "../q.wasm"));
    assert_eq!(outside.plugins["q"].component, "", "nobody opens what lies outside the bundle");
}

#[test]
fn a_permission_that_nobody_knows_is_warned_of() {
    let condition = |condition: &str| {
        let edges = ["start -> a", &format!("a -> end when = '{condition}'"), "a -> a otherwise = true"];
        found("", &["a"], &edges)
    };
    let unknown = "warning: neither the host nor the bundle knows permission `reviw`";
    expect(&condition(r#""reviw" in permissions"#), &[unknown]);
    expect(&condition(r#"permissions.exists(p, p == "reviw")"#), &[unknown]);
    expect(&condition(r#""review" in permissions && permissions.exists(p, p == "message" || p == "decisions")"#), &[]);
    let declared = HEAD.replace("version = \"1.0.0\"", "version = \"1.0.0\"\npermissions = [\"menu\"]");
    let edges = ["start -> a", "a -> end when = '\"menu\" in permissions'", "a -> a otherwise = true"];
    assert!(examine(&format!("{declared}{}", graph("", &["a"], &edges))).problems.is_empty());
}
