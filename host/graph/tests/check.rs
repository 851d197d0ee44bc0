//! What is wrong with a manifest is reported, all of it, each with its line and a way out.

use signalbox_graph::{Report, parse};

/// Lines of the manifest that all cases share, so that a case shows only what it is about.
const HEAD: &str = "[bundle]\nbusiness-type = \"shop\"\nversion = \"1.0.0\"\n[plugins.p]\ncomponent = \"p.wasm\"\n";
const HEAD_LINES: usize = 5;

fn report(text: &str) -> Report {
    parse("bundle.toml", text).expect_err(text)
}

/// Checks that a manifest gives exactly these problems: line and a part of the message, in order.
#[track_caller]
fn check(text: &str, expected: &[(usize, &str)]) {
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

/// The same for what follows the shared head; lines count from there.
#[track_caller]
fn check_graph(text: &str, expected: &[(usize, &str)]) {
    let expected: Vec<(usize, &str)> = expected.iter().map(|(line, message)| (line + HEAD_LINES, *message)).collect();
    check(&format!("{HEAD}{text}"), &expected);
}

/// A graph of plugin nodes: `nodes` as `name extra; …`, edges as `from -> to extra; …`.
fn graph(channels: &str, nodes: &[&str], edges: &[&str]) -> String {
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

/// Messages of the problems of such a graph.
fn messages(channels: &str, nodes: &[&str], edges: &[&str]) -> Vec<String> {
    match parse("bundle.toml", &format!("{HEAD}{}", graph(channels, nodes, edges))) {
        Ok(_) => Vec::new(),
        Err(report) => report.problems().map(|p| p.message.to_owned()).collect(),
    }
}

#[track_caller]
fn check_shape(channels: &str, nodes: &[&str], edges: &[&str], expected: &[&str]) {
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
    // Either or, by conditions that exclude each other.
    let when = "start -> a when = 'input.text == \"\"'";
    check_shape("x = \"last\"", &writers, &[when, "start -> b otherwise = true", "a -> c", "b -> c", "c -> end"], &[]);
    // One always, the other when a condition holds.
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
    // Ways of different length never meet in one step.
    let edges = ["start -> [\"l\",\"b\"]", "l -> r", "r -> a", "b -> end", "a -> end"];
    check_shape("x = \"last\"", &nodes, &edges, &[]);
    // By goto, and by on-error.
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
    // A join that waits for a long branch meets what runs beside it meanwhile.
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
fn conditions_are_checked_where_they_are_written() {
    let condition = |source: &str| {
        let text = format!(
            "{HEAD}{}",
            graph(
                "x = { reducer = \"last\", initial = 1 }\nmy-list = { reducer = \"append\", initial = [] }",
                &["a"],
                &["start -> a", &format!("a -> end when = '{source}'"), "a -> end otherwise = true",]
            )
        );
        let column = text.lines().find_map(|line| line.find("when = '")).unwrap() + "when = '".len() + 1;
        match parse("bundle.toml", &text) {
            Ok(_) => Vec::<String>::new(),
            Err(report) => {
                let place = |p: &signalbox_graph::PlacedProblem<'_>| p.column as i64 - column as i64;
                report.problems().map(|p| format!("{}: {} ({})", place(&p), p.message, p.help.unwrap())).collect()
            }
        }
    };
    let fits = |source: &str, wanted: &str| {
        let found = condition(source).join("; ");
        assert!(if wanted.is_empty() { found.is_empty() } else { found.contains(wanted) }, "{source} gives {found}");
    };
    for sound in [
        "state.x > 0",
        "has(state.x) && state.x in [1, 2]",
        r#"input.text.lowerAscii().contains("masă") || input.type == "review" || input.source == "cron""#,
        r#"input.data.kind == "x" && input.locationId != "" && "review" in permissions"#,
        r#"state["my-list"].exists(item, item == state.x) && size(state["my-list"]) < 10"#,
        r#"permissions.all(p, p.startsWith("a")) ? state.x == 1 : input.text.matches("^a+$")"#,
    ] {
        fits(sound, "");
    }
    fits("state.x >", "9: the expression is no CEL");
    fits("state.x == 1 && state.y == 2", "16: the expression reads channel `y`, which is not declared");
    fits("stat.x == 1", "0: there is no variable `stat` (did you mean `state`?");
    fits("x == 1", "(a channel is `state.x`)");
    fits("state.x == input.txt", "`input` has no field `txt` (did you mean `text`?)");
    fits("contain(input.text, \"a\")", "there is no function `contain` (did you mean `contains`?)");
    fits("input.text.replace(\"\", input.text) == \"\"", "there is no function `replace`");
    fits("size(state) > 1", "`state` must be followed by the name of a channel");
    fits("input == 1", "`input` must be followed by the name of a field");
    fits("permissions.exists(p, permissions.exists(q, p == q))", "a loop inside a loop");
    fits("permissions.exists(p, q == p)", "there is no variable `q`");
    fits(&format!("state.x == {}", "1 + ".repeat(400)), "more than 1024");
    fits("", "the expression is no CEL");
}

#[test]
fn a_channel_that_is_asked_for_gets_a_value_somewhere() {
    let edges = ["start -> a", "a -> end when = \"state.x == 1\"", "a -> a otherwise = true"];
    check_shape("x = \"last\"", &["a"], &edges, &["channel `x` of [graph] is read here, but no node writes it"]);
    check_shape("x = \"last\"", &["a writes = [\"x\"]"], &edges, &[]);
    check_shape("x = { reducer = \"last\", initial = 0 }", &["a"], &edges, &[]);
    check_graph(&format!("[graph]\nsession = [\"x\"]\n{}", graph("x = \"last\"", &["a"], &edges)), &[]);
    check_shape("x = \"last\"", &["a"], &["start -> a", "a -> end"], &["nobody reads or writes channel `x`"]);
    let only_reads = ["a reads = [\"x\"]"];
    check_shape("x = \"last\"", &only_reads, &["start -> a", "a -> end"], &["channel `x` of [graph] is read here"]);
}

#[test]
fn channels_and_their_initial_values_are_checked() {
    let channels = |lines: &str| {
        let found = messages(lines, &["a"], &["start -> a", "a -> end"]);
        found.into_iter().filter(|message| !message.starts_with("nobody")).collect::<Vec<_>>().join("; ")
    };
    assert!(channels("x = \"lst\"").contains("there is no reducer `lst`"));
    assert!(channels("x = 3").contains("is a whole number"));
    assert!(channels("x = { initial = 3 }").contains("has no `reducer`"));
    assert!(channels("x = { reducer = \"append\", initial = 3 }").contains("takes a list, and the update is a number"));
    assert!(channels("x = { reducer = \"merge\", initial = [] }").contains("takes an object"));
    assert!(channels("x = { reducer = \"sum\", initial = \"1\" }").contains("takes a number"));
    assert!(channels("x = { reducer = \"last\", initial = nan }").contains("not finite"));
    assert!(channels("item = \"last\"").contains("`item` is no name for a channel"));
    assert!(channels("\"a b\" = \"last\"").contains("is no name for a channel"));
}

#[test]
fn keys_of_nodes_are_checked() {
    let node = |lines: &str| messages("", &[&format!("a {lines}")], &["start -> a", "a -> end"]).join("; ");
    assert_eq!(node("retry = { max-attempts = 3 }; timeout = \"2s\""), "");
    assert!(node("retry = { max-attempts = 0 }").contains("`max-attempts` in `retry` of node `a` is 0"));
    assert!(node("retry = { jitter = true }").contains("has no `max-attempts`"));
    assert!(node("retry = { max-attempts = 2, backoff-factor = 0.5 }").contains("out of range"));
    assert!(node("retry = { max-attempts = 2, initial-interval = \"1d\" }").contains("`d` is no unit of time"));
    assert!(node("join = \"any\"").contains("`join` of node `a` is `any`"));
    assert!(node("on-error = \"a\"").contains("is the node itself"));
    assert!(node("on-error = \"end\"").contains("the failure would pass unseen"));
    assert!(node("graph = \"sub\"").contains("has both `plugin` and `graph`"));
    assert!(node("writs = []").contains("unknown key `writs` in [graph.nodes.a]"));
    assert!(node("writes = \"x\"").contains("`writes` in [graph.nodes.a] is a string"));
    assert!(node("writes = [1]").contains("is a whole number"));
    assert!(node("for-each = \"1 +\"").contains("the expression is no CEL"));
    check_graph(
        "[graph]\nstep-limit = 0\ndeadline = \"6min\"\n[graph.nodes.a]\n\
         [graph.nodes.b]\nplugin = \"p\"\n\
         [[graph.edges]]\nfrom = \"start\"\nto = [\"a\", \"b\"]\n[[graph.edges]]\nfrom = \"a\"\nto = \"end\"\nif = \"x\"\n\
         [[graph.edges]]\nfrom = \"b\"\nto = \"end\"\n",
        &[
            (2, "`step-limit` in [graph] is 0"),
            (3, "`deadline` in [graph] is 6min"),
            (4, "node `a` runs nothing"),
            (13, "unknown key `if` in [[graph.edges]]"),
        ],
    );
}

/// A manifest whose [plugins] and [inputs] are given; its graph uses plugin `p`.
fn bundle(lines: &str) -> String {
    let nodes = graph("", &["a"], &["start -> a", "a -> end"]);
    format!("[bundle]\nbusiness-type = \"shop\"\nversion = \"1.0.0\"\n{lines}\n{nodes}")
}

#[test]
fn plugins_are_read_with_their_grants_limits_and_configuration() {
    let text = bundle(
        "[plugins.p]\ncomponent = \"nodes/p.wasm\"\n\
         grants = { llm = [\"default\"], dynamodb = [\"rows:read\"], http = [\"POST https://api.example.com/v1/\"] }\n\
         limits = { time = \"1s\", cpu = \"50ms\", memory = \"16MiB\", log-lines = 10, log-bytes = \"1KiB\", host-calls = 5 }\n\
         config = { language = \"ro\", depth = [1, 2.5, true], since = 2026-01-01 }",
    );
    let manifest = parse("bundle.toml", &text).map_err(|report| report.render(false)).unwrap();
    let plugin = &manifest.plugins["p"];
    assert_eq!(plugin.component, "nodes/p.wasm");
    assert_eq!(plugin.grants["dynamodb"], ["rows:read"]);
    assert_eq!(plugin.limits.cpu, std::time::Duration::from_millis(50));
    assert_eq!((plugin.limits.memory, plugin.limits.log_bytes, plugin.limits.host_calls), (16 << 20, 1 << 10, 5));
    let config = serde_json::json!({"language": "ro", "depth": [1, 2.5, true], "since": "2026-01-01"});
    assert_eq!(serde_json::Value::Object(plugin.config.clone()), config);
    assert_eq!(&text[plugin.span.clone()], "p");
    assert_eq!((manifest.business_type.as_str(), manifest.version.as_str()), ("shop", "1.0.0"));
    let bare = parse("bundle.toml", &bundle("[plugins.p]\ncomponent = \"p.wasm\"")).unwrap();
    assert_eq!(bare.plugins["p"].limits, signalbox_graph::Limits::default());
}

#[test]
fn what_a_plugin_may_not_be_is_refused() {
    let plugin = |lines: &str| match parse("bundle.toml", &bundle(&format!("[plugins.p]\n{lines}"))) {
        Ok(_) => String::new(),
        Err(report) => report.problems().map(|p| p.message.to_owned()).collect::<Vec<_>>().join("; "),
    };
    for (path, why) in [
        ("/etc/p.wasm", "is not relative"),
        ("C:/p.wasm", "is not relative"),
        ("..\\\\p.wasm", "is not relative"),
        ("a/../../p.wasm", "leads out of"),
        ("a//p.wasm", "is not a plain path"),
        ("", "is empty"),
    ] {
        assert!(plugin(&format!("component = \"{path}\"")).contains(why), "{path}");
    }
    assert!(plugin("").contains("[plugins.p] has no `component`"));
    let with = |grants: &str| plugin(&format!("component = \"p.wasm\"\ngrants = {{ {grants} }}"));
    assert!(with("log = [\"write\"]").contains("capability `log` needs no grant"));
    assert!(with("rag = [\"write\"]").contains("capability `rag` has no grant `write`"));
    assert!(with("rag = []").contains("allows nothing"));
    assert!(with("rag = [\"read\", \"read\"]").contains("stands twice"));
    assert!(with("http = [\"ftp://x\"]").contains("has no grant `ftp://x`"));
    assert!(with("http = [\"FETCH https://x/\"]").contains("has no grant"));
    assert!(with("dynamodb = [\"a b\"]").contains("has no grant `a b`"));
    let limits = |limits: &str| plugin(&format!("component = \"p.wasm\"\nlimits = {{ {limits} }}"));
    assert!(limits("time = \"61s\"").contains("`time` in `limits` of [plugins.p] is 61s"));
    assert!(limits("cpu = \"11s\"").contains("is 11s"));
    assert!(limits("memory = \"257MiB\"").contains("is 257MiB"));
    assert!(limits("memory = 32").contains("is a whole number"));
    assert!(limits("tme = \"1s\"").contains("unknown key `tme`"));
    assert!(plugin("component = \"p.wasm\"\nconfig = \"x\"").contains("`config` in [plugins.p] is a string"));
}

const PLUGINS: &str = "[plugins.p]\ncomponent = \"p.wasm\"\n[plugins.h]\ncomponent = \"h.wasm\"\n";

#[test]
fn inputs_of_every_kind_are_read() {
    let text = bundle(&format!(
        "{PLUGINS}[inputs.websocket]\n[inputs.api]\nhandler = \"h\"\n\
         [inputs.webhook.orders]\nhandler = \"h\"\nverify = {{ scheme = \"stripe\", secret = \"ORDERS\" }}\n\
         [inputs.cron.daily]\nschedule = \"*/5 8-18 * JAN,6 MON-FRI\"\ntimezone = \"Europe/Bucharest\"\n\
         payload = {{ a = 1 }}\noverlap = \"queue\"\ncatch-up = \"none\"\njitter = \"30s\"\n\
         [inputs.kafka.pos]\ntopic = \"pos.events\"\n"
    ));
    let inputs = parse("bundle.toml", &text).map_err(|report| report.render(false)).unwrap().inputs;
    assert_eq!(inputs.websocket.unwrap().handler, None);
    assert_eq!(inputs.api.unwrap().handler.as_deref(), Some("h"));
    assert_eq!(inputs.webhook["orders"].verify.scheme, signalbox_graph::VerifyScheme::Stripe);
    let cron = &inputs.cron["daily"];
    assert_eq!((cron.overlap, cron.catch_up), (signalbox_graph::Overlap::Queue, signalbox_graph::CatchUp::None));
    assert_eq!(cron.jitter, std::time::Duration::from_secs(30));
    assert_eq!(inputs.kafka["pos"].topic, "pos.events");
}

#[test]
fn what_an_input_may_not_be_is_refused() {
    let input = |lines: &str| {
        let text = bundle(&format!("{PLUGINS}[inputs.api]\nhandler = \"h\"\n{lines}"));
        let report = parse("bundle.toml", &text).err();
        report.map(|r| r.problems().map(|p| p.message.to_owned()).collect::<Vec<_>>().join("; ")).unwrap_or_default()
    };
    assert_eq!(input(""), "");
    assert!(input("[inputs.websocket]\nhandler = \"x\"").contains("handler `x` is not declared"));
    assert!(input("[inputs.websocket]\nhandler = \"p\"").contains("an input handler here and a decision node"));
    assert!(input("[inputs.webhook.w]").contains("[inputs.webhook.w] has no `verify`"));
    let scheme = "[inputs.webhook.w]\nverify = { scheme = \"githb\", secret = \"S\" }";
    assert!(input(scheme).contains("`scheme` cannot be `githb`"));
    for wrong in [
        "* * * *",
        "60 * * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "x * * * *",
    ] {
        assert!(input(&format!("[inputs.cron.c]\nschedule = \"{wrong}\"")).contains("schedule"), "{wrong}");
    }
    let zone = "[inputs.cron.c]\nschedule = \"0 8 * * *\"\ntimezone = \"Europe/Bucuresti\"";
    assert!(input(zone).contains("there is no time zone `Europe/Bucuresti`"));
    assert!(input("[inputs.kafka.k]\ntopic = \"a b\"").contains("is no name of a Kafka topic"));
    assert!(input("[inputs.mail]").contains("unknown key `mail` in [inputs]"));
}

#[test]
fn subgraphs_are_checked_like_the_graph_itself() {
    let with = |node: &str, sub: &str| {
        let text = format!(
            "{HEAD}[graph.channels]\nlist = \"append\"\nx = \"last\"\n[graph.nodes.s]\ngraph = \"sub\"\n{node}\n\
             [[graph.edges]]\nfrom = \"start\"\nto = \"s\"\n[[graph.edges]]\nfrom = \"s\"\nto = \"end\"\n\
             [graphs.sub.channels]\nlist = \"append\"\nx = \"last\"\n\
             [graphs.sub.nodes.a]\nplugin = \"p\"\nwrites = [\"list\", \"x\"]\n\
             [[graphs.sub.edges]]\nfrom = \"start\"\nto = \"a\"\n[[graphs.sub.edges]]\nfrom = \"a\"\nto = \"end\"\n{sub}"
        );
        let report = parse("bundle.toml", &text).err();
        report.map(|r| r.problems().map(|p| p.message.to_owned()).collect::<Vec<_>>().join("; ")).unwrap_or_default()
    };
    assert_eq!(with("writes = [\"list\", \"x\"]", ""), "");
    let both = "writes = [\"list\", \"x\"]\n";
    assert!(with(&format!("{both}reads = [\"list\"]"), "").contains("would be counted twice"));
    assert!(with(&format!("{both}targets = [\"end\"]"), "").contains("runs a subgraph, which takes no `targets`"));
    assert!(
        with(&format!("{both}for-each = \"state.list\""), "")
            .contains("runs once for each item and writes channel `x`")
    );
    assert!(
        with(both, "[graphs.sub.nodes.b]\nplugin = \"p\"\n").contains("node `b` of [graphs.sub] cannot be reached")
    );
    assert!(with(both, "[graphs.other]\nnodes = {}\nedges = []\n").contains("no node runs subgraph `other`"));
    let session = with(both, "[graphs.sub]\nsession = [\"x\"]\n");
    assert!(session.contains("unknown key `session` in [graphs.sub]"), "{session}");
    let inner = "[graphs.sub.nodes.b]\ngraph = \"sub\"\n[[graphs.sub.edges]]\nfrom = \"a\"\nto = \"b\"\n\
                 [[graphs.sub.edges]]\nfrom = \"b\"\nto = \"end\"\n";
    assert!(with(both, inner).contains("node `b` makes subgraph `sub` run itself"));
}
