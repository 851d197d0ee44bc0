use serde_json::Value;

use crate::JsonError;
use crate::bindings::capabilities::signalbox::agent::types as wire;

pub use crate::bindings::capabilities::signalbox::agent::types::ResponseTarget;

/// Something said back.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Response {
    /// Which way it leaves.
    pub target: ResponseTarget,
    /// A user id; none answers whoever sent the input.
    pub recipient: Option<String>,
    /// The words, when the node wrote them itself.
    pub text: Option<String>,
    /// Structured data for the client, and the parameters of `template`; an object.
    pub data: Option<Value>,
    /// The decision code of a message model.
    pub template: Option<String>,
    /// The language to answer in, a BCP 47 tag, for example `ro`; none is the business's.
    pub locale: Option<String>,
}

impl Response {
    /// Words of the node's own.
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

    /// Says it to a user instead of the sender.
    pub fn to(mut self, user_id: impl Into<String>) -> Self {
        self.recipient = Some(user_id.into());
        self
    }

    /// In this language, a BCP 47 tag, for example `ro`.
    pub fn locale(mut self, locale: impl Into<String>) -> Self {
        self.locale = Some(locale.into());
        self
    }

    /// Which way it leaves; `websocket` otherwise.
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
