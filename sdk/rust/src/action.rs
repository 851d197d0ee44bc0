use serde_json::Value;

use crate::JsonError;
use crate::bindings::capabilities::signalbox::agent::types as wire;
use crate::moment::Moment;

pub use crate::bindings::capabilities::signalbox::agent::types::{ActionType, Priority, RetryPolicy};

/// An effect of the decision outside the host. It is stored with the decision and delivered only then, at least once,
/// under an idempotency key that never changes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Action {
    /// What kind of effect it is.
    pub action_type: ActionType,
    /// A resource type, an audience (`user:<id>` or `business`), or a URL.
    pub target: String,
    /// The content of the effect, an object of at most 64 KiB.
    pub payload: Value,
    /// Which of two waiting actions goes first.
    pub priority: Priority,
    /// The earliest moment of delivery; none for at once.
    pub execute_at: Option<String>,
    /// How delivery is tried again; none for the host's default.
    pub retry_policy: Option<RetryPolicy>,
}

impl Action {
    /// A change to a resource that another service owns.
    pub fn resource(resource_type: impl Into<String>, payload: Value) -> Self {
        Self::new(ActionType::ResourceAction, resource_type, payload)
    }

    /// A message to people of the business: `user:<id>` is one user, `business` the staff of the decision's own place.
    pub fn notify(audience: impl Into<String>, payload: Value) -> Self {
        Self::new(ActionType::Notification, audience, payload)
    }

    /// A `POST` of the payload to an external service, if the operator allows its host. It is sent again, under the
    /// same `idempotency-key`, until the service answers with 2xx, refuses it with another 4xx than 408, 425 and 429,
    /// or the attempts are used up. Write no secret into the URL or the payload: the operator's configuration adds it.
    pub fn call(url: impl Into<String>, payload: Value) -> Self {
        Self::new(ActionType::ExternalCall, url, payload)
    }

    fn new(action_type: ActionType, target: impl Into<String>, payload: Value) -> Self {
        Self {
            action_type,
            target: target.into(),
            payload,
            priority: Priority::Medium,
            execute_at: None,
            retry_policy: None,
        }
    }

    /// Which of two waiting actions goes first; medium otherwise.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Delays the delivery until a moment.
    pub fn execute_at(mut self, moment: Moment) -> Self {
        self.execute_at = Some(moment.to_string());
        self
    }

    /// How often and when delivery is tried again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry_policy = Some(policy);
        self
    }

    pub(crate) fn into_wire(self) -> Result<wire::Action, JsonError> {
        Ok(wire::Action {
            payload: crate::json::encode("payload", &self.payload)?,
            action_type: self.action_type,
            target: self.target,
            priority: self.priority,
            execute_at: self.execute_at,
            retry_policy: self.retry_policy,
        })
    }
}
