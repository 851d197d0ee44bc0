use serde_json::Value;

use crate::JsonError;
use crate::bindings::capabilities::signalbox::agent::types as wire;

pub use crate::bindings::capabilities::signalbox::agent::types::ResponseTarget;

/// A reply or message to a person.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Response {
    /// How the response leaves.
    pub target: ResponseTarget,
    /// The recipient's user id; none for the sender of the input.
    pub recipient: Option<String>,
    /// The text, when the node wrote it itself.
    pub text: Option<String>,
    /// Structured data for the client, and the parameters of `template`; an object.
    pub data: Option<Value>,
    /// The decision code of a message model.
    pub template: Option<String>,
    /// The language to answer in, a BCP 47 tag, for example `ro`; none is the business's.
    pub locale: Option<String>,
}

impl Response {
    /// A response with the node's own text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::empty() }
    }

    /// The message model of a decision code; `data` holds its parameters.
    pub fn template(decision_code: impl Into<String>, data: Value) -> Self {
        Self { template: Some(decision_code.into()), data: Some(data), ..Self::empty() }
    }

    /// Structured data alone.
    pub fn data(data: Value) -> Self {
        Self { data: Some(data), ..Self::empty() }
    }

    fn empty() -> Self {
        Self {
            target: ResponseTarget::Websocket,
            recipient: None,
            text: None,
            data: None,
            template: None,
            locale: None,
        }
    }

    /// Sends the response to a user instead of the sender.
    pub fn to(mut self, user_id: impl Into<String>) -> Self {
        self.recipient = Some(user_id.into());
        self
    }

    /// Sets the language, a BCP 47 tag, for example `ro`.
    pub fn locale(mut self, locale: impl Into<String>) -> Self {
        self.locale = Some(locale.into());
        self
    }

    /// Sets how the response leaves; `websocket` if not set.
    pub fn via(mut self, target: ResponseTarget) -> Self {
        self.target = target;
        self
    }

    pub(crate) fn into_wire(self) -> Result<wire::Response, JsonError> {
        Ok(wire::Response {
            target: self.target,
            recipient: self.recipient,
            text: self.text,
            data: self.data.map(|value| crate::json::encode("data", &value)).transpose()?,
            template: self.template,
            locale: self.locale,
        })
    }
}
