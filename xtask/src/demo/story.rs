//! What the coordinator says, what should come of it, and how it is told.

use serde_json::Value;

use super::coordinator::Answer;

/// One message of the story.
pub struct Scene {
    pub business: &'static str,
    pub text: &'static str,
    /// The decision code.
    pub code: &'static str,
    pub review: bool,
    /// Nodes that the message must have passed.
    pub nodes: &'static [&'static str],
}

/// Every day of the year gives the same story: the bistro is open daily, and Saturday's hours are asked for, not booked.
pub const SCENES: &[Scene] = &[
    Scene {
        business: "trattoria-roma",
        text: "Bună ziua! La ce oră deschideți sâmbătă?",
        code: "hours.day",
        review: false,
        nodes: &["understand", "extract", "lookup", "respond"],
    },
    Scene {
        business: "trattoria-roma",
        text: "What vegetarian dishes do you have?",
        code: "menu.matches",
        review: false,
        nodes: &["understand", "lookup", "respond"],
    },
    Scene {
        business: "bistro-central",
        text: "Aș vrea o masă pentru 4 persoane mâine la 12:30",
        code: "booking.confirmed",
        review: false,
        nodes: &["understand", "extract", "availability", "book", "respond"],
    },
    Scene {
        business: "bistro-central",
        text: "A table for two, please",
        code: "booking.details-needed",
        review: false,
        nodes: &["understand", "extract", "respond"],
    },
    Scene {
        business: "bistro-central",
        text: "tomorrow at 7 pm",
        code: "booking.confirmed",
        review: false,
        nodes: &["availability", "book"],
    },
    Scene {
        business: "trattoria-roma",
        text: "Mâncarea a fost rece și ospătarul nepoliticos, vreau banii înapoi!",
        code: "complaint.food",
        review: true,
        nodes: &["complaint", "respond"],
    },
];

/// Each business of the story once.
pub fn businesses() -> Vec<&'static str> {
    let mut businesses: Vec<_> = SCENES.iter().map(|scene| scene.business).collect();
    businesses.sort_unstable();
    businesses.dedup();
    businesses
}

/// The answer as a few lines that a person reads.
pub fn lines(answer: &Answer) -> Vec<String> {
    let review = if answer.review { ", waits for a person's review" } else { "" };
    vec![
        format!("path      {}", path(&answer.path)),
        format!("decision  {} ({}), confidence {:.2}{review}", answer.code, answer.kind, answer.confidence),
        format!("reply     “{}”", answer.text.replace('\n', "\n                  ")),
        format!("took      {} ms, decision {}, read back from the store", answer.time.as_millis(), answer.decision_id),
    ]
}

/// Nodes of one step ran side by side.
fn path(nodes: &[(u64, String)]) -> String {
    let mut steps: Vec<(u64, Vec<&str>)> = Vec::new();
    for (step, node) in nodes {
        match steps.iter_mut().find(|(number, _)| number == step) {
            Some((_, names)) => names.push(node),
            None => steps.push((*step, vec![node])),
        }
    }
    let step = |(_, names): &(u64, Vec<&str>)| match names.as_slice() {
        [only] => (*only).to_owned(),
        several => format!("({})", several.join(" | ")),
    };
    steps.iter().map(step).collect::<Vec<_>>().join(" → ")
}

/// Everything about an answer and its stored decision that is not as it should be.
pub fn problems(scene: &Scene, answer: &Answer, stored: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut expect = |holds: bool, problem: String| {
        if !holds {
            problems.push(problem);
        }
    };
    let as_expected =
        if scene.code.ends_with('.') { answer.code.starts_with(scene.code) } else { answer.code == scene.code };
    expect(as_expected, format!("the decision is `{}`, expected `{}`", answer.code, scene.code));
    expect(answer.review == scene.review, format!("review is {}, expected {}", answer.review, scene.review));
    expect(!answer.text.trim().is_empty(), "the reply is empty".to_owned());
    for node in scene.nodes {
        let passed = answer.path.iter().any(|(_, name)| name == node);
        expect(passed, format!("the message did not pass the node `{node}`"));
    }
    let at = |pointer| stored.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    expect(at("/output/id") == answer.decision_id, format!("the store has decision `{}`", at("/output/id")));
    expect(at("/output/decisionCode") == answer.code, format!("the store has code `{}`", at("/output/decisionCode")));
    let text = at("/decision/context/input/content/text");
    expect(text == scene.text, format!("the store has the message “{text}”"));
    let steps = stored.pointer("/output/metadata/path").and_then(Value::as_array).map_or(0, Vec::len);
    expect(steps >= answer.path.len(), format!("the store has {steps} node runs, {} were seen", answer.path.len()));
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scene() -> Scene {
        Scene { business: "b", text: "hello", code: "menu.listed", review: false, nodes: &["classify"] }
    }

    fn answer() -> Answer {
        Answer {
            decision_id: "dec_1".to_owned(),
            path: vec![(1, "classify".to_owned())],
            text: "Soup.".to_owned(),
            code: "menu.listed".to_owned(),
            ..Answer::default()
        }
    }

    fn stored() -> Value {
        json!({
            "output": {"id": "dec_1", "decisionCode": "menu.listed", "metadata": {"path": [{"node": "classify"}]}},
            "decision": {"context": {"input": {"content": {"text": "hello"}}}},
        })
    }

    #[test]
    fn an_answer_that_is_as_expected_has_no_problems() {
        assert_eq!(problems(&scene(), &answer(), &stored()), Vec::<String>::new());
    }

    #[test]
    fn each_thing_that_differs_is_a_problem() {
        let differs = |change: fn(&mut Scene, &mut Answer, &mut Value)| {
            let (mut scene, mut answer, mut stored) = (scene(), answer(), stored());
            change(&mut scene, &mut answer, &mut stored);
            problems(&scene, &answer, &stored).len()
        };
        assert_eq!(differs(|scene, _, _| scene.code = "menu.sold-out"), 1);
        assert_eq!(differs(|scene, _, _| scene.review = true), 1);
        assert_eq!(differs(|_, answer, _| answer.text.clear()), 1);
        assert_eq!(differs(|scene, _, _| scene.nodes = &["book"]), 1);
        assert_eq!(differs(|_, _, stored| stored["decision"]["context"]["input"]["content"]["text"] = json!("bye")), 1);
        assert_eq!(differs(|_, _, stored| *stored = json!({})), 4);
    }

    #[test]
    fn nodes_of_one_step_are_shown_side_by_side() {
        let nodes = [(1, "classify"), (2, "menu"), (2, "hours"), (3, "answer")];
        let nodes: Vec<_> = nodes.iter().map(|(step, name)| (*step, (*name).to_owned())).collect();
        assert_eq!(path(&nodes), "classify → (menu | hours) → answer");
    }
}
