//! Every problem of a manifest is reported, each with its line and what to do.

use signalbox_diagnostics::Report;
use signalbox_graph::parse;

/// Lines of the manifest that all cases share, so that a case shows only what it is about.
pub const HEAD: &str = "[bundle]\nbusiness-type = \"shop\"\nversion = \"1.0.0\"\n[plugins.p]\ncomponent = \"p.wasm\"\n";
const HEAD_LINES: usize = 5;

pub fn report(text: &str) -> Report {
    parse("bundle.toml", text).expect_err(text)
}

/// Checks that a manifest gives exactly these problems: line and a part of the message, in order.
#[track_caller]
pub fn check(text: &str, expected: &[(usize, &str)]) {
    if expected.is_empty() {
        if let Err(report) = parse("bundle.toml", text) {
            panic!("{}", report.render(false));
        }
        return;
    }
    let report = report(text);
    let found: Vec<(usize, String)> = report.problems().map(|p| (p.line, p.message.to_owned())).collect();
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, wanted)| found.0 == wanted.0 && found.1.contains(wanted.1));
    assert!(fits, "expected {expected:#?}\nfound {found:#?}\n{}", report.render(false));
    assert!(report.problems().all(|p| p.help.is_some_and(|help| !help.is_empty())), "every problem has a way out");
}

/// Like [`check`], for lines after the shared head; line numbers count from there.
#[track_caller]
pub fn check_graph(text: &str, expected: &[(usize, &str)]) {
    let expected: Vec<(usize, &str)> = expected.iter().map(|(line, message)| (line + HEAD_LINES, *message)).collect();
    check(&format!("{HEAD}{text}"), &expected);
}

/// A graph of plugin nodes: `nodes` as `name extra; …`, edges as `from -> to extra; …`.
pub fn graph(channels: &str, nodes: &[&str], edges: &[&str]) -> String {
    let mut text = String::new();
    if !channels.is_empty() {
        text.push_str(&format!("[graph.channels]\n{channels}\n"));
    }
    for node in nodes {
        let (name, extra) = node.split_once(' ').unwrap_or((node, ""));
        text.push_str(&format!("[graph.nodes.{name}]\nplugin = \"p\"\n{}\n", extra.replace("; ", "\n")));
    }
    for edge in edges {
        let (from, rest) = edge.split_once(" -> ").unwrap();
        let (to, extra) = rest.split_once(' ').unwrap_or((rest, ""));
        let to = if to.starts_with('[') { to.to_owned() } else { format!("\"{to}\"") };
        text.push_str(&format!("[[graph.edges]]\nfrom = \"{from}\"\nto = {to}\n{extra}\n"));
    }
    text
}

/// The messages of the problems of such a graph.
pub fn messages(channels: &str, nodes: &[&str], edges: &[&str]) -> Vec<String> {
    match parse("bundle.toml", &format!("{HEAD}{}", graph(channels, nodes, edges))) {
        Ok(_) => Vec::new(),
        Err(report) => report.problems().map(|p| p.message.to_owned()).collect(),
    }
}

#[track_caller]
pub fn check_shape(channels: &str, nodes: &[&str], edges: &[&str], expected: &[&str]) {
    let found = messages(channels, nodes, edges);
    let fits = found.len() == expected.len() && found.iter().zip(expected).all(|(f, wanted)| f.contains(wanted));
    assert!(fits, "expected {expected:#?}\nfound {found:#?}");
}

#[test]
fn five_mistakes_in_one_file_are_five_problems_with_their_lines() {
    let text = r#"[bundle]
business-type = "restaurant"
version = "1.0.0"
colour = "red"

[plugins.classify]
component = "classify.wasm"
grants = { llmm = ["default"] }
limits = { time = "200" }

[plugins.book]
component = "book.wasm"

[graph.channels]
intent = "last"

[graph.nodes.classify]
plugin = "classify"
writes = ["intent"]

[graph.nodes.book]
plugin = "bok"

[[graph.edges]]
from = "start"
to = "classify"

[[graph.edges]]
from = "classify"
to = "book"
when = 'state.intnt == "book"'

[[graph.edges]]
from = "classify"
to = "end"
otherwise = true

[[graph.edges]]
from = "book"
to = "end"
"#;
    check(
        text,
        &[
            (4, "unknown key `colour` in [bundle]"),
            (8, "there is no capability `llmm`"),
            (9, "`time` in `limits` of [plugins.classify]"),
            (11, "nothing uses plugin `book`"),
            (22, "node `book` runs plugin `bok`, which is not declared"),
            (31, "channel `intnt`, which is not declared in [graph]"),
        ],
    );
    let report = report(text);
    let rendered = report.render(false);
    for part in
        ["bundle.toml:4:1", "bundle.toml:8:12", "bundle.toml:31:9", "did you mean `llm`?", "did you mean `intent`?"]
    {
        assert!(rendered.contains(part), "{part} in {rendered}");
    }
    assert!(rendered.ends_with("6 problems in bundle.toml\n"), "{rendered}");
    assert!(!rendered.contains('\u{1b}'), "no colours were asked for");
    assert!(report.render(true).contains('\u{1b}'));
    let json = serde_json::to_value(report.problems().next().unwrap()).unwrap();
    assert_eq!(json["line"], 4);
    assert_eq!(json["column"], 1);
    assert_eq!(json["file"], "bundle.toml");
}

#[test]
fn every_syntax_error_is_reported_with_its_line() {
    let report = report("[bundle]\nversion = 1.0.0\nname = \n[graph\n");
    let lines: Vec<usize> = report.problems().map(|problem| problem.line).collect();
    assert!(lines.contains(&2) && lines.contains(&3) && lines.contains(&4), "{lines:?} {}", report.render(false));
    assert_eq!(parse("bundle.toml", "").unwrap_err().problems().next().unwrap().line, 1);
}

#[test]
fn a_report_draws_its_caret_under_wide_characters_and_at_the_end() {
    check(
        "# ăîș\n[bundle]\nbusiness-type = \"ăă\"\nversion = \"1\"\n[plugins]\n[graph]\nnodes = {}\nedges = []\n",
        &[(3, "`ăă` is no name for a business type")],
    );
    let report = report("x = \"ș\" ă");
    assert!(report.render(false).contains("bundle.toml:1:"));
}

#[test]
fn a_sound_graph_has_no_problems() {
    check_shape("", &["a"], &["start -> a", "a -> end"], &[]);
    check_shape(
        "n = { reducer = \"sum\", initial = 0 }",
        &["a writes = [\"n\"]", "b join = \"all\"; reads = [\"n\"]", "c"],
        &["start -> [\"a\",\"c\"]", "a -> b", "c -> b", "b -> end when = \"state.n > 3\"", "b -> a otherwise = true"],
        &[],
    );
}

#[test]
fn names_that_lead_nowhere_are_refused() {
    check_graph(
        "[graph.nodes.a]\nplugin = \"p\"\nreads = [\"x\"]\nwrites = [\"y\"]\ntargets = [\"nobody\"]\non-error = \"none\"\n\
         [[graph.edges]]\nfrom = \"start\"\nto = \"a\"\n[[graph.edges]]\nfrom = \"nowhere\"\nto = \"a\"\n\
         [[graph.edges]]\nfrom = \"a\"\nto = \"elsewhere\"\n",
        &[
            (3, "node `a` reads channel `x`, which is not declared"),
            (4, "node `a` writes channel `y`, which is not declared"),
            (5, "`targets` of node `a` leads to node `nobody`"),
            (6, "`on-error` of node `a` leads to node `none`"),
            (11, "an edge leaves node `nowhere`"),
            (15, "an edge leads to node `elsewhere`"),
        ],
    );
    check_graph(
        "[graph.nodes.a]\ngraph = \"sub\"\n[graph.nodes.b]\nplugin = \"p\"\n[[graph.edges]]\nfrom = \"start\"\nto = [\"a\", \"b\"]\n\
         [[graph.edges]]\nfrom = \"a\"\nto = \"end\"\n[[graph.edges]]\nfrom = \"b\"\nto = \"end\"\n",
        &[(2, "node `a` runs subgraph `sub`, which is not declared")],
    );
}

#[test]
fn a_misspelt_name_is_one_problem_and_no_cascade() {
    check_shape("", &["classify", "book"], &["start -> classify", "classify -> bok", "book -> end"], &["node `bok`"]);
    check_shape("", &["classify", "book"], &["start -> classify", "classify -> book", "bokk -> end"], &["node `bokk`"]);
}

#[test]
fn start_and_end_are_no_nodes() {
    check_shape("", &["a"], &["start -> a", "a -> end", "a -> start"], &["leads into `start`"]);
    check_shape("", &["a"], &["start -> a", "a -> end", "end -> a"], &["an edge leaves `end`"]);
    check_shape("", &["start"], &["start -> end"], &["`start` is no name for a node"]);
    check_shape(
        "",
        &["a"],
        &["a -> end"],
        &["no edge of [graph] leaves start", "node `a` of [graph] cannot be reached"],
    );
}

#[test]
fn every_node_is_reachable_and_leads_on() {
    check_shape("", &["a", "b"], &["start -> a", "a -> end", "b -> end"], &["node `b` of [graph] cannot be reached"]);
    check_shape("", &["a", "b"], &["start -> a", "a -> b"], &["node `b` of [graph] has no way to end"]);
    check_shape("", &["a on-error = \"b\"", "b"], &["start -> a", "a -> end", "b -> end"], &[]);
    check_shape("", &["a targets = [\"b\"]", "b"], &["start -> a", "b -> end"], &[]);
    check_shape("", &["a targets = [\"end\"]"], &["start -> a"], &[]);
    check_shape(
        "",
        &["a on-error = \"b\"", "b"],
        &["start -> a", "b -> end"],
        &["node `a` of [graph] has no way to end"],
    );
}

#[test]
fn a_cycle_has_a_way_out() {
    check_shape("", &["a", "b"], &["start -> a", "a -> b", "b -> a"], &["the cycle `a -> b -> a` has no way out"]);
    check_shape("", &["a"], &["start -> a", "a -> a"], &["the cycle `a -> a` has no way out"]);
    check_shape(
        "",
        &["a", "b"],
        &["start -> a", "a -> b", "b -> a", "b -> end"],
        &["the cycle `a -> b -> a` runs for ever"],
    );
    check_shape("", &["a", "b targets = [\"end\"]"], &["start -> a", "a -> b", "b -> a"], &[]);
    let when = "b -> a when = \"permissions.size() > 3\"";
    check_shape("", &["a", "b"], &["start -> a", "a -> b", when, "b -> end otherwise = true"], &[]);
}

#[test]
fn an_edge_that_says_nothing_is_refused() {
    check_shape("", &["a"], &["start -> a", "start -> a", "a -> end"], &["the edge from `start` to `a` stands twice"]);
    check_shape(
        "",
        &["a"],
        &["start -> a otherwise = true", "a -> end"],
        &["`otherwise` from `start`, which has no edge"],
    );
    check_shape("", &["a"], &["start -> a", "a -> end otherwise = false"], &["says nothing"]);
    check_shape("", &["a"], &["start -> []", "start -> a", "a -> end"], &["an edge leads nowhere"]);
}

#[test]
fn parallel_writers_of_one_value_are_refused() {
    let writers = ["a writes = [\"x\"]", "b writes = [\"x\"]", "c"];
    let clash = "nodes `a` and `b` may run in the same step and both write channel `x`";
    for reducer in ["last", "first"] {
        let channel = format!("x = \"{reducer}\"");
        check_shape(
            &channel,
            &writers,
            &["start -> [\"a\",\"b\",\"c\"]", "a -> end", "b -> end", "c -> end"],
            &[clash],
        );
    }
    check_shape("x = \"append\"", &writers, &["start -> [\"a\",\"b\",\"c\"]", "a -> end", "b -> end", "c -> end"], &[]);
    // One after the other.
    check_shape("x = \"last\"", &writers, &["start -> a", "a -> b", "b -> c", "c -> end"], &[]);
    // One or the other, by conditions that exclude each other.
    let when = "start -> a when = 'input.text == \"\"'";
    check_shape("x = \"last\"", &writers, &[when, "start -> b otherwise = true", "a -> c", "b -> c", "c -> end"], &[]);
    // One always, and the other when a condition holds.
    check_shape("x = \"last\"", &writers, &[when, "start -> b", "a -> c", "b -> c", "c -> end"], &[clash]);
}

#[test]
fn parallel_writers_are_found_steps_away_from_where_ways_part() {
    let nodes = ["l", "r", "a writes = [\"x\"]", "b writes = [\"x\"]"];
    let clash = "nodes `a` and `b` may run in the same step";
    check_shape(
        "x = \"last\"",
        &nodes,
        &["start -> [\"l\",\"r\"]", "l -> a", "r -> b", "a -> end", "b -> end"],
        &[clash],
    );
    // Branches of different length never meet in one step.
    let edges = ["start -> [\"l\",\"b\"]", "l -> r", "r -> a", "b -> end", "a -> end"];
    check_shape("x = \"last\"", &nodes, &edges, &[]);
    // By `goto` and by `on-error`.
    let nodes = ["l targets = [\"a\"]", "r on-error = \"b\"", "a writes = [\"x\"]", "b writes = [\"x\"]"];
    check_shape("x = \"last\"", &nodes, &["start -> [\"l\",\"r\"]", "r -> end", "a -> end", "b -> end"], &[clash]);
}

#[test]
fn a_join_writes_after_all_it_waits_for() {
    let nodes = ["l", "r", "far writes = [\"x\"]", "j join = \"all\"; writes = [\"x\"]"];
    let edges = ["start -> [\"l\",\"r\"]", "l -> j", "r -> far", "far -> j", "j -> end"];
    check_shape("x = \"last\"", &nodes, &edges, &[]);
    // Without the join, `far` and `j` still differ by a step; with another branch of the same length they clash.
    let nodes = ["l", "r", "far writes = [\"x\"]", "j writes = [\"x\"]"];
    check_shape(
        "x = \"last\"",
        &nodes,
        &["start -> [\"l\",\"r\"]", "l -> j", "r -> far", "far -> end", "j -> end"],
        &["nodes `far` and `j` may run in the same step"],
    );
    // A join that waits for a long branch runs beside a node that is active by then.
    let nodes = ["l", "long1", "long2", "o1", "o2", "o3", "o4 writes = [\"x\"]", "j join = \"all\"; writes = [\"x\"]"];
    let edges = [
        "start -> [\"l\",\"long1\",\"o1\"]",
        "l -> j",
        "long1 -> long2",
        "long2 -> j",
        "o1 -> o2",
        "o2 -> o3",
        "o3 -> o4",
        "o4 -> end",
        "j -> end",
    ];
    check_shape("x = \"last\"", &nodes, &edges, &["nodes `o4` and `j` may run in the same step"]);
}

#[test]
fn a_node_for_each_item_does_not_write_one_value() {
    let nodes = ["a writes = [\"list\"]", "b for-each = \"state.list\"; writes = [\"x\"]"];
    let edges = ["start -> a", "a -> b", "b -> end"];
    check_shape(
        "list = \"append\"\nx = \"last\"",
        &nodes,
        &edges,
        &["node `b` runs once for each item and writes channel `x`"],
    );
    check_shape("list = \"append\"\nx = \"max\"", &nodes, &edges, &[]);
}

#[test]
fn a_manifest_nested_without_end_is_refused_and_no_overflow() {
    for text in [
        format!("x = {}", "[".repeat(20_000)),
        format!("x = {}", "{a=".repeat(20_000)),
        format!("[{}a]", "a.".repeat(20_000)),
    ] {
        assert!(report(&text).count() > 0);
    }
}
