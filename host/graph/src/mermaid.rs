//! Draws a graph from its definition, for people. It draws only what the manifest declares.

use std::fmt::Write;

use crate::graph::{Edge, EdgeTarget, Graph, Node, NodeBody, When};

/// The most nodes of a drawing in which every subgraph is drawn where it runs. In a larger bundle each subgraph is
/// drawn once, beside the graph.
const MOST_IN_PLACE: usize = 300;

/// The graph as a Mermaid flowchart. Solid arrows are edges, with their conditions; dotted arrows are gotos and
/// `on-error`. Hexagons are joins, which wait for every branch that can still reach them. Double boxes run once for
/// each item.
pub fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("flowchart TD\n");
    let in_place = size(graph, MOST_IN_PLACE) <= MOST_IN_PLACE;
    draw(graph, "n", (1, in_place), &mut out);
    if !in_place {
        for (position, (name, graph)) in graph.subgraphs().into_iter().enumerate() {
            line(&mut out, "    ", format_args!("subgraph g{position}[\"{}\"]", escaped(name)));
            draw(graph, &format!("g{position}_"), (2, false), &mut out);
            line(&mut out, "    ", format_args!("end"));
        }
    }
    out
}

/// How many nodes the drawing has when every subgraph is drawn where it runs. Counting stops above `most`.
fn size(graph: &Graph, most: usize) -> usize {
    let mut count = 0;
    for node in &graph.nodes {
        count += 1;
        if let NodeBody::Graph { graph, .. } = &node.work {
            count += size(graph, most.saturating_sub(count));
        }
        if count > most {
            break;
        }
    }
    count
}

fn draw(graph: &Graph, prefix: &str, (depth, in_place): (usize, bool), out: &mut String) {
    let indent = "    ".repeat(depth);
    line(out, &indent, format_args!("{prefix}_start([start])"));
    for (index, node) in graph.nodes.iter().enumerate() {
        let id = format!("{prefix}{index}");
        match &node.work {
            NodeBody::Plugin(_) => {
                let (open, close) = if node.join {
                    ("{{", "}}")
                } else if node.for_each.is_some() {
                    ("[[", "]]")
                } else {
                    ("[", "]")
                };
                line(out, &indent, format_args!("{id}{open}\"{}\"{close}", label(node, None)));
            }
            NodeBody::Graph { name, .. } if !in_place => {
                line(out, &indent, format_args!("{id}[[\"{}\"]]", label(node, Some(name))));
            }
            NodeBody::Graph { graph, name, .. } => {
                line(out, &indent, format_args!("subgraph {id}[\"{}\"]", label(node, Some(name))));
                draw(graph, &format!("{id}_"), (depth + 1, true), out);
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

fn target_id(prefix: &str, target: EdgeTarget) -> String {
    match target {
        EdgeTarget::End => format!("{prefix}_end"),
        EdgeTarget::Node(node) => format!("{prefix}{node}"),
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
