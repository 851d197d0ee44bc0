use signalbox_model::{ActionType, AgentAction, DECISIONS_PERMISSION, JsonObject, Reach, UserAccess};
use signalbox_sessions::{Encoded, ServerFrame, Sessions, response_frames};
use signalbox_store::{DecisionRecord, Effect, EffectKind, Wider};

/// Says who may see what: the same for what is pushed now and for what is read or resumed later.
pub trait Audience: Send + Sync {
    /// Whether the user may see what belongs there in the business, as its directory has it now; with the permission,
    /// if one is asked for.
    fn may_see(&self, access: &UserAccess, business_id: &str, reach: Reach<'_>, permission: Option<&str>) -> bool;
}

/// An effect that is a message to people.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// The business whose decision caused it.
    pub business_id: String,
    /// The people who receive it.
    pub to: Recipient,
    /// The frame that is sent to a connection.
    pub frame: ServerFrame,
}

/// Whom a notice is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// One user.
    User(String),
    /// Everyone who may see the place and has the permission.
    Everyone {
        /// The place; none is the business as a whole.
        location_id: Option<String>,
        /// The permission.
        permission: String,
        /// How much further it goes.
        wider: Wider,
    },
}

impl Notice {
    /// Reads an effect as a notice; none when it is not for people, or its target is nobody.
    pub fn of(record: &DecisionRecord, effect: &Effect) -> Option<Self> {
        let (to, content) = match &effect.kind {
            EffectKind::Notification { user_id: Some(user_id), content, .. } => {
                (Recipient::User(user_id.clone()), content)
            }
            EffectKind::Notification { user_id: None, location_id, permission, wider, content } => {
                let place = location_id.clone().or_else(|| record.decision.location_id.clone());
                let permission = permission.clone().unwrap_or_else(|| DECISIONS_PERMISSION.to_owned());
                (Recipient::Everyone { location_id: place, permission, wider: *wider }, content)
            }
            EffectKind::Action(action) if action.action_type == ActionType::Notification => {
                (recipient_of(record, action)?, &action.payload)
            }
            _ => return None,
        };
        Some(Self { business_id: record.decision.business_id.clone(), to, frame: frame(record, effect, content) })
    }

    /// Like [`Notice::of`], and reads the effect of a response too. Responses are resumed without their effects.
    pub(crate) fn of_message(record: &DecisionRecord, effect: &Effect) -> Option<Self> {
        let EffectKind::Response { .. } = &effect.kind else { return Self::of(record, effect) };
        let frames = response_frames(&record.decision, &record.output, &record.reply, &record.cursor());
        let is_own = |frame: &ServerFrame| matches!(frame, ServerFrame::Response { id, .. } if *id == effect.id);
        let (user_id, frame) = frames.into_iter().find(|(_, frame)| is_own(frame))?;
        Some(Self { business_id: record.decision.business_id.clone(), to: Recipient::User(user_id), frame })
    }

    /// Whether the notice is for this user.
    pub fn is_for(&self, access: &UserAccess, audience: &dyn Audience) -> bool {
        match &self.to {
            Recipient::User(user_id) => {
                *user_id == access.user_id && audience.may_see(access, &self.business_id, Reach::AnyPlace, None)
            }
            Recipient::Everyone { location_id, permission, wider } => {
                let reach = if wider.every_place { Reach::AnyPlace } else { Reach::of(location_id.as_deref()) };
                let permission = (!wider.everyone).then_some(permission.as_str());
                audience.may_see(access, &self.business_id, reach, permission)
            }
        }
    }

    /// Queues it for everyone it is for who is connected; says how many connections took it.
    pub(crate) fn send(&self, sessions: &Sessions, audience: &dyn Audience) -> usize {
        let frame = Encoded::of(&self.frame);
        match &self.to {
            Recipient::User(user_id) => sessions.send_to_user(&self.business_id, user_id, &frame),
            Recipient::Everyone { .. } => {
                sessions.broadcast(&self.business_id, &frame, |access| self.is_for(access, audience))
            }
        }
    }
}

/// `user:<id>` is one user, `business` is the staff of the decision's place.
fn recipient_of(record: &DecisionRecord, action: &AgentAction) -> Option<Recipient> {
    match action.target.strip_prefix("user:") {
        Some(user_id) if !user_id.is_empty() => Some(Recipient::User(user_id.to_owned())),
        None if action.target == "business" => Some(Recipient::Everyone {
            location_id: record.decision.location_id.clone(),
            permission: DECISIONS_PERMISSION.to_owned(),
            wider: Wider::default(),
        }),
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
