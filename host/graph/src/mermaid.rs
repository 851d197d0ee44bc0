//! Draws a graph from its definition, for people: what is not declared is not drawn.

use std::fmt::Write;

use crate::graph::{Edge, Graph, Node, Target, When, Work};

/// The graph as a Mermaid flowchart. Solid arrows are edges, with their conditions; dotted ones are gotos and what takes
/// over on an error. Hexagons wait for every branch that can still reach them; double boxes run once for each item.
pub fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("flowchart TD\n");
    draw(graph, "n", 1, &mut out);
    out
}

fn draw(graph: &Graph, prefix: &str, depth: usize, out: &mut String) {
    let indent = "    ".repeat(depth);
    line(out, &indent, format_args!("{prefix}_start([start])"));
    for (index, node) in graph.nodes.iter().enumerate() {
        let id = format!("{prefix}{index}");
        match &node.work {
            Work::Plugin(_) => {
                let (open, close) = if node.join {
                    ("{{", "}}")
                } else if node.for_each.is_some() {
                    ("[[", "]]")
                } else {
                    ("[", "]")
                };
                line(out, &indent, format_args!("{id}{open}\"{}\"{close}", label(node, None)));
            }
            Work::Graph { graph, name, .. } => {
                line(out, &indent, format_args!("subgraph {id}[\"{}\"]", label(node, Some(name))));
                draw(graph, &format!("{id}_"), depth + 1, out);
                line(out, &indent, format_args!("end"));
            }
        }
    }
    line(out, &indent, format_args!("{prefix}_end([end])"));
    edges(&graph.start, &format!("{prefix}_start"), prefix, &indent, out);
    for (index, node) in graph.nodes.iter().enumerate() {
        let id = format!("{prefix}{index}");
        edges(&node.edges, &id, prefix, &indent, out);
        for target in &node.targets {
            line(out, &indent, format_args!("{id} -. goto .-> {}", target_id(prefix, *target)));
        }
        if let Some(target) = node.on_error {
            line(out, &indent, format_args!("{id} -. on error .-> {prefix}{target}"));
        }
    }
}

fn edges(edges: &[Edge], from: &str, prefix: &str, indent: &str, out: &mut String) {
    for edge in edges {
        for target in &edge.to {
            let to = target_id(prefix, *target);
            match &edge.when {
                When::Always => line(out, indent, format_args!("{from} --> {to}")),
                When::Condition(condition) => {
                    line(out, indent, format_args!("{from} -->|\"{}\"| {to}", escaped(condition.source())));
                }
                When::Otherwise => line(out, indent, format_args!("{from} -->|otherwise| {to}")),
            }
        }
    }
}

fn target_id(prefix: &str, target: Target) -> String {
    match target {
        Target::End => format!("{prefix}_end"),
        Target::Node(node) => format!("{prefix}{node}"),
    }
}

fn label(node: &Node, subgraph: Option<&str>) -> String {
    let mut label = escaped(&node.name);
    if let Some(name) = subgraph {
        label.push_str(&format!(" (graph {})", escaped(name)));
    }
    if node.join {
        label.push_str("<br/>join all");
    }
    if let Some(list) = &node.for_each {
        label.push_str(&format!("<br/>for each {}", escaped(list.source())));
    }
    label
}

/// Mermaid reads quotes, brackets and `#` inside labels, so they are written as entities.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            c if c.is_whitespace() || c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn line(out: &mut String, indent: &str, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{indent}{text}");
}
