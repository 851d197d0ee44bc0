//! Notifications to people who are connected to this host.

use std::sync::Arc;

use async_trait::async_trait;
use signalbox_sessions::Sessions;
use signalbox_store::EffectKind;

use crate::{AttemptResult, Audience, DueEffect, EffectTarget, Notice};

/// The people who are connected. Those who are not find the notification when they resume.
pub(crate) struct WebSocketTarget {
    pub sessions: Sessions,
    pub audience: Arc<dyn Audience>,
}

#[async_trait]
impl EffectTarget for WebSocketTarget {
    fn name(&self) -> &'static str {
        "websocket"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        let Some(notice) = Notice::of(&due.record, &due.effect) else {
            let reason = match &due.effect.kind {
                EffectKind::Action(action) => format!(
                    "nobody is meant by the target `{}`; a notification goes to `user:<id>` or to `business`",
                    action.target
                ),
                _ => "the notification has no recipient".to_owned(),
            };
            return AttemptResult::Refused { reason };
        };
        let connections = notice.send(&self.sessions, self.audience.as_ref());
        tracing::debug!(effect_id = due.effect.id, connections, "notification sent");
        AttemptResult::Delivered
    }
}
