use anyhow::{Context, Result};

use super::{BISTRO, CLINIC, Expected, Stage, TRATTORIA, line};
use crate::demo::person::text_at;

/// One message, and the expected result.
struct Scene {
    text: &'static str,
    expected: Expected,
}

const fn scene(
    business: &'static str,
    text: &'static str,
    code: &'static str,
    outcome: &'static str,
    nodes: &'static [&'static str],
) -> Scene {
    Scene { text, expected: Expected { business, code, outcome, source: "websocket", nodes } }
}

/// The story is the same on every day of the year: the bistro is open daily, and Saturday's hours are only asked for.
const SCENES: &[Scene] = &[
    scene(
        TRATTORIA,
        "Bună ziua! La ce oră deschideți sâmbătă?",
        "hours.day",
        "decided",
        &["understand", "extract", "lookup", "respond"],
    ),
    scene(
        BISTRO,
        "Aș vrea o masă pentru 4 persoane mâine la 12:30",
        "booking.confirmed",
        "decided",
        &["understand", "extract", "availability", "book", "respond"],
    ),
    scene(
        BISTRO,
        "A table for two, please",
        "booking.details-needed",
        "decided",
        &["understand", "extract", "respond"],
    ),
    scene(BISTRO, "tomorrow at 7 pm", "booking.confirmed", "decided", &["availability", "book"]),
    scene(
        CLINIC,
        "Mă doare capul de trei zile și am febră 39",
        "triage.urgent",
        "review-pending",
        &["understand", "symptoms", "weigh", "triage", "respond"],
    ),
];

pub fn tell(stage: &mut Stage<'_>) -> Result<()> {
    for (index, Scene { text, expected }) in SCENES.iter().enumerate() {
        let (name, business) = (stage.coordinator.name, expected.business);
        println!("\n       {name} at {business}: “{text}”");
        let said = stage.coordinator.say(&format!("demo-{}", index + 1), business, text);
        let answer = said.with_context(|| format!("message {}", index + 1))?;
        line("reply", format!("“{}”", answer.text));
        line("took", format!("{} ms", answer.time.as_millis()));
        let stored = stage.decision(&answer.decision_id, expected)?;
        stage.check(!answer.text.trim().is_empty(), "the reply is empty");
        let kept = text_at(&stored, "/decision/context/input/content/text");
        stage.check(kept == *text, format!("the store has the message “{kept}”"));
    }
    Ok(())
}
