//! Calls every function of `signalbox:websocket`.

use signalbox_sdk::prelude::*;
use signalbox_sdk::websocket::{Audience, Error, People, Places};

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
enum Call {
    Send {
        user: String,
        content: Value,
    },
    /// To the staff of the decision's own place, unless the arguments say otherwise.
    Broadcast {
        location: Option<String>,
        #[serde(default)]
        everywhere: bool,
        permission: Option<String>,
        #[serde(default)]
        everyone: bool,
        content: Value,
    },
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::Send { user, content } => probe::outcome(websocket::send(&user, &content), Error::retryable),
        Call::Broadcast { location, everywhere, permission, everyone, content } => {
            let places = match location {
                Some(location) => Places::One(location),
                None if everywhere => Places::EveryPlace,
                None => Places::OwnPlace,
            };
            let people = match permission {
                Some(permission) => People::Permitted(permission),
                None if everyone => People::Everyone,
                None => People::Staff,
            };
            probe::outcome(websocket::broadcast(&Audience { places, people }, &content), Error::retryable)
        }
    })
}
