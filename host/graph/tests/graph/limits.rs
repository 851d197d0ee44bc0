//! Manifests and the outputs of nodes stay within limits; an error in plain words reports what exceeds them.

use std::fmt::Write as _;

use serde_json::json;
use signalbox_graph::{MAX_MANIFEST_BYTES, MAX_NODE_RUNS, MAX_STATE_BYTES, RunError, TaskResult, mermaid, parse};

use crate::support::{done, edge, graph, run, run_from, scope};

const HEAD: &str = "[bundle]\nbusiness-type = \"shop\"\nversion = \"1.0.0\"\n[plugins.p]\ncomponent = \"p.wasm\"\n[inputs.websocket]\n";

/// Every problem of a manifest, as a terminal shows it.
fn refused(text: &str) -> String {
    let report = parse("bundle.toml", text).unwrap_err();
    assert!(report.count() <= 101, "{} problems", report.count());
    assert_eq!(report.problems().count(), report.count());
    let drawn = report.render(false);
    assert!(drawn.len() < 1 << 20, "the report has {} bytes", drawn.len());
    drawn
}

/// `count` graphs, each with `width` nodes that run the next one; the last runs a plugin.
fn nested(count: usize, width: usize) -> String {
    let mut text = format!("{HEAD}[graph.nodes.all]\ngraph = \"g0\"\n");
    text.push_str(&edge("start", "all"));
    text.push_str(&edge("all", "end"));
    for level in 0..count {
        let work = if level + 1 == count { "plugin = \"p\"".to_owned() } else { format!("graph = \"g{}\"", level + 1) };
        for node in 0..width {
            write!(text, "[graphs.g{level}.nodes.n{node}]\n{work}\n").unwrap();
            for (from, to) in [("start".to_owned(), format!("n{node}")), (format!("n{node}"), "end".to_owned())] {
                write!(text, "[[graphs.g{level}.edges]]\nfrom = \"{from}\"\nto = \"{to}\"\n").unwrap();
            }
        }
    }
    text
}

#[test]
fn a_subgraph_that_many_nodes_run_is_checked_and_drawn_once() {
    let manifest = parse("bundle.toml", &nested(14, 10)).unwrap();
    assert_eq!(manifest.graph.plugins().len(), 1);
    let drawn = mermaid(&manifest.graph);
    assert!(drawn.lines().count() < 1_000, "{} lines are drawn", drawn.lines().count());
    assert!(drawn.contains("g13"));
}

#[test]
fn subgraphs_that_nest_deeper_than_a_thread_can_follow_are_refused() {
    let told = refused(&nested(40, 1));
    assert!(told.contains("runs subgraphs within subgraphs, 17 levels deep"), "{told}");
    let mut circle = nested(3, 1);
    circle = circle.replace("[graphs.g2.nodes.n0]\nplugin = \"p\"", "[graphs.g2.nodes.n0]\ngraph = \"g0\"");
    let told = refused(&circle);
    assert!(told.contains("makes subgraph `g2` run itself, through `g0`"), "{told}");
}

#[test]
fn a_manifest_that_is_too_large_or_nests_too_deep_is_refused_before_it_is_parsed() {
    for (text, why) in [
        ("x=[".repeat(100_000), "nest deeper than 64 levels"),
        ("x=[\n".repeat(100_000), "nest deeper than 64 levels"),
        (format!("{HEAD}{}", "# \n".repeat(400_000)), "more than 1048576"),
    ] {
        assert!(refused(&text).contains(why), "{why}");
    }
}

/// Fills a manifest with the lines that `line` makes, up to the largest manifest that is read.
fn filled(start: &str, mut line: impl FnMut(usize) -> String) -> String {
    let mut text = start.to_owned();
    for number in 0..49_000 / line(0).matches('\n').count().max(1) {
        let next = line(number);
        if text.len() + next.len() > MAX_MANIFEST_BYTES - 100 {
            break;
        }
        text.push_str(&next);
    }
    text
}

#[test]
fn the_largest_manifest_of_every_shape_is_checked_or_refused_with_few_words() {
    let long = "a".repeat(300_000);
    let graph = "[graph.nodes.a]\nplugin = \"p\"\n";
    let start = format!("{HEAD}{graph}");
    for (text, why) in [
        (filled(HEAD, |n| format!("[graph.nodes.n{n}]\nplugin = \"q{n}\"\n")), "nodes"),
        (filled(&format!("{HEAD}{graph}"), |n| format!("[[graph.edges]]\nfrom = \"a\"\nto = \"b{n}\"\n")), "edges"),
        (filled(&format!("{HEAD}{graph}[graph.channels]\n"), |n| format!("c{n} = \"last\"\n")), "channels"),
        (filled(&start, |n| format!("[plugins.q{n}]\ncomponent = \"q\"\n")), "plugins, more than 500"),
        (filled(&start, |n| format!("[graphs.g{n}.nodes.a]\ngraph = \"g{}\"\n", n + 1)), "has no `edges`"),
        (filled(HEAD, |n| format!("k{n} = 1\n")), "problems than are told"),
        (filled(HEAD, |_| "=\n".to_owned()), "problems than are told"),
        (filled(HEAD, |_| "x = 1\n".to_owned()), "problems than are told"),
        (filled(HEAD, |n| format!("[inputs.cron.c{n}]\nschedule = \"0 0 30 2 *\"\n")), "inputs"),
        (
            format!("{}]\n", filled(&format!("{HEAD}{graph}[graph]\nsession = ["), |n| format!("\"s{n}\",\n"))),
            "problems than are told",
        ),
        (format!("{HEAD}{graph}[[graph.edges]]\nfrom = \"{long}\"\nto = [\"{long}\", \"a\"]\n"), "not declared"),
        (format!("{HEAD}{graph}[[graph.edges]]\nfrom = \"start\"\nto = \"a\"\nwhen = '{long}'\n"), "more than 1024"),
        (format!("{HEAD}[graph.nodes.{long}]\nplugin = \"{long}\"\n"), "is no name for a node"),
        (format!("{HEAD}{long} = 1\n"), "unknown key"),
        (filled(&format!("{HEAD}[graph.nodes.{}]\n", "n".repeat(100_000)), |n| format!("k{n} = 1\n")), "unknown key"),
    ] {
        let told = refused(&text);
        assert!(told.contains(why), "{why}: {told:.2000}");
    }
}

#[test]
fn the_largest_graph_that_may_be_is_checked_for_parallel_writers() {
    let (count, ways) = (1_990, 3);
    let mut text = format!("{HEAD}[graph.channels]\n");
    for channel in 0..400 {
        writeln!(text, "c{channel} = \"last\"").unwrap();
    }
    text.push_str("[graph.nodes]\n");
    for node in 0..count {
        writeln!(text, "n{node} = {{ plugin = \"p\", reads = [], writes = [\"c{}\"] }}", node % 400).unwrap();
    }
    let all: Vec<String> = (0..20).map(|node| format!("\"n{node}\"")).collect();
    write!(text, "[[graph.edges]]\nfrom = \"start\"\nto = [{}]\n", all.join(",")).unwrap();
    for node in 0..count {
        let to: Vec<String> = (1..ways).map(|step| format!("\"n{}\"", (node * 7 + step * 31) % count)).collect();
        writeln!(text, "[[graph.edges]]\nfrom = \"n{node}\"\nto = [{}, \"end\"]\nwhen = \"true\"", to.join(","))
            .unwrap();
    }
    assert!(refused(&text).contains("may run in the same step"));
}

#[test]
fn a_caret_in_a_line_without_end_is_drawn_with_the_words_around_it() {
    let line = format!("values = [{}]", vec!["1"; 100_000].join(", "));
    let text = format!("{HEAD}[graph]\n{line}\n[graph.nodes.a]\nplugin = \"p\"\n");
    let told = refused(&text);
    assert!(told.contains("unknown key `values`") && told.contains("bundle.toml:8:1"), "{told}");
    let far = format!("{HEAD}a = [{}{{}}] b", "1,".repeat(10_000));
    let told = refused(&far);
    assert!(told.contains("bundle.toml:7:20"), "the column is counted from the line's beginning: {told}");
}

#[test]
fn lists_within_lists_do_not_multiply_the_runs_without_end() {
    let text = "[graph.channels]\nlist = \"last\"\n\
        [graph.nodes.make]\nplugin = \"p\"\nreads = []\nwrites = [\"list\"]\n\
        [graph.nodes.outer]\ngraph = \"inner\"\nreads = [\"list\"]\nfor-each = \"state.list\"\n\
        [graphs.inner.channels]\nlist = \"last\"\n\
        [graphs.inner.nodes.each]\nplugin = \"p\"\nfor-each = \"state.list\"\n\
        [[graphs.inner.edges]]\nfrom = \"start\"\nto = \"each\"\n[[graphs.inner.edges]]\nfrom = \"each\"\nto = \"end\"\n";
    let graph = graph(&format!("{text}{}{}{}", edge("start", "make"), edge("make", "outer"), edge("outer", "end")));
    let list: Vec<usize> = (0..1_000).collect();
    let ran = run(&graph, |task| if &*task.name == "make" { done(&[("list", json!(list))]) } else { done(&[]) });
    let RunError::TooManyRuns { node, runs, limit } = ran.error() else { panic!("{}", ran.error()) };
    assert!(node.starts_with("outer[") && node.ends_with("/each"), "{node}");
    assert!(runs > limit && *limit == MAX_NODE_RUNS && ran.tasks.len() <= MAX_NODE_RUNS);
}

#[test]
fn what_the_channels_of_a_run_hold_is_bounded_with_its_subgraphs() {
    let text = "[graph]\nstep-limit = 100\n[graph.channels]\na = \"append\"\nb = \"append\"\n\
        [graph.nodes.grow]\nplugin = \"p\"\nwrites = [\"a\", \"b\"]\ntargets = [\"grow\", \"end\"]\n";
    let graph = graph(&format!("{text}{}{}", edge("start", "grow"), edge("grow", "end")));
    let part = "x".repeat(200 << 10);
    let ran = run(&graph, |task| match done(&[("a", json!([part]))]) {
        TaskResult::Done(output) if task.step < 100 => {
            TaskResult::Done(signalbox_graph::StepOutput { goto: vec!["grow".to_owned()], ..output })
        }
        other => other,
    });
    assert!(ran.error().to_string().contains("wrote channel `a`"), "a channel has its own limit: {}", ran.error());

    let many = "[graph.channels]\nlist = \"last\"\n[graph.nodes.outer]\ngraph = \"inner\"\nreads = []\nfor-each = \"state.list\"\n\
        [graphs.inner.channels]\nkept = \"append\"\n\
        [graphs.inner.nodes.fill]\nplugin = \"p\"\nwrites = [\"kept\"]\n\
        [[graphs.inner.edges]]\nfrom = \"start\"\nto = \"fill\"\n[[graphs.inner.edges]]\nfrom = \"fill\"\nto = \"end\"\n";
    let graph = crate::support::graph(&format!(
        "[graph]\nsession = [\"list\"]\n{many}{}{}",
        edge("start", "outer"),
        edge("outer", "end")
    ));
    let list: Vec<usize> = (0..200).collect();
    let ran = run_from(&graph, &[("list", json!(list))], |_| done(&[("kept", json!([part]))]));
    let RunError::StateTooLarge { node, channel, bytes, limit } = ran.error() else { panic!("{}", ran.error()) };
    assert!(node.starts_with("outer[") && node.ends_with("/fill") && channel == "kept", "{node} {channel}");
    assert!(bytes > limit && *limit == MAX_STATE_BYTES && ran.tasks.len() <= 200);
}

#[test]
fn a_graph_that_computes_much_lets_others_have_the_thread() {
    use signalbox_graph::{Next, StepOutput, Stepper};
    let list: Vec<usize> = (0..1_200).collect();
    let text = "[graph]\nsession = [\"list\"]\nstep-limit = 1000\n[graph.channels]\nlist = \"last\"\n\
        [graph.nodes.outer]\ngraph = \"inner\"\nreads = [\"list\"]\nfor-each = \"state.list.filter(n, n < 40)\"\n\
        [graphs.inner.channels]\nlist = \"last\"\n[graphs.inner.nodes.look]\nplugin = \"p\"\n\
        [[graphs.inner.edges]]\nfrom = \"start\"\nto = \"look\"\nwhen = \"state.list.exists(n, n == 1199)\"\n\
        [[graphs.inner.edges]]\nfrom = \"start\"\nto = \"end\"\notherwise = true\n\
        [[graphs.inner.edges]]\nfrom = \"look\"\nto = \"end\"\n";
    let graph = graph(&format!("{text}{}{}", edge("start", "outer"), edge("outer", "end")));
    let session = crate::support::updates(&[("list", json!(list))]).into_iter().collect();
    let mut stepper: Stepper<()> = Stepper::new(graph, session, scope(""));
    let (mut pauses, mut ran) = (0, 0);
    loop {
        match stepper.next() {
            Next::Pause => pauses += 1,
            Next::Run(tasks) => {
                for task in tasks {
                    ran += 1;
                    let output = StepOutput { updates: Vec::new(), goto: Vec::new(), payload: () };
                    stepper.complete(task.id, TaskResult::Done(output));
                }
            }
            Next::Wait => panic!("nothing is outstanding"),
            Next::Ended(ending) => {
                assert!(matches!(ending, signalbox_graph::GraphResult::Finished { .. }), "{ending:?}");
                break;
            }
        }
    }
    assert_eq!(ran, 40);
    assert!(pauses >= 10, "it paused {pauses} times");
}

#[test]
fn a_pattern_that_is_too_large_or_computed_is_refused_at_its_place() {
    let with = |condition: &str| {
        let nodes = "[graph.channels]\nx = \"last\"\n[graph.nodes.a]\nplugin = \"p\"\nwrites = [\"x\"]\n";
        let condition = format!("[[graph.edges]]\nfrom = \"a\"\nto = \"a\"\nwhen = '{condition}'\n");
        let otherwise = "[[graph.edges]]\nfrom = \"a\"\nto = \"end\"\notherwise = true\n";
        refused(&format!("{HEAD}{nodes}{}{condition}{otherwise}", edge("start", "a")))
    };
    let large = with(r#"state.x.exists(x, "b".matches("(\\pL{1,30}){1,5}\\pN$"))"#);
    assert!(large.contains("the pattern compiles to more than 128 KiB") && large.contains("bundle.toml:18"), "{large}");
    let computed = with("state.x.exists(x, x.matches(state.x))");
    assert!(computed.contains("the pattern of `matches` is computed"), "{computed}");
}
