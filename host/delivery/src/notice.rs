use signalbox_model::{ActionType, AgentAction, JsonObject, UserAccess};
use signalbox_sessions::{Encoded, ServerFrame, Sessions};
use signalbox_store::{DecisionRecord, Effect, EffectKind};

/// Says who may hear what is meant for people with a permission.
pub trait Audience: Send + Sync {
    /// Whether the user has the permission in the business now, and for the place when one is named.
    fn permits(&self, access: &UserAccess, business_id: &str, location_id: Option<&str>, permission: &str) -> bool;
}

/// An effect that is a message to people.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Whose affair it is.
    pub business_id: String,
    /// For whom it is.
    pub to: Recipient,
    /// As it goes over the wire.
    pub frame: ServerFrame,
}

/// Whom a notice is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// One user.
    User(String),
    /// Everyone in the business who may see the place and has the permission, as far as they are given.
    Everyone {
        /// The place.
        location_id: Option<String>,
        /// The permission.
        permission: Option<String>,
    },
}

impl Notice {
    /// Reads an effect as a notice; none when it is not for people, or its target is nobody.
    pub fn of(record: &DecisionRecord, effect: &Effect) -> Option<Self> {
        let (to, content) = match &effect.kind {
            EffectKind::Notification { user_id: Some(user_id), content, .. } => {
                (Recipient::User(user_id.clone()), content)
            }
            EffectKind::Notification { user_id: None, location_id, permission, content } => {
                (Recipient::Everyone { location_id: location_id.clone(), permission: permission.clone() }, content)
            }
            EffectKind::Action(action) if action.action_type == ActionType::Notification => {
                (recipient_of(record, action)?, &action.payload)
            }
            _ => return None,
        };
        Some(Self { business_id: record.decision.business_id.clone(), to, frame: frame(record, effect, content) })
    }

    /// Whether the notice is for this user.
    pub fn is_for(&self, access: &UserAccess, audience: &dyn Audience) -> bool {
        let Some(business) = access.businesses.get(&self.business_id) else { return false };
        match &self.to {
            Recipient::User(user_id) => *user_id == access.user_id,
            Recipient::Everyone { location_id, permission } => {
                let here = match (location_id, &business.locations) {
                    (Some(location), Some(visible)) => visible.contains(location),
                    _ => true,
                };
                here && permission.as_deref().is_none_or(|permission| {
                    audience.permits(access, &self.business_id, location_id.as_deref(), permission)
                })
            }
        }
    }

    /// Queues it for everyone it is for who is connected; says how many connections took it.
    pub(crate) fn send(&self, sessions: &Sessions, audience: &dyn Audience) -> usize {
        let frame = Encoded::json(&self.frame);
        match &self.to {
            Recipient::User(user_id) => sessions.send_to_user(&self.business_id, user_id, &frame),
            Recipient::Everyone { location_id, .. } => {
                let hears = |access: &UserAccess| self.is_for(access, audience);
                sessions.broadcast(&self.business_id, location_id.as_deref(), &frame, hears)
            }
        }
    }
}

/// `user:<id>` is one user, `business` is everyone, narrowed to the decision's place when it has one.
fn recipient_of(record: &DecisionRecord, action: &AgentAction) -> Option<Recipient> {
    match action.target.strip_prefix("user:") {
        Some(user_id) if !user_id.is_empty() => Some(Recipient::User(user_id.to_owned())),
        None if action.target == "business" => {
            Some(Recipient::Everyone { location_id: record.decision.location_id.clone(), permission: None })
        }
        _ => None,
    }
}

fn frame(record: &DecisionRecord, effect: &Effect, content: &JsonObject) -> ServerFrame {
    ServerFrame::Notification {
        id: effect.id.clone(),
        decision_id: record.decision.id.clone(),
        business_id: record.decision.business_id.clone(),
        content: content.clone(),
        cursor: record.cursor(),
        timestamp: record.decision.created_at,
    }
}
