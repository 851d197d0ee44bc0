use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::input_handler::exports::signalbox::agent::handler as wire;
use crate::{Content, InputType, Json, JsonError};

pub use wire::{Entry, WebhookRequest};

/// What a trigger received.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A message from a coordinator's connection.
    Websocket(Message),
    /// A webhook whose signature the host has verified.
    Webhook(WebhookRequest),
    /// A tick of a schedule.
    Cron(Tick),
    /// A Kafka record.
    Kafka(Entry),
    /// A request to the API.
    Api(ApiRequest),
}

impl Event {
    pub(crate) fn from_wire(event: wire::Event) -> Self {
        match event {
            wire::Event::Websocket(message) => Self::Websocket(Message {
                user_id: message.user_id,
                location_id: message.location_id,
                content: Content::from_wire(message.content),
            }),
            wire::Event::Webhook(request) => Self::Webhook(request),
            wire::Event::Cron(tick) => Self::Cron(Tick {
                schedule: tick.schedule,
                nominal: tick.nominal,
                payload: tick.payload.map(Json::from_text),
            }),
            wire::Event::Kafka(entry) => Self::Kafka(entry),
            wire::Event::Api(request) => Self::Api(ApiRequest {
                user_id: request.user_id,
                location_id: request.location_id,
                content: Content::from_wire(request.content),
            }),
        }
    }
}

/// A message from a coordinator's connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The user who wrote it.
    pub user_id: String,
    /// The place it is about.
    pub location_id: Option<String>,
    /// The content.
    pub content: Content,
}

/// A tick of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Name of the schedule.
    pub schedule: String,
    /// The moment the tick was meant for, in UTC as ISO 8601; the tick itself may come later.
    pub nominal: String,
    /// The schedule's payload, an object.
    pub payload: Option<Json>,
}

/// A request to the API.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiRequest {
    /// The user who sent it.
    pub user_id: Option<String>,
    /// The place it is about.
    pub location_id: Option<String>,
    /// The content.
    pub content: Content,
}

impl WebhookRequest {
    /// The body as a type. The error's text is written for the body's sender, as [`JsonError`] shows: `?` in a handler
    /// turns it into [`Rejection::Invalid`].
    ///
    /// ```
    /// use signalbox_sdk::{WebhookRequest, prelude::*};
    ///
    /// #[derive(Deserialize, Serialize)]
    /// struct Order {
    ///     id: String,
    ///     pieces: u32,
    /// }
    ///
    /// #[input_handler]
    /// fn orders(event: Event) -> Result<Handled, Rejection> {
    ///     let Event::Webhook(request) = event else {
    ///         return Err(Rejection::Invalid("orders come by webhook".to_owned()));
    ///     };
    ///     let order: Order = request.json()?;
    ///     Ok(Handled::new().input(NewInput::new(InputType::Webhook).id(&order.id).data(&order)?))
    /// }
    ///
    /// let (hook, delivery_id) = ("orders".to_owned(), "1".to_owned());
    /// let body = br#"{"id": "A-1", "pieces": "two"}"#.to_vec();
    /// let request = WebhookRequest { hook, delivery_id, headers: vec![], body };
    /// let rejection = testing::handle(orders, Event::Webhook(request)).unwrap_err();
    /// assert_eq!(
    ///     rejection.to_string(),
    ///     "`body.pieces`: expected a whole number from 0 to 4294967295, found the string \"two\""
    /// );
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        crate::json::decode_bytes("body", &self.body)
    }

    /// The first header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

impl Entry {
    /// The value as a type; none for a tombstone, and for `null`. [`JsonError`] shows what an error says.
    ///
    /// ```
    /// use signalbox_sdk::{Entry, prelude::*};
    ///
    /// #[derive(Debug, Deserialize)]
    /// struct Reading {
    ///     #[allow(dead_code)]
    ///     celsius: f64,
    /// }
    ///
    /// let (topic, headers, value) = ("readings".to_owned(), Vec::new(), Some(br#"{"celsius": [21]}"#.to_vec()));
    /// let entry = Entry { topic, partition: 0, offset: 7, key: None, headers, value, timestamp: None };
    /// let error = entry.json::<Reading>().unwrap_err();
    /// assert_eq!(error.to_string(), "`value.celsius`: expected a number, found an array");
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<Option<T>, JsonError> {
        match &self.value {
            Some(value) => crate::json::decode_bytes("value", value),
            None => Ok(None),
        }
    }
}

/// An input that the handler makes; the host adds business, source, time and correlation id.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NewInput {
    /// Unique within the event; none numbers the inputs in order.
    pub id: Option<String>,
    /// The kind of input.
    pub input_type: InputType,
    /// The user whom it is from.
    pub user_id: Option<String>,
    /// The place it is about.
    pub location_id: Option<String>,
    /// The content.
    pub content: Content,
}

impl NewInput {
    /// An input of a type; add its content with [`NewInput::text`] or [`NewInput::data`].
    pub fn new(input_type: InputType) -> Self {
        Self { id: None, input_type, user_id: None, location_id: None, content: Content::default() }
    }

    /// Sets the text, as of a person's message.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.content.text = Some(text.into());
        self
    }

    /// Structured data; it must be written as a JSON object.
    pub fn data<T: Serialize + ?Sized>(mut self, data: &T) -> Result<Self, JsonError> {
        self.content.data = Some(Json::from_text(crate::json::encode("data", data)?));
        Ok(self)
    }

    /// Names the input within its event, so that a redelivered event gives the same input.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the user whom it is from.
    pub fn user(mut self, user_id: impl Into<String>) -> Self {
        self.user_id = Some(user_id.into());
        self
    }

    /// Sets the place that it is about.
    pub fn location(mut self, location_id: impl Into<String>) -> Self {
        self.location_id = Some(location_id.into());
        self
    }

    fn into_wire(self) -> wire::NewInput {
        wire::NewInput {
            id: self.id,
            input_type: self.input_type,
            user_id: self.user_id,
            location_id: self.location_id,
            content: self.content.into_wire(),
        }
    }
}

/// A reply to the sender at once, for triggers that can send one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Media type of the body, for example `application/json`.
    pub content_type: String,
    /// The bytes.
    pub body: Vec<u8>,
}

/// A handler's result for an event. It may hold no input: then the event was understood and needs no decision.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Handled {
    /// The inputs, in order.
    pub inputs: Vec<NewInput>,
    /// The reply to the sender at once.
    pub reply: Option<Reply>,
}

impl Handled {
    /// No input and no reply.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more input.
    pub fn input(mut self, input: NewInput) -> Self {
        self.inputs.push(input);
        self
    }

    /// Replies to the sender at once, as JSON.
    pub fn reply_json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, JsonError> {
        let body = crate::json::encode("reply", value)?.into_bytes();
        self.reply = Some(Reply { content_type: "application/json".to_owned(), body });
        Ok(self)
    }

    pub(crate) fn into_wire(self) -> wire::Handled {
        wire::Handled {
            inputs: self.inputs.into_iter().map(NewInput::into_wire).collect(),
            reply: self.reply.map(|reply| wire::Reply { content_type: reply.content_type, body: reply.body }),
        }
    }
}

/// Why an event becomes no input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The event is malformed; sending it again will not help.
    Invalid(String),
    /// The event is well-formed, but its sender may not do this.
    Forbidden(String),
    /// Something failed that may work later; the sender is told to try again.
    Unavailable(String),
}

impl Rejection {
    pub(crate) fn into_wire(self) -> wire::Rejection {
        match self {
            Self::Invalid(reason) => wire::Rejection::Invalid(reason),
            Self::Forbidden(reason) => wire::Rejection::Forbidden(reason),
            Self::Unavailable(reason) => wire::Rejection::Unavailable(reason),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(reason) | Self::Forbidden(reason) | Self::Unavailable(reason) => formatter.write_str(reason),
        }
    }
}

impl std::error::Error for Rejection {}

impl From<JsonError> for Rejection {
    fn from(error: JsonError) -> Self {
        Self::Invalid(error.to_string())
    }
}
