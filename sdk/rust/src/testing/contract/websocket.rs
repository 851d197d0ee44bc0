//! Notifications are kept as effects, under the grants of the contract.

use super::current;
use crate::Json;
pub use crate::bindings::capabilities::signalbox::websocket::websocket::{Audience, Error};
use crate::bindings::capabilities::signalbox::websocket::websocket::{People, Places};
use crate::testing::Effect;
use crate::testing::memory::Memory;

pub fn send(user_id: &str, content: &str) -> Result<(), Error> {
    let effect = Effect::Send { user_id: user_id.to_owned(), content: Json::from_text(content) };
    add("send", user_id.to_owned(), content, effect, |_| None)
}

pub fn broadcast(audience: &Audience, content: &str) -> Result<(), Error> {
    let effect = Effect::Broadcast { audience: audience.clone(), content: Json::from_text(content) };
    let subject = match &audience.people {
        People::Staff => "staff".to_owned(),
        People::Permitted(permission) => permission.clone(),
        People::Everyone => "everyone".to_owned(),
    };
    add("broadcast", subject, content, effect, |memory| missing(memory, audience))
}

/// The first grant that an audience needs besides `broadcast` and that is missing.
fn missing(memory: &Memory, audience: &Audience) -> Option<&'static str> {
    let own = memory.context.as_ref().and_then(|context| context.location.as_ref()).map(|place| place.id.as_str());
    let other_places = match &audience.places {
        Places::OwnPlace => false,
        Places::One(id) => own != Some(id.as_str()),
        Places::EveryPlace => true,
    };
    let everyone = match &audience.people {
        People::Staff => false,
        People::Permitted(permission) => permission == "message",
        People::Everyone => true,
    };
    let needed = [(other_places, "broadcast-other-places"), (everyone, "broadcast-everyone")];
    needed.into_iter().find(|(needed, grant)| *needed && !memory.granted("websocket", grant)).map(|(_, grant)| grant)
}

fn add(
    function: &'static str,
    subject: String,
    content: &str,
    effect: Effect,
    missing: impl FnOnce(&Memory) -> Option<&'static str>,
) -> Result<(), Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("websocket", function, subject);
    fail_if_told!(memory, websocket);
    let missing = if memory.granted("websocket", function) { missing(&memory) } else { Some(function) };
    if let Some(grant) = missing {
        return Err(Error::Denied(format!("the grant `{grant}` is missing")));
    }
    if !content.starts_with('{') {
        return Err(Error::Invalid("the content is not a JSON object".to_owned()));
    }
    memory.effects.push(effect);
    Ok(())
}
