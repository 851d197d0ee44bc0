//! Notifications are kept as effects.

use super::current;
use crate::Json;
pub use crate::bindings::capabilities::signalbox::websocket::websocket::{Audience, Error};
use crate::testing::Effect;

pub fn send(user_id: &str, content: &str) -> Result<(), Error> {
    let effect = Effect::Send { user_id: user_id.to_owned(), content: Json::from_text(content) };
    add("send", user_id.to_owned(), content, effect)
}

pub fn broadcast(audience: &Audience, content: &str) -> Result<(), Error> {
    let effect = Effect::Broadcast { audience: audience.clone(), content: Json::from_text(content) };
    add("broadcast", audience.permission.clone().unwrap_or_default(), content, effect)
}

fn add(function: &'static str, subject: String, content: &str, effect: Effect) -> Result<(), Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("websocket", function, subject);
    fail_if_told!(memory, websocket);
    if !memory.granted("websocket", function) {
        return Err(Error::Denied(format!("the grant `{function}` is missing")));
    }
    if !content.starts_with('{') {
        return Err(Error::Invalid("the content is not a JSON object".to_owned()));
    }
    memory.effects.push(effect);
    Ok(())
}
