//! The shared code of the capabilities' probes: makes calls, and returns their outcomes.
//!
//! A probe makes the calls that the input's `content.data.calls` lists, each an object with the function's name under
//! `call` and its arguments. The outcomes go to the channel `result` and into the answer's `data.results`, one per
//! call: `{"ok": …}`, or `{"error": "<case>", "retryable": …, "text": "…"}`.

use std::fmt::{Debug, Display};

use serde::Serialize;
use serde::de::DeserializeOwned;
use signalbox_sdk::prelude::*;

/// Makes the calls of the input, in order.
pub fn run<C: DeserializeOwned>(context: &Context, mut make: impl FnMut(C) -> Value) -> Result<Step, Failure> {
    let calls = match &context.input.content.data {
        Some(data) => data.get::<Vec<C>>("calls")?,
        None => None,
    };
    let Some(calls) = calls else { return Err(Failure::invalid("the input lists no `calls` in its data")) };
    let results: Vec<Value> = calls.into_iter().map(&mut make).collect();
    let verdict = Verdict::new("probe.called", "probe").reasoning("every call was made");
    let answer = Response::data(json!({ "results": &results }));
    Ok(Step::new().update("result", &results)?.respond(answer).decide(verdict))
}

/// A call's outcome; `retryable` tells whether a retry may help.
pub fn outcome<T: Serialize, E: Debug + Display>(result: Result<T, E>, retryable: fn(&E) -> bool) -> Value {
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": case(&error), "retryable": retryable(&error), "text": error.to_string() }),
    }
}

/// The name of an enum's case.
fn case(value: &impl Debug) -> String {
    format!("{value:?}").chars().take_while(|c| c.is_alphanumeric()).collect()
}
