//! The handlers of scripted bundles.

use serde_json::{Value, json};
use signalbox_executor::{
    DecideError, EventCall, HandleError, Handled, HandlerEvent, NewInput, NodeFailure, Rejection, Reply,
};
use signalbox_graph::FailureKind;
use signalbox_model::{Content, InputType};

/// Makes an input of every word of a message or an API request. `nothing` gives none, and `reply:TEXT` none and replies
/// the text; a text that begins with `thanks` also gets a reply. `no`, `later`, `forbidden` and `broken` are refused.
pub fn words(call: &EventCall) -> Result<Handled, HandleError> {
    let (content, location_id, input_type) = match &call.event {
        HandlerEvent::Websocket { content, location_id, .. } => (content, location_id, InputType::UserMessage),
        HandlerEvent::Api { content, location_id, .. } => (content, location_id, InputType::ApiRequest),
        event => panic!("neither a message nor an API request: {event:?}"),
    };
    let text = content.text.as_deref().unwrap_or_default();
    let rejection = match text {
        "no" => Some(Rejection::Invalid("that is not for us".to_owned())),
        "forbidden" => Some(Rejection::Forbidden("not for you".to_owned())),
        "later" => Some(Rejection::Unavailable("the other side sleeps".to_owned())),
        "broken" => Some(Rejection::Broken(NodeFailure { kind: FailureKind::Fatal, message: "wasm trap".to_owned() })),
        _ => None,
    };
    if let Some(rejection) = rejection {
        return Err(rejection.into());
    }
    if let Some(reply) = text.strip_prefix("reply:") {
        return Ok(Handled { inputs: Vec::new(), reply: Some(plain(reply)) });
    }
    let words = if text == "nothing" { "" } else { text };
    let inputs = words
        .split_whitespace()
        .map(|word| NewInput { location_id: location_id.clone(), ..input(input_type, Some(word.to_owned())) });
    let welcome = || Reply { content_type: "application/json".to_owned(), body: br#"{"welcome":true}"#.to_vec() };
    Ok(Handled { inputs: inputs.collect(), reply: text.starts_with("thanks").then(welcome) })
}

/// Does what the JSON of a delivery or a record says under `do`: `nothing` gives no input; `invalid`, `forbidden`,
/// `unavailable`, `broken` and `panic` refuse. Anything else is an input with the `text`, or one for each of `texts`.
/// The value under `reply` is the reply.
pub fn instructions(call: &EventCall) -> Result<Handled, HandleError> {
    let asked = asked(call);
    let reason = "a table for 400 guests".to_owned();
    match asked["do"].as_str().unwrap_or_default() {
        "unavailable" => Err(Rejection::Unavailable(reason).into()),
        "broken" => Err(DecideError::Internal("the inside of the host".to_owned()).into()),
        "invalid" => Err(Rejection::Invalid(reason).into()),
        "forbidden" => Err(Rejection::Forbidden(reason).into()),
        "panic" => panic!("the event asks for a panic"),
        _ => instructions_after_outage(call),
    }
}

/// The same after an outage: `unavailable` and `broken` give inputs like any other text.
pub fn instructions_after_outage(call: &EventCall) -> Result<Handled, HandleError> {
    let asked = asked(call);
    let reply = asked["reply"].as_str().map(plain);
    if asked["do"] == "nothing" {
        return Ok(Handled { inputs: Vec::new(), reply });
    }
    let one = || vec![if asked["text"].is_null() { json!("read") } else { asked["text"].clone() }];
    let texts = asked["texts"].as_array().cloned().unwrap_or_else(one);
    let inputs = texts.iter().map(|text| input(InputType::Webhook, text.as_str().map(str::to_owned)));
    Ok(Handled { inputs: inputs.collect(), reply })
}

fn asked(call: &EventCall) -> Value {
    match &call.event {
        HandlerEvent::Webhook { body, .. } => serde_json::from_slice(body).unwrap(),
        HandlerEvent::Kafka { value: Some(value), .. } => {
            serde_json::from_slice(value).unwrap_or(json!({"do": "invalid"}))
        }
        HandlerEvent::Kafka { value: None, .. } => json!({"do": "nothing"}),
        event => panic!("neither a delivery nor a record: {event:?}"),
    }
}

fn plain(text: &str) -> Reply {
    Reply { content_type: "text/plain".to_owned(), body: text.as_bytes().to_vec() }
}

/// An input with only a text.
fn input(input_type: InputType, text: Option<String>) -> NewInput {
    let content = Content { text, ..Content::default() };
    NewInput { id: None, input_type, user_id: None, location_id: None, content }
}
