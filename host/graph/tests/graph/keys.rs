//! Conditions, channels and keys of nodes: the values that they accept.

use signalbox_graph::parse;

use crate::check::{HEAD, check_graph, check_shape, graph, messages};

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
                let place = |p: &signalbox_diagnostics::PlacedProblem<'_>| p.column as i64 - column as i64;
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
    assert!(channels("x = { reducer = \"append\", initial = 3 }").contains("takes a list, and was given a number"));
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
    assert!(
        node("retry = { max-attempts = 2, initial-interval = \"1d\" }")
            .contains("`initial-interval` in `retry` of node `a` is 1d")
    );
    assert!(node("retry = { max-attempts = 2, initial-interval = \"1 year\" }").contains("`year` is no unit of time"));
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
