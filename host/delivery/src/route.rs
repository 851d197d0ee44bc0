//! Which target an effect is for.

use signalbox_model::{ActionType, NotificationMedium, Priority};
use signalbox_store::{Effect, EffectKind};

/// The targets that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Route {
    /// People who are connected.
    Websocket,
    /// The schedules in the store.
    Schedules,
    /// A Kafka cluster, or what stands for it.
    Kafka,
    /// External services.
    Http,
    /// The fallback topic, for messages to people that are in the mailbox.
    Fallback,
    /// A server of e-mail.
    Email,
    /// Receivers of notifications.
    NotificationWebhooks,
}

/// The names of the targets, by which effects are held back.
pub const TARGETS: [&str; 7] = [
    Route::Websocket.name(),
    Route::Schedules.name(),
    Route::Kafka.name(),
    Route::Http.name(),
    Route::Fallback.name(),
    Route::Email.name(),
    Route::NotificationWebhooks.name(),
];

impl Route {
    /// The route of an effect; none for what only a newer version of the host knows.
    pub fn of(effect: &Effect) -> Option<Self> {
        match &effect.kind {
            EffectKind::Action(action) => match action.action_type {
                ActionType::ResourceAction => Some(Self::Kafka),
                ActionType::Notification => Some(Self::to_people(effect)),
                ActionType::ExternalCall => Some(Self::Http),
                ActionType::Unknown(_) => None,
            },
            EffectKind::Notification { .. } | EffectKind::Response { .. } => Some(Self::to_people(effect)),
            EffectKind::KafkaRecord { .. } => Some(Self::Kafka),
            EffectKind::ChannelNotification { medium, .. } => match medium {
                NotificationMedium::Email => Some(Self::Email),
                NotificationMedium::Webhook => Some(Self::NotificationWebhooks),
                NotificationMedium::Unknown(_) => None,
            },
            EffectKind::Schedule { .. } | EffectKind::CancelSchedule { .. } if effect.kind.is_known() => {
                Some(Self::Schedules)
            }
            EffectKind::Schedule { .. } | EffectKind::CancelSchedule { .. } | EffectKind::Unknown(_) => None,
        }
    }

    fn to_people(effect: &Effect) -> Self {
        if effect.kept_since.is_some() { Self::Fallback } else { Self::Websocket }
    }

    /// The name of the target in the store, in metrics and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Schedules => "schedules",
            Self::Kafka => "kafka",
            Self::Http => "http",
            Self::Fallback => "fallback",
            Self::Email => "email",
            Self::NotificationWebhooks => "notification-webhooks",
        }
    }

    /// What has to be configured before effects can leave this way, for the operator who finds them waiting.
    pub fn missing(self, effect: &Effect) -> String {
        let what = match &effect.kind {
            EffectKind::KafkaRecord { topic, .. } => format!("the record for topic `{topic}` cannot be sent"),
            EffectKind::Action(action) if self == Self::Kafka => {
                format!("the action on resource `{}` cannot be sent", action.target)
            }
            EffectKind::Action(action) => format!("`{}` cannot be called", action.target),
            EffectKind::ChannelNotification { channel, .. } => {
                format!("the notification cannot leave by channel `{channel}`")
            }
            _ => "it cannot leave".to_owned(),
        };
        let configured = match self {
            Self::Kafka => "no Kafka cluster is configured",
            Self::Http => "no receiver of external calls is configured ([delivery.external-calls])",
            Self::Email => "no server of e-mail is configured ([delivery.email])",
            Self::NotificationWebhooks => {
                "no receiver of notifications is configured ([delivery.notification-webhooks]), or [egress] is switched off"
            }
            Self::Websocket | Self::Schedules | Self::Fallback => "the target is not there",
        };
        format!("{configured}, so {what}")
    }
}

/// The kind of an effect, for metrics.
pub(crate) fn kind(effect: &Effect) -> &'static str {
    match &effect.kind {
        EffectKind::Action(action) => match action.action_type {
            ActionType::ResourceAction => "resource_action",
            ActionType::Notification => "notification",
            ActionType::ExternalCall => "external_call",
            ActionType::Unknown(_) => "unknown",
        },
        EffectKind::Notification { .. } => "notification",
        EffectKind::Response { .. } => "response",
        EffectKind::ChannelNotification { .. } => "channel_notification",
        EffectKind::KafkaRecord { .. } => "kafka_record",
        EffectKind::Schedule { .. } | EffectKind::CancelSchedule { .. } => "schedule",
        EffectKind::Unknown(_) => "unknown",
    }
}

/// The priority of an effect. One that only a newer version knows counts as the usual one.
pub(crate) fn priority(effect: &Effect) -> Priority {
    let written = match &effect.kind {
        EffectKind::Action(action) => action.priority,
        EffectKind::ChannelNotification { priority, .. } => *priority,
        _ => Priority::default(),
    };
    match written {
        Priority::Unknown(_) => Priority::default(),
        known => known,
    }
}
