use signalbox_model::{ActionType, AgentAction, Priority, Timestamp};
use signalbox_sessions::Sessions;
use signalbox_store::{DecisionRecord, Effect, EffectKind, EffectState, EffectUpdate};

use crate::metrics::EFFECTS;
use crate::{Audience, Notice};

/// Delivers every effect of a decision that is due, the most urgent first, and says how each stands now. Effects whose
/// state does not change are left out.
pub(crate) fn deliver(
    record: &DecisionRecord,
    now: Timestamp,
    sessions: &Sessions,
    audience: &dyn Audience,
) -> Vec<EffectUpdate> {
    let leaves_here = |effect: &&Effect| effect.kind.is_known() && is_due(effect, now) && !is_schedule(effect);
    let mut due: Vec<&Effect> = record.effects.iter().filter(leaves_here).collect();
    due.sort_by_key(|effect| std::cmp::Reverse(priority(effect)));
    let mut updates = Vec::new();
    for effect in due {
        let state = match Notice::of(record, effect) {
            Some(notice) => {
                let connections = notice.send(sessions, audience);
                tracing::debug!(effect_id = effect.id, connections, "notification sent");
                EffectState::Delivered { at: now }
            }
            None => EffectState::Waiting { reason: missing(effect), until: None },
        };
        if state != effect.state {
            let result = if state.is_final() { "delivered" } else { "waiting" };
            ::metrics::counter!(EFFECTS, "kind" => kind(effect), "result" => result).increment(1);
            updates.push(EffectUpdate { effect_id: effect.id.clone(), state });
        }
    }
    updates
}

/// When an effect that is not due yet will be.
pub(crate) fn due_at(effect: &Effect, now: Timestamp) -> Option<Timestamp> {
    let at = match (&effect.state, &effect.kind) {
        (EffectState::Pending, EffectKind::Action(action)) => action.execute_at,
        (EffectState::Waiting { until, .. }, _) => *until,
        _ => None,
    };
    at.filter(|at| *at > now)
}

pub(crate) fn is_due(effect: &Effect, now: Timestamp) -> bool {
    matches!(effect.state, EffectState::Pending | EffectState::Waiting { .. }) && due_at(effect, now).is_none()
}

/// Whether an effect is for a newer version to deliver: it is due, and this one does not know its kind, or how it
/// stands.
pub(crate) fn is_left(effect: &Effect, now: Timestamp) -> bool {
    matches!(effect.state, EffectState::Unknown(_)) || (!effect.kind.is_known() && is_due(effect, now))
}

/// Changes of schedules go into the store, one after the other.
fn is_schedule(effect: &Effect) -> bool {
    matches!(effect.kind, EffectKind::Schedule { .. } | EffectKind::CancelSchedule { .. })
}

fn priority(effect: &Effect) -> Priority {
    match &effect.kind {
        // Between those that are known, for want of a better place.
        EffectKind::Action(AgentAction { priority: Priority::Unknown(_), .. }) => Priority::default(),
        EffectKind::Action(action) => action.priority,
        _ => Priority::default(),
    }
}

/// What has to be configured or mended before the effect can leave, for the operator who finds it waiting.
fn missing(effect: &Effect) -> String {
    match &effect.kind {
        EffectKind::KafkaRecord { topic, .. } => {
            format!("no Kafka cluster is configured, so the record for topic `{topic}` cannot be sent")
        }
        EffectKind::Schedule { name, .. } | EffectKind::CancelSchedule { name } => {
            format!("schedule `{name}` was not changed yet")
        }
        EffectKind::Action(action) => match action.action_type {
            ActionType::ResourceAction => {
                format!("no Kafka cluster is configured, so the action on resource `{}` cannot be sent", action.target)
            }
            ActionType::ExternalCall => {
                format!("no delivery of external calls is configured, so `{}` cannot be called", action.target)
            }
            ActionType::Notification => format!(
                "nobody is meant by the target `{}`; a notification goes to `user:<id>` or to `business`",
                action.target
            ),
            ActionType::Unknown(name) => format!("only a newer version of the host knows actions of type `{name}`"),
        },
        EffectKind::Notification { .. } => "the notification has no recipient".to_owned(),
        EffectKind::Unknown(_) => "only a newer version of the host knows effects of this kind".to_owned(),
    }
}

fn kind(effect: &Effect) -> &'static str {
    match &effect.kind {
        EffectKind::Action(action) => match action.action_type {
            ActionType::ResourceAction => "resource_action",
            ActionType::Notification => "notification",
            ActionType::ExternalCall => "external_call",
            ActionType::Unknown(_) => "unknown",
        },
        EffectKind::Notification { .. } => "notification",
        EffectKind::KafkaRecord { .. } => "kafka_record",
        EffectKind::Schedule { .. } | EffectKind::CancelSchedule { .. } => "schedule",
        EffectKind::Unknown(_) => "unknown",
    }
}
