//! Nodes that a run may be unable to leave, because every edge out of them has a condition.

use std::collections::HashSet;

use signalbox_diagnostics::Problems;

use super::Draft;
use crate::graph::{Edge, When};

/// Warns of every node, and of start, when all edges out of it have conditions: a decision fails there when none of
/// them holds.
pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    let graph = &draft.graph;
    stuck(draft, "start", &graph.start, problems);
    // A node with `targets` can choose its next node itself.
    for node in graph.nodes.iter().filter(|node| node.targets.is_empty()) {
        stuck(draft, &node.name, &node.edges, problems);
    }
}

fn stuck(draft: &Draft<'_>, place: &str, edges: &[Edge], problems: &mut Problems) {
    if edges.is_empty() || edges.iter().any(|edge| !matches!(edge.when, When::Condition(_))) || complete(edges) {
        return;
    }
    let mut written = draft.definition.edges.iter().filter_map(|edge| edge.from.as_ref());
    let Some(from) = written.find(|from| from.value == place) else { return };
    let conditions = if edges.len() == 1 { "its only condition does not hold" } else { "none of its conditions holds" };
    let message = format!("nothing leads on from `{place}` when {conditions}: the decision would fail there");
    let help = format!(
        "add an edge with `from = \"{place}\"` and `otherwise = true`, which may lead to `end`; conditions that leave \
         nothing out are recognised where one is the `!(…)` of another"
    );
    problems.warn(&from.span, message, help);
}

/// Whether the conditions are complete: one of them is the negation of another. Anything that the texts do not show
/// counts as incomplete.
fn complete(edges: &[Edge]) -> bool {
    // A set, because one node of a manifest may have thousands of conditions.
    let conditions: HashSet<String> = edges.iter().filter_map(condition).collect();
    let denied = |condition: &String| {
        let mut denials = vec![format!("!({condition})")];
        if condition.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '[' | ']' | '"' | '\'' | '(' | ')'))
        {
            denials.push(format!("!{condition}"));
        }
        // Replacing `==` by `!=` negates only a condition that is one comparison.
        let simple = !["&&", "||", "?"].iter().any(|sign| condition.contains(sign));
        if simple && condition.matches("==").count() == 1 && !condition.contains('!') {
            denials.push(condition.replace("==", "!="));
        }
        denials.iter().any(|denial| conditions.contains(denial))
    };
    conditions.iter().any(denied)
}

/// The condition without white space.
fn condition(edge: &Edge) -> Option<String> {
    match &edge.when {
        When::Condition(expression) => Some(expression.source().split_whitespace().collect()),
        When::Always | When::Otherwise => None,
    }
}
