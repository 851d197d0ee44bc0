//! Where a business's notifications go besides the WebSocket: channels, and the routes that lead to them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Priority, UnknownName};

/// `[notifications]` of a business.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(rename_all = "camelCase")]
pub struct NotificationSettings {
    /// Ways to people besides the WebSocket, by a name of letters, digits, `-` and `_`.
    #[serde(default)]
    pub channels: BTreeMap<String, NotificationChannel>,
    /// Which notifications leave by which channels.
    #[serde(default)]
    pub routes: Vec<NotificationRoute>,
}

/// A way to people: exactly one of its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(rename_all = "camelCase")]
pub enum NotificationChannel {
    /// An e-mail to this address.
    Email(String),
    /// A `POST` to this receiver of `[delivery.notification-webhooks]`.
    Webhook(String),
}

/// What carries the notifications of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NotificationMedium {
    /// E-mail.
    Email,
    /// A `POST`.
    Webhook,
    /// A medium that only a newer version knows.
    #[serde(untagged)]
    Unknown(UnknownName),
}

/// `[[notifications.routes]]`: which notifications leave by which channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(rename_all = "camelCase")]
pub struct NotificationRoute {
    /// For whom the notifications are, as in the target of an action: `business` or `user:<id>`.
    #[serde(rename = "for")]
    pub target: String,
    /// The names of the channels.
    pub channels: Vec<String>,
    /// The priorities of the notifications; none means all.
    #[serde(default)]
    pub priorities: Vec<Priority>,
    /// The codes of the decisions, for example `booking.confirmed`, or `booking.*` for all that begin so; none means
    /// all.
    #[serde(default)]
    pub decisions: Vec<String>,
    /// The places of the decisions; none means all, and decisions about no place.
    #[serde(default)]
    pub locations: Vec<String>,
}

/// What a route looks at.
#[derive(Clone, Copy, Debug)]
pub struct RoutedNotification<'n> {
    /// The action's target.
    pub target: &'n str,
    /// The action's priority.
    pub priority: Priority,
    /// The decision's code.
    pub decision_code: &'n str,
    /// The decision's place.
    pub location_id: Option<&'n str>,
}

impl NotificationSettings {
    /// The channels by which a notification leaves, each once, by name.
    pub fn channels_for(&self, notification: RoutedNotification<'_>) -> Vec<(&str, &NotificationChannel)> {
        let routes: Vec<_> = self.routes.iter().filter(|route| route.is_for(notification)).collect();
        let is_used = |name: &String| routes.iter().any(|route| route.channels.contains(name));
        let channels = self.channels.iter().filter(|(name, _)| is_used(name));
        channels.map(|(name, channel)| (name.as_str(), channel)).collect()
    }
}

impl NotificationChannel {
    /// What carries its notifications.
    pub fn medium(&self) -> NotificationMedium {
        match self {
            Self::Email(_) => NotificationMedium::Email,
            Self::Webhook(_) => NotificationMedium::Webhook,
        }
    }
}

impl NotificationRoute {
    fn is_for(&self, notification: RoutedNotification<'_>) -> bool {
        let RoutedNotification { target, priority, decision_code, location_id } = notification;
        let is_code = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => decision_code.starts_with(beginning),
            None => decision_code == pattern,
        };
        let is_place = |place: &String| location_id == Some(place);
        self.target == target
            && (self.priorities.is_empty() || self.priorities.contains(&priority))
            && (self.decisions.is_empty() || self.decisions.iter().any(is_code))
            && (self.locations.is_empty() || self.locations.iter().any(is_place))
    }
}

impl fmt::Display for NotificationMedium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email => f.write_str("e-mail"),
            Self::Webhook => f.write_str("webhook"),
            Self::Unknown(_) => f.write_str("a medium of a newer version"),
        }
    }
}

/// Whether a text can be the name of a channel, which becomes a part of idempotency keys.
pub fn is_channel_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=32).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> NotificationSettings {
        serde_json::from_value(serde_json::json!({
            "channels": {"owner": {"email": "owner@roma.example"}, "kitchen": {"webhook": "slack"}},
            "routes": [
                {"for": "business", "channels": ["kitchen"], "decisions": ["booking.*"], "locations": ["centru"]},
                {"for": "business", "channels": ["owner", "kitchen"], "priorities": ["high"]},
                {"for": "user:ana", "channels": ["owner"], "decisions": ["booking.confirmed"]},
            ],
        }))
        .unwrap()
    }

    fn names(target: &str, priority: Priority, decision_code: &str, location_id: Option<&str>) -> Vec<String> {
        let notification = RoutedNotification { target, priority, decision_code, location_id };
        settings().channels_for(notification).into_iter().map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn a_notification_leaves_by_each_channel_of_every_route_that_is_for_it_once() {
        let (centru, medium) = (Some("centru"), Priority::Medium);
        assert_eq!(names("business", medium, "booking.made", centru), ["kitchen"]);
        assert_eq!(names("business", Priority::High, "booking.made", centru), ["kitchen", "owner"]);
        assert_eq!(names("user:ana", medium, "booking.confirmed", None), ["owner"]);
        for (target, code, place) in [
            ("business", "booking.made", None),
            ("business", "booking.made", Some("pipera")),
            ("business", "bookings", centru),
            ("user:ana", "booking.confirmed.late", None),
            ("user:an", "booking.confirmed", None),
        ] {
            assert!(names(target, medium, code, place).is_empty(), "{target} {code} {place:?}");
        }
    }
}
