use std::fmt::Write as _;

use serde_json::Value;
use signalbox_capabilities::{Answer, JournalEntry};

/// Requests and answers are cut to this length; `--json` prints all of them.
const MOST_CHARACTERS: usize = 2_000;

/// The capability calls of a decision for a person: which plugin asked for what, how long it took, and the answer.
pub fn told(journal: &Value) -> anyhow::Result<String> {
    let Ok(calls) = serde_json::from_value::<Vec<JournalEntry>>(journal.clone()) else {
        // Written by another version of the host: shown as it is.
        return Ok(serde_json::to_string_pretty(journal)?);
    };
    let mut out = String::new();
    for (number, call) in calls.iter().enumerate() {
        let attempt = if call.attempt > 1 { format!(", attempt {}", call.attempt) } else { String::new() };
        let millis = call.micros as f64 / 1_000.0;
        let (result, answer) = match &call.answer {
            Answer::Ok(value) => ("answer", value),
            Answer::Err(error) => ("error", error),
        };
        let JournalEntry { node, capability, function, request, .. } = call;
        writeln!(out, "  {:>3}  {node}{attempt} calls {capability}.{function}  {millis:.3} ms", number + 1)?;
        writeln!(out, "       request  {}", short(request))?;
        writeln!(out, "       {result:<7}  {}", short(answer))?;
    }
    Ok(out.trim_end().to_owned())
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}… ({} bytes; --json shows all)", text.get(..end).unwrap_or_default(), text.len()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_is_told_with_its_request_its_answer_and_how_long_it_took() {
        let journal = json!([
            {
                "node": "classify", "attempt": 2, "call": 1, "capability": "rag", "function": "get-message-model",
                "request": {"decision-code": "a"}, "answer": {"err": "not-configured"}, "micros": 1_500,
            },
        ]);
        let told = told(&journal).unwrap();
        assert_eq!(
            told,
            "    1  classify, attempt 2 calls rag.get-message-model  1.500 ms\n       request  \
             {\"decision-code\":\"a\"}\n       error    \"not-configured\""
        );
    }

    #[test]
    fn a_journal_of_another_form_is_shown_as_it_is_and_a_long_answer_is_cut() {
        assert!(told(&json!({"entries": 1})).unwrap().contains("\"entries\": 1"));
        assert!(short(&json!("x".repeat(5_000))).ends_with("… (5002 bytes; --json shows all)"));
    }
}
