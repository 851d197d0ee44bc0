//! Finds the completion in a provider's answer. Everything except the text itself may be missing, null or malformed.

use serde_json::Value;
use signalbox_bindings::signalbox::llm::llm::{Completion, FinishReason};

use super::refusal::Told;

/// The longest name of a model that is passed on, in characters.
const LONGEST_MODEL: usize = 200;

/// Why an answer has no completion.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// It reports an error, although its status is success.
    Failed(Box<Told>),
    /// The model refuses to answer.
    Refused(String),
    /// It has no text.
    Malformed(String),
}

/// Reads an answer; `asked` is the name of the model, for a provider that does not say which model answered.
pub(super) fn read(body: &Value, asked: &str) -> Result<Completion, NoAnswer> {
    let body = match body {
        Value::Array(several) => several.first().unwrap_or(body),
        one => one,
    };
    let choices = body.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let spoken = choices.iter().find(|choice| words(choice).is_some());
    if spoken.is_none() {
        let failure = [Some(body), choices.first()].into_iter().flatten().find(|one| tells_of_failure(one));
        if let Some(failure) = failure {
            return Err(NoAnswer::Failed(Box::new(Told::of(failure))));
        }
    }
    let Some(choice) = spoken.or(choices.first()) else {
        return Err(NoAnswer::Malformed("the completion has no choice".to_owned()));
    };
    let text = match (words(choice), refusal(choice)) {
        (Some(text), _) if !text.is_empty() => text,
        (_, Some(refusal)) => return Err(NoAnswer::Refused(refusal)),
        (None, None) if called_tools(choice) => {
            return Err(NoAnswer::Malformed(
                "the model called a tool, and was given none, instead of answering".to_owned(),
            ));
        }
        (text, None) => text.unwrap_or_default(),
    };
    let model = body.get("model").and_then(Value::as_str).filter(|name| !name.is_empty()).unwrap_or(asked);
    let usage = body.get("usage").unwrap_or(&Value::Null);
    Ok(Completion {
        text,
        finish_reason: finish_reason(choice),
        input_tokens: count(usage, &["prompt_tokens", "input_tokens"]),
        output_tokens: count(usage, &["completion_tokens", "output_tokens"]),
        model: model.chars().take(LONGEST_MODEL).collect(),
    })
}

fn tells_of_failure(body: &Value) -> bool {
    let set = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
    body.get("error").is_some_and(set) || body.get("object").is_some_and(|object| object == "error")
}

fn message(choice: &Value) -> &Value {
    choice.get("message").or_else(|| choice.get("delta")).unwrap_or(&Value::Null)
}

/// The text of the choice: a text, or the texts of a list of parts. None when there is no text, or only parts of
/// another kind.
fn words(choice: &Value) -> Option<String> {
    let content = message(choice).get("content").filter(|content| !content.is_null());
    match content.or_else(|| choice.get("text"))? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let mut texts = parts.iter().filter_map(part).peekable();
            texts.peek()?;
            Some(texts.collect())
        }
        one => part(one).map(str::to_owned),
    }
}

/// The text of a part; none for the model's reasoning.
fn part(part: &Value) -> Option<&str> {
    if let Value::String(text) = part {
        return Some(text);
    }
    let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
    if !matches!(kind, "text" | "output_text") {
        return None;
    }
    let text = part.get("text")?;
    text.as_str().or_else(|| text.get("value")?.as_str())
}

fn refusal(choice: &Value) -> Option<String> {
    let message = message(choice);
    let of_part = |part: &Value| part.get("refusal").and_then(Value::as_str).map(str::to_owned);
    let in_parts = || message.get("content")?.as_array()?.iter().find_map(of_part);
    of_part(message).or_else(in_parts).filter(|words| !words.trim().is_empty())
}

fn called_tools(choice: &Value) -> bool {
    let list = message(choice).get("tool_calls").and_then(Value::as_array).is_some_and(|calls| !calls.is_empty());
    list || message(choice).get("function_call").is_some_and(|call| !call.is_null())
}

fn finish_reason(choice: &Value) -> FinishReason {
    let said = choice.get("finish_reason").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    match said.as_str() {
        "stop" | "eos" | "end_turn" | "stop_sequence" => FinishReason::Stop,
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "content_filter" | "safety" | "blocklist" | "prohibited_content" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

/// A number of tokens; 0 when it is missing or impossible.
fn count(usage: &Value, names: &[&str]) -> u32 {
    let number = names.iter().find_map(|name| usage.get(name).filter(|value| value.is_number()));
    let whole = number.and_then(|number| number.as_u64().or_else(|| number.as_f64().map(|number| number as u64)));
    whole.and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}
