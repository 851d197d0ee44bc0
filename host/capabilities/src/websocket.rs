//! `signalbox:websocket`: notifications as effects. The relay sends them once the decision is stored.

use signalbox_bindings::signalbox::websocket::websocket::{Audience, Error, Host, People, Places};
use signalbox_model::{DECISIONS_PERMISSION, JsonObject, MESSAGE_PERMISSION};
use signalbox_store::{EffectKind, Wider};

use crate::guard::{EffectError, Function};
use crate::{Calls, Capability};

/// The largest notification.
const LARGEST_CONTENT: usize = 64 * 1024;

/// The longest name of a permission, in bytes.
const LONGEST_PERMISSION: usize = 128;

/// The words of grants.
const SEND: &str = "send";
const BROADCAST: &str = "broadcast";
const OTHER_PLACES: &str = "broadcast-other-places";
const EVERYONE: &str = "broadcast-everyone";

/// Every word that a grant may have.
pub(crate) const WORDS: [&str; 4] = [SEND, BROADCAST, OTHER_PLACES, EVERYONE];

impl EffectError for Error {
    fn denied(reason: String) -> Self {
        Self::Denied(reason)
    }
}

impl Host for Calls {
    async fn send(&mut self, user_id: String, content: String) -> wasmtime::Result<Result<(), Error>> {
        self.guard_effect(Function::new("websocket", "send"), (user_id, content), |calls, (user_id, content)| {
            granted(calls, SEND, "")?;
            if user_id.is_empty() || user_id.len() > 256 {
                return Err(Error::Invalid("a user id has 1 to 256 bytes".to_owned()));
            }
            Ok(EffectKind::Notification {
                user_id: Some(user_id),
                location_id: None,
                permission: None,
                wider: Wider::default(),
                content: object(&content)?,
            })
        })
    }

    async fn broadcast(&mut self, audience: Audience, content: String) -> wasmtime::Result<Result<(), Error>> {
        self.guard_effect(Function::new("websocket", "broadcast"), (audience, content), |calls, (audience, content)| {
            granted(calls, BROADCAST, "")?;
            let (location_id, every_place) = place(calls, audience.places)?;
            let (permission, everyone) = people(calls, audience.people)?;
            let wider = Wider { every_place, everyone };
            Ok(EffectKind::Notification { user_id: None, location_id, permission, wider, content: object(&content)? })
        })
    }
}

/// The location whose people receive it, and whether those of all other locations do too.
fn place(calls: &Calls, places: Places) -> Result<(Option<String>, bool), Error> {
    let own = calls.scope.location.as_ref().map(|location| location.id.as_str());
    match places {
        Places::OwnPlace => Ok((own.map(str::to_owned), false)),
        Places::One(id) => {
            let business = &calls.scope.business;
            if business.location(&id).is_none() {
                let shown = id.chars().take(64).collect::<String>();
                let shown = shown.escape_debug();
                return Err(Error::Invalid(format!("business {} has no location {shown}", business.business_id)));
            }
            if own != Some(id.as_str()) {
                granted(calls, OTHER_PLACES, " to broadcast to a place that is not the decision's own")?;
            }
            Ok((Some(id), false))
        }
        Places::EveryPlace => {
            granted(calls, OTHER_PLACES, " to broadcast to every place")?;
            Ok((None, true))
        }
    }
}

/// The permission of those who receive it, and whether people without it do too.
fn people(calls: &Calls, people: People) -> Result<(Option<String>, bool), Error> {
    match people {
        // Stored explicitly, so that a version that does not know the meaning of none also requires the permission.
        People::Staff => Ok((Some(DECISIONS_PERMISSION.to_owned()), false)),
        People::Permitted(permission) => {
            if permission.is_empty() || permission.len() > LONGEST_PERMISSION {
                return Err(Error::Invalid(format!("a permission has 1 to {LONGEST_PERMISSION} bytes")));
            }
            if permission == MESSAGE_PERMISSION {
                granted(calls, EVERYONE, " to broadcast to those with `message`, whom guests are among")?;
            }
            Ok((Some(permission), false))
        }
        People::Everyone => {
            granted(calls, EVERYONE, " to broadcast to everyone, guests too")?;
            Ok((None, true))
        }
    }
}

fn granted(calls: &Calls, word: &str, purpose: &str) -> Result<(), Error> {
    if calls.policy.grants.allows(Capability::Websocket, word) {
        return Ok(());
    }
    Err(Error::Denied(format!("plugin {} has no grant `websocket = [\"{word}\"]`{purpose}", calls.policy.name)))
}

fn object(content: &str) -> Result<JsonObject, Error> {
    if content.len() > LARGEST_CONTENT {
        return Err(Error::Invalid(format!("{} bytes; at most {LARGEST_CONTENT} are taken", content.len())));
    }
    serde_json::from_str(content).map_err(|error| Error::Invalid(format!("not a JSON object: {error}")))
}
