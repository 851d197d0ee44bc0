//! The channels of businesses: which effects a notification becomes, and where each of them leads.

use std::borrow::Cow;
use std::time::Duration;

use signalbox_capabilities::business::BusinessDirectory;
use signalbox_model::{
    ActionType, JsonObject, NotificationChannel, Priority, RetryPolicy, RoutedNotification, Timestamp,
};
use signalbox_store::{DecisionRecord, Effect, EffectKind, EffectState};

use crate::{AttemptResult, DueEffect};

/// How long a notification waits for the file of its business to be mended before it is looked at again.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The effects of a decision's notifications that leave by channels of the business besides the WebSocket, without
/// those that the decision has already. `is_due` says which notifications are to leave now.
///
/// The id of each derives from that of its notification and from the channel's name, so every host makes the same ones.
pub(crate) fn missing_channel_effects(
    directory: &BusinessDirectory,
    record: &DecisionRecord,
    is_due: impl Fn(&Effect) -> bool,
) -> Vec<Effect> {
    let decision = &record.decision;
    let mut missing = Vec::new();
    for effect in record.effects.iter().filter(|effect| is_due(effect)) {
        let Some(notification) = Notification::of(effect) else { continue };
        let Some(settings) = directory.notifications(&decision.business_id) else { continue };
        let routed = RoutedNotification {
            target: &notification.target,
            priority: notification.priority,
            decision_code: &decision.decision_code,
            location_id: decision.location_id.as_deref(),
        };
        for (name, channel) in settings.channels_for(routed) {
            let id = format!("{}.{name}", effect.id);
            if record.effects.iter().any(|other| other.id == id) {
                continue;
            }
            let kind = EffectKind::ChannelNotification {
                of: effect.id.clone(),
                channel: name.to_owned(),
                medium: channel.medium(),
                priority: notification.priority,
                retry_policy: notification.retry_policy.cloned(),
            };
            missing.push(Effect::pending(id, kind));
        }
    }
    missing
}

/// An effect that is a message to people, whether a node gave it as an action or a plugin sent it by the capability
/// `websocket`.
pub(super) struct Notification<'e> {
    /// `business` or `user:<id>`.
    pub target: Cow<'e, str>,
    pub priority: Priority,
    pub retry_policy: Option<&'e RetryPolicy>,
    pub content: &'e JsonObject,
}

impl<'e> Notification<'e> {
    /// None for effects that are no messages to people.
    pub fn of(effect: &'e Effect) -> Option<Self> {
        match &effect.kind {
            EffectKind::Action(action) if action.action_type == ActionType::Notification => Some(Self {
                target: Cow::Borrowed(&action.target),
                priority: action.priority,
                retry_policy: action.retry_policy.as_ref(),
                content: &action.payload,
            }),
            EffectKind::Notification { user_id, content, .. } => {
                let target = user_id.as_ref().map(|user_id| Cow::Owned(format!("user:{user_id}")));
                let target = target.unwrap_or(Cow::Borrowed("business"));
                Some(Self { target, priority: Priority::default(), retry_policy: None, content })
            }
            _ => None,
        }
    }
}

/// The state of a notification that cannot leave yet, because the file of its business has an error and was never read
/// without one: it is not known by which channels it leaves.
pub(crate) fn waits_for_business(
    directory: &BusinessDirectory,
    record: &DecisionRecord,
    effect: &Effect,
    now: Timestamp,
) -> Option<EffectState> {
    let business_id = &record.decision.business_id;
    (Notification::of(effect).is_some() && directory.awaits(business_id)).then(|| EffectState::Waiting {
        reason: format!("the file of business {business_id} has an error, so the notification's channels are unknown"),
        until: Some(now.checked_add(RETRY_AFTER).unwrap_or(Timestamp::MAX)),
    })
}

/// The name of an effect's business, and its channel as the directory has it now.
pub(super) fn configured(
    directory: &BusinessDirectory,
    due: &DueEffect,
    channel: &str,
) -> Result<(String, NotificationChannel), AttemptResult> {
    let business_id = &due.record.decision.business_id;
    let (Some(business), Some(settings)) = (directory.get(business_id), directory.notifications(business_id)) else {
        let reason = format!("business {business_id} is not in the directory");
        return Err(match directory.awaits(business_id) {
            true => AttemptResult::Failed { reason, retry_after: Some(RETRY_AFTER) },
            false => AttemptResult::Refused { reason },
        });
    };
    let found = settings.channels.get(channel).cloned();
    let refused = || AttemptResult::Refused {
        reason: format!("business {business_id} has no channel `{channel}` any more; add it, and have this retried"),
    };
    Ok((business.name.clone(), found.ok_or_else(refused)?))
}
