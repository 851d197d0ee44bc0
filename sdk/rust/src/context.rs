use serde::de::DeserializeOwned;

use crate::bindings::capabilities::signalbox::agent::types as wire;
use crate::moment::Moment;
use crate::{Failure, Json, JsonError};

pub use crate::bindings::capabilities::signalbox::agent::types::{InputType, Source};

/// Everything that a decision node knows without a capability call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Context {
    /// The id this decision will have; the same when the decision is repeated after a crash.
    pub decision_id: String,
    /// The thing to decide.
    pub input: Input,
    /// The business the input belongs to, as it was at the decision's start.
    pub business: Business,
    /// The place the input names.
    pub location: Option<Location>,
    /// What the sender may do in this business, for example `message`, `review`.
    pub permissions: Vec<String>,
    /// The state that earlier messages of the same conversation have stored.
    pub session: Option<Json>,
    /// When the decision started, in UTC as ISO 8601. See [`Context::now`].
    pub now: String,
    /// The same moment on the clock of the input's place or else the business, as ISO 8601 with offset, for example
    /// `2026-11-23T19:25:57+02:00`.
    pub local_now: String,
    /// Name of the node that is running, as the bundle declares it.
    pub node: String,
    /// In a node with `for-each`: position and item of this run. See [`Context::item`].
    pub for_each: Option<(u32, Json)>,
}

impl Context {
    /// A setting under a dotted path, for example `hours.monday`: the place's when it sets it, else the business's.
    /// None when neither does.
    ///
    /// Needs no grant: the settings are those of the decision's start. [`crate::business::setting`] asks the host for
    /// the current ones.
    pub fn setting<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, JsonError> {
        if let Some(location) = &self.location
            && let Some(value) = location.settings.get(path)?
        {
            return Ok(Some(value));
        }
        self.business.settings.get(path)
    }

    /// The item of a `for-each` run.
    pub fn item<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        match &self.for_each {
            Some((_, item)) => Ok(crate::json::decode("item", item.as_str())?),
            None => Err(Failure::fatal(format!(
                "node `{}` asks for its item but has none; give it `for-each` in the bundle",
                self.node
            ))),
        }
    }

    /// What the person wrote, without surrounding blanks; a failure when there is nothing.
    pub fn text(&self) -> Result<&str, Failure> {
        match self.input.content.text.as_deref().map(str::trim) {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(Failure::invalid(format!("node `{}` decides about text, and the input has none", self.node))),
        }
    }

    /// When the decision started. The same in a repetition or replay.
    pub fn now(&self) -> Result<Moment, Failure> {
        Moment::parse(&self.now)
            .ok_or_else(|| Failure::fatal(format!("the decision's start `{}` is no moment in UTC", self.now)))
    }

    /// The time zone that applies: the place's, else the business's.
    pub fn timezone(&self) -> &str {
        self.location.as_ref().map_or(&self.business.timezone, |location| &location.timezone)
    }

    /// Whether the sender has a permission.
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.iter().any(|held| held == permission)
    }

    pub(crate) fn from_wire(context: wire::Context) -> Self {
        Self {
            decision_id: context.decision_id,
            input: Input::from_wire(context.input),
            business: Business::from_wire(context.business),
            location: context.location.map(Location::from_wire),
            permissions: context.permissions,
            session: context.session.map(Json::from_text),
            now: context.now,
            local_now: context.local_now,
            node: context.node,
            for_each: context.item.map(|(index, item)| (index, Json::from_text(item))),
        }
    }
}

/// One thing to decide.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Input {
    /// Unique within the business.
    pub id: String,
    /// The trigger through which it entered.
    pub source: Source,
    /// The kind of input.
    pub input_type: InputType,
    /// The user who sent it; none for schedules and for services that act for no user.
    pub user_id: Option<String>,
    /// The business it belongs to.
    pub business_id: String,
    /// The place it is about.
    pub location_id: Option<String>,
    /// The content.
    pub content: Content,
    /// When it entered, in UTC as ISO 8601.
    pub timestamp: String,
    /// Ties together every log line, trace and message of this input.
    pub correlation_id: String,
}

impl Input {
    fn from_wire(input: wire::Input) -> Self {
        Self {
            id: input.id,
            source: input.source,
            input_type: input.input_type,
            user_id: input.user_id,
            business_id: input.business_id,
            location_id: input.location_id,
            content: Content::from_wire(input.content),
            timestamp: input.timestamp,
            correlation_id: input.correlation_id,
        }
    }
}

/// The content of an input; at least one field is set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// What a person wrote, as they wrote it.
    pub text: Option<String>,
    /// Structured data, an object.
    pub data: Option<Json>,
    /// Facts about the message that are not part of it, an object.
    pub metadata: Option<Json>,
}

impl Content {
    pub(crate) fn from_wire(content: wire::Content) -> Self {
        Self {
            text: content.text,
            data: content.data.map(Json::from_text),
            metadata: content.metadata.map(Json::from_text),
        }
    }

    pub(crate) fn into_wire(self) -> wire::Content {
        wire::Content {
            text: self.text,
            data: self.data.map(|data| data.as_str().to_owned()),
            metadata: self.metadata.map(|metadata| metadata.as_str().to_owned()),
        }
    }
}

/// A business.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Business {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What kind of business it is, for example `restaurant`.
    pub business_type: String,
    /// BCP 47 language tag, for example `ro`.
    pub locale: String,
    /// IANA time zone, for example `Europe/Bucharest`.
    pub timezone: String,
    /// Settings whose shape the bundle's author defines, an object. See [`Context::setting`].
    pub settings: Json,
    /// Its places.
    pub locations: Vec<Location>,
}

impl Business {
    pub(crate) fn from_wire(business: wire::BusinessInfo) -> Self {
        Self {
            id: business.id,
            name: business.name,
            business_type: business.business_type,
            locale: business.locale,
            timezone: business.timezone,
            settings: Json::from_text(business.settings),
            locations: business.locations.into_iter().map(Location::from_wire).collect(),
        }
    }
}

/// One place of a business.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Location {
    /// Unique within the business.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// IANA time zone.
    pub timezone: String,
    /// Settings of this place, an object; they win over the business's.
    pub settings: Json,
}

impl Location {
    pub(crate) fn from_wire(location: wire::Location) -> Self {
        Self {
            id: location.id,
            name: location.name,
            timezone: location.timezone,
            settings: Json::from_text(location.settings),
        }
    }
}
