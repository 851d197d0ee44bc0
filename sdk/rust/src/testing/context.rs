use serde::Serialize;
use serde_json::{Value, json};

use crate::bindings::capabilities::signalbox::agent::types as wire;
use crate::testing::text_of;
use crate::{Context, InputType, Source};

/// Starts a context for a test: a message in English to a business of type `test`, at noon UTC on 2026-11-23, a Monday.
pub fn context() -> ContextBuilder {
    ContextBuilder(wire::Context {
        decision_id: "dec_test".to_owned(),
        input: wire::Input {
            id: "in_test".to_owned(),
            source: Source::Websocket,
            input_type: InputType::UserMessage,
            user_id: Some("user".to_owned()),
            business_id: "business".to_owned(),
            location_id: None,
            content: wire::Content { text: None, data: None, metadata: None },
            timestamp: "2026-11-23T12:00:00.000Z".to_owned(),
            correlation_id: "cor_test".to_owned(),
        },
        business: wire::BusinessInfo {
            id: "business".to_owned(),
            name: "Business".to_owned(),
            business_type: "test".to_owned(),
            locale: "en".to_owned(),
            timezone: "UTC".to_owned(),
            settings: "{}".to_owned(),
            locations: Vec::new(),
        },
        location: None,
        permissions: vec!["message".to_owned()],
        session: None,
        now: "2026-11-23T12:00:00.000Z".to_owned(),
        local_now: "2026-11-23T12:00:00+00:00".to_owned(),
        node: "node".to_owned(),
        item: None,
    })
}

/// Builds a context.
#[derive(Clone, Debug)]
pub struct ContextBuilder(wire::Context);

impl ContextBuilder {
    /// The id of the decision; contexts with the same id are the same decision, repeated.
    pub fn decision(mut self, id: &str) -> Self {
        self.0.decision_id = id.to_owned();
        self
    }

    /// The node that is running.
    pub fn node(mut self, name: &str) -> Self {
        self.0.node = name.to_owned();
        self
    }

    /// What the person wrote.
    pub fn text(mut self, text: &str) -> Self {
        self.0.input.content.text = Some(text.to_owned());
        self
    }

    /// Structured data of the input.
    pub fn data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        self.0.input.content.data = Some(text_of(data));
        self
    }

    /// The kind of the input.
    pub fn input_type(mut self, input_type: InputType) -> Self {
        self.0.input.input_type = input_type;
        self
    }

    /// The trigger through which the input entered.
    pub fn source(mut self, source: Source) -> Self {
        self.0.input.source = source;
        self
    }

    /// The user who sent the input.
    pub fn user(mut self, id: &str) -> Self {
        self.0.input.user_id = Some(id.to_owned());
        self
    }

    /// The local time at the decision's start, as ISO 8601 with offset.
    pub fn local_now(mut self, local_now: &str) -> Self {
        self.0.local_now = local_now.to_owned();
        self
    }

    /// When the decision started, in UTC as ISO 8601. Give [`ContextBuilder::local_now`] too where the node reads it.
    pub fn now(mut self, now: &str) -> Self {
        self.0.now = now.to_owned();
        self.0.input.timestamp = now.to_owned();
        self
    }

    /// Name, locale and time zone of the business.
    pub fn business(mut self, name: &str, locale: &str, timezone: &str) -> Self {
        self.0.business.name = name.to_owned();
        self.0.business.locale = locale.to_owned();
        self.0.business.timezone = timezone.to_owned();
        self
    }

    /// The settings of the business, an object.
    pub fn settings(mut self, settings: Value) -> Self {
        self.0.business.settings = settings.to_string();
        self
    }

    /// The place the input is about, with settings of its own.
    pub fn location(mut self, id: &str, timezone: &str, settings: Value) -> Self {
        let location = wire::Location {
            id: id.to_owned(),
            name: id.to_owned(),
            timezone: timezone.to_owned(),
            settings: settings.to_string(),
        };
        self.0.input.location_id = Some(id.to_owned());
        self.0.business.locations.push(location.clone());
        self.0.location = Some(location);
        self
    }

    /// The sender's permissions.
    pub fn permissions(mut self, permissions: &[&str]) -> Self {
        self.0.permissions = permissions.iter().map(|permission| (*permission).to_owned()).collect();
        self
    }

    /// The state that earlier messages of the conversation have stored, an object.
    pub fn session(mut self, session: Value) -> Self {
        self.0.session = Some(session.to_string());
        self
    }

    /// The item of a `for-each` run and its position.
    pub fn item<T: Serialize + ?Sized>(mut self, index: u32, item: &T) -> Self {
        self.0.item = Some((index, json!(item).to_string()));
        self
    }

    /// The context as a node gets it.
    pub fn build(self) -> Context {
        Context::from_wire(self.0)
    }
}
