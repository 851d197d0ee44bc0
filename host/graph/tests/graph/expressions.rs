//! An expression that can only fail is reported when the bundle is loaded, with its place; an expression that may be
//! right is accepted.

use signalbox_diagnostics::Problem;
use signalbox_graph::examine;

use crate::check::{HEAD, graph};

/// The problems of a manifest: the text under the caret, and the message.
fn told(text: &str) -> Vec<(String, String)> {
    let of = |problem: &Problem| (text[problem.span.clone()].to_owned(), problem.message.clone());
    examine(text).problems.iter().map(of).collect()
}

/// A graph in which a node writes the channels, and a condition and a list read them.
fn manifest(channels: &str, writes: &str, condition: &str, list: &str) -> String {
    let nodes = [format!("a writes = {writes}"), format!("b for-each = '{list}'")];
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let when = format!("a -> b when = '{condition}'");
    format!("{HEAD}{}", graph(channels, &nodes, &["start -> a", &when, "a -> end otherwise = true", "b -> end"]))
}

#[track_caller]
fn expect(text: &str, expected: &[(&str, &str)]) {
    let found = told(text);
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, wanted)| found.0 == wanted.0 && found.1.contains(wanted.1));
    assert!(fits, "expected {expected:#?}\nfound {found:#?}");
}

#[test]
fn a_channel_holds_what_its_reducer_makes() {
    let list = "permissions";
    for (reducer, kind) in
        [("append", "a list"), ("merge", "a map"), ("sum", "a number"), ("min", "a number"), ("max", "a number")]
    {
        let text = manifest(&format!("x = \"{reducer}\""), "[\"x\"]", "state.x", list);
        expect(&text, &[("state.x", &format!("the condition gives {kind}, and must give true or false"))]);
    }
    for reducer in ["last", "first"] {
        expect(&manifest(&format!("x = \"{reducer}\""), "[\"x\"]", "state.x", list), &[]);
    }
    let text = manifest("x = \"merge\"", "[\"x\"]", "true", "state.x");
    expect(&text, &[("state.x", "the `for-each` gives a map, and must give a list")]);
    let text = manifest("x = \"sum\"", "[\"x\"]", "state.x == \"1\"", list);
    expect(&text, &[("state.x == \"1\"", "`state.x` is a number and `\"1\"` is a string: they are never equal")]);
    expect(&manifest("x = \"append\"", "[\"x\"]", "size(state.x) > 0", "state.x"), &[]);
}

#[test]
fn a_channel_that_nobody_writes_keeps_the_kind_of_its_first_value() {
    let channels = "x = { reducer = \"last\", initial = \"a\" }";
    let text = manifest(channels, "[]", "state.x", "permissions");
    expect(&text, &[("state.x", "the condition gives a string, and must give true or false")]);
    expect(&manifest(channels, "[\"x\"]", "state.x", "permissions"), &[]);
    let session = text.replace("[graph.channels]", "[graph]\nsession = [\"x\"]\n[graph.channels]");
    expect(&session, &[]);
}

#[test]
fn a_subgraph_may_be_given_what_another_reducer_made() {
    let inner = |outer: &str| {
        format!(
            "{HEAD}[graph.channels]\n{outer}\n[graph.nodes.a]\nplugin = \"p\"\nwrites = [\"x\"]\n\
             [graph.nodes.s]\ngraph = \"s\"\n\
             [[graph.edges]]\nfrom = \"start\"\nto = \"a\"\n[[graph.edges]]\nfrom = \"a\"\nto = \"s\"\n\
             [[graph.edges]]\nfrom = \"s\"\nto = \"end\"\n\
             [graphs.s.channels]\nx = {{ reducer = \"append\", initial = [] }}\n[graphs.s.nodes.b]\nplugin = \"p\"\n\
             [[graphs.s.edges]]\nfrom = \"start\"\nto = \"b\"\n\
             [[graphs.s.edges]]\nfrom = \"b\"\nto = \"b\"\nwhen = 'state.x'\n\
             [[graphs.s.edges]]\nfrom = \"b\"\nto = \"end\"\notherwise = true\n"
        )
    };
    expect(&inner("x = \"last\""), &[]);
    expect(&inner("x = \"append\""), &[("state.x", "the condition gives a list, and must give true or false")]);
    expect(&inner("x = \"merge\""), &[("state.x", "the condition gives a list or a map, and must give true or false")]);
}

#[test]
fn a_misspelt_permission_beside_a_mistake_is_told_with_it() {
    let text = manifest("x = \"last\"", "[\"x\"]", "permissions.contains(\"reviw\")", "permissions");
    expect(
        &text,
        &[
            ("\"reviw\"", "neither the host nor the bundle knows permission `reviw`"),
            ("permissions.contains(\"reviw\")", "`contains` cannot be called on a list with a string"),
        ],
    );
}

#[test]
fn two_mistakes_of_one_expression_are_both_told_where_they_stand() {
    let text =
        manifest("x = \"last\"", "[\"x\"]", "input.text + 1 == state.x && input.type == \"webhok\"", "'\\u0061'");
    let text = text.replace("for-each = ''\\u0061''", "for-each = \"'ă'\"");
    expect(
        &text,
        &[
            ("'ă'", "the `for-each` gives a string, and must give a list"),
            ("input.text + 1", "`+` cannot be used with a string and a whole number"),
            ("\"webhok\"", "`input.type` is never `webhok`"),
        ],
    );
}

#[test]
fn a_loop_that_is_written_otherwise_is_told_how_it_is_written() {
    let text = manifest("x = \"last\"", "[\"x\"]", "permissions.exists(\"review\")", "permissions");
    let examined = examine(&text);
    let help = examined.problems.first().and_then(|problem| problem.help.clone());
    expect(&text, &[("exists", "`exists` is no loop as it is written here")]);
    assert_eq!(help.as_deref(), Some("write `list.exists(x, x > 0)`"));
}

#[test]
fn a_channel_with_a_dash_is_never_advised_to_be_asked_for_with_has() {
    let condition = "state[\"my-channel\"] == 1";
    let text = manifest("my-channel = \"last\"", "[\"my-channel\"]", "true", "permissions");
    let text = text
        .replace("from = \"start\"\nto = \"a\"\n", &format!("from = \"start\"\nto = \"a\"\nwhen = '{condition}'\n"));
    let examined = examine(&text);
    let of_channel = examined.problems.iter().find(|problem| problem.message.contains("my-channel")).unwrap();
    assert_eq!(of_channel.help.as_deref(), Some("give it an `initial` value"));
    let text = manifest("my-channel = \"last\"", "[\"my-channel\"]", "has(state[\"my-channel\"])", "permissions");
    let examined = examine(&text);
    let help = examined.problems.iter().find_map(|problem| problem.help.clone()).unwrap();
    assert!(help.contains("`has(state.name)`"), "{help}");
    let text = manifest("my-channel = \"last\"", "[\"my-channel\"]", "state.my-channel == 1", "permissions");
    let examined = examine(&text);
    let help = examined.problems.iter().find_map(|problem| problem.help.clone()).unwrap();
    assert!(help.contains("a channel with a `-` in its name is `state[\"its-name\"]`"), "{help}");
}

#[test]
fn nothing_is_told_of_the_bundles_that_the_project_brings() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = ["plugins", "tests/probes/bundles"].map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let manifests = folders.into_iter().flatten().map(|entry| entry.unwrap().path().join("bundle.toml"));
    let texts: Vec<String> = manifests.filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    assert!(texts.len() > 10, "{} bundles", texts.len());
    for text in texts {
        assert_eq!(told(&text), [], "{text}");
    }
}
