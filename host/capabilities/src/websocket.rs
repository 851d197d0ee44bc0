//! `signalbox:websocket`: notifications as effects; the relay sends them once the decision is stored.

use signalbox_bindings::signalbox::websocket::websocket::{Audience, Error, Host};
use signalbox_model::JsonObject;
use signalbox_store::EffectKind;

use crate::guard::{EffectError, Function};
use crate::{Calls, Capability};

/// The largest notification.
const LARGEST_CONTENT: usize = 64 * 1024;

impl EffectError for Error {
    fn denied(reason: String) -> Self {
        Self::Denied(reason)
    }
}

impl Host for Calls {
    async fn send(&mut self, user_id: String, content: String) -> wasmtime::Result<Result<(), Error>> {
        self.guard_effect(Function::new("websocket", "send"), (user_id, content), |calls, (user_id, content)| {
            granted(calls, "send")?;
            if user_id.is_empty() || user_id.len() > 256 {
                return Err(Error::Invalid("a user id has 1 to 256 bytes".to_owned()));
            }
            let content = object(&content)?;
            Ok(EffectKind::Notification { user_id: Some(user_id), location_id: None, permission: None, content })
        })
    }

    async fn broadcast(&mut self, audience: Audience, content: String) -> wasmtime::Result<Result<(), Error>> {
        self.guard_effect(Function::new("websocket", "broadcast"), (audience, content), |calls, (audience, content)| {
            granted(calls, "broadcast")?;
            let Audience { location_id, permission } = audience;
            if let Some(id) = location_id.as_deref().filter(|id| calls.scope.business.location(id).is_none()) {
                let business = &calls.scope.business.business_id;
                return Err(Error::Invalid(format!("business {business} has no location {id}")));
            }
            Ok(EffectKind::Notification { user_id: None, location_id, permission, content: object(&content)? })
        })
    }
}

fn granted(calls: &Calls, word: &str) -> Result<(), Error> {
    if calls.policy.grants.allows(Capability::Websocket, word) {
        return Ok(());
    }
    Err(Error::Denied(format!("plugin {} has no grant `websocket = [\"{word}\"]`", calls.policy.name)))
}

fn object(content: &str) -> Result<JsonObject, Error> {
    if content.len() > LARGEST_CONTENT {
        return Err(Error::Invalid(format!("{} bytes; at most {LARGEST_CONTENT} are taken", content.len())));
    }
    serde_json::from_str(content).map_err(|error| Error::Invalid(format!("not a JSON object: {error}")))
}
