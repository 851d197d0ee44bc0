//! Calls every function of `signalbox:websocket`.

use signalbox_sdk::prelude::*;
use signalbox_sdk::websocket::{Audience, Error};

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
enum Call {
    Send { user: String, content: Value },
    Broadcast { location: Option<String>, permission: Option<String>, content: Value },
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::Send { user, content } => probe::outcome(websocket::send(&user, &content), Error::retryable),
        Call::Broadcast { location, permission, content } => {
            let audience = Audience { location_id: location, permission };
            probe::outcome(websocket::broadcast(&audience, &content), Error::retryable)
        }
    })
}
