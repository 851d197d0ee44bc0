use serde_json::Value;

use crate::demo::person::text_at;

/// The expected properties of a stored decision.
#[derive(Clone, Copy)]
pub struct Expected {
    pub business: &'static str,
    /// The decision code.
    pub code: &'static str,
    /// The outcome.
    pub outcome: &'static str,
    /// The source of its input.
    pub source: &'static str,
    /// Nodes that it must have passed.
    pub nodes: &'static [&'static str],
}

impl Expected {
    /// Every property of a stored decision that differs from the expected one.
    pub fn problems(&self, id: &str, stored: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        let facts = [
            ("/output/id", id),
            ("/decision/businessId", self.business),
            ("/output/decisionCode", self.code),
            ("/decision/outcome", self.outcome),
            ("/decision/context/input/source", self.source),
        ];
        for (place, expected) in facts {
            let found = text_at(stored, place);
            if found != expected {
                problems.push(format!("{place} is `{found}`, expected `{expected}`"));
            }
        }
        for node in self.nodes {
            if !steps(stored).any(|(_, passed)| passed.split('[').next() == Some(node)) {
                problems.push(format!("it did not pass the node `{node}`"));
            }
        }
        problems
    }
}

/// The decision in one line.
pub fn decision(stored: &Value) -> String {
    let output = |field| text_at(stored, field);
    let confidence = stored.pointer("/output/confidence").and_then(Value::as_f64).unwrap_or_default();
    let review = if output("/decision/outcome") == "review-pending" { ", waits for a person's review" } else { "" };
    let (code, kind) = (output("/output/decisionCode"), output("/output/decisionType"));
    format!(
        "{code} ({kind}), confidence {confidence:.2}{review}, read back from the store as\n{}",
        output("/output/id")
    )
}

/// The nodes that the decision passed; those of one step ran side by side. A subgraph counts its own steps.
pub fn path(stored: &Value) -> String {
    let mut told: Vec<(u64, &str, Vec<&str>)> = Vec::new();
    for (step, node) in steps(stored) {
        let graph = node.rsplit_once('/').map_or("", |(graph, _)| graph);
        match told.last_mut() {
            Some((last, within, names)) if *last == step && *within == graph => names.push(node),
            _ => told.push((step, graph, vec![node])),
        }
    }
    let step = |(_, _, names): &(u64, &str, Vec<&str>)| match names.as_slice() {
        [only] => (*only).to_owned(),
        several => format!("({})", several.join(" | ")),
    };
    told.iter().map(step).collect::<Vec<_>>().join(" → ")
}

fn steps(stored: &Value) -> impl Iterator<Item = (u64, &str)> {
    let path = stored.pointer("/output/metadata/path").and_then(Value::as_array);
    path.into_iter().flatten().map(|run| {
        let step = run.get("step").and_then(Value::as_u64).unwrap_or_default();
        (step, text_at(run, "/node"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EXPECTED: Expected =
        Expected { business: "b", code: "menu.listed", outcome: "decided", source: "websocket", nodes: &["classify"] };

    fn stored() -> Value {
        json!({
            "output": {
                "id": "dec_1", "decisionCode": "menu.listed", "decisionType": "menu", "confidence": 0.9,
                "metadata": { "path": [
                    { "step": 1, "node": "classify[0]" }, { "step": 1, "node": "classify[1]" },
                    { "step": 1, "node": "rooms/find" }, { "step": 2, "node": "rooms/hold" },
                    { "step": 3, "node": "answer" },
                ] },
            },
            "decision": { "businessId": "b", "outcome": "decided", "context": { "input": { "source": "websocket" } } },
        })
    }

    #[test]
    fn a_decision_that_is_as_expected_has_no_problems() {
        assert_eq!(EXPECTED.problems("dec_1", &stored()), Vec::<String>::new());
    }

    #[test]
    fn each_thing_that_differs_is_a_problem() {
        let of = |expected: Expected| expected.problems("dec_1", &stored()).len();
        assert_eq!(of(Expected { business: "c", ..EXPECTED }), 1);
        assert_eq!(of(Expected { code: "menu.sold-out", ..EXPECTED }), 1);
        assert_eq!(of(Expected { outcome: "review-pending", ..EXPECTED }), 1);
        assert_eq!(of(Expected { source: "cron", ..EXPECTED }), 1);
        assert_eq!(of(Expected { nodes: &["classify", "book"], ..EXPECTED }), 1);
        assert_eq!(EXPECTED.problems("dec_2", &stored()).len(), 1);
        assert_eq!(EXPECTED.problems("dec_1", &json!({})).len(), 6);
    }

    #[test]
    fn nodes_of_one_step_are_shown_side_by_side_and_those_of_a_subgraph_one_after_the_other() {
        assert_eq!(path(&stored()), "(classify[0] | classify[1]) → rooms/find → rooms/hold → answer");
    }
}
