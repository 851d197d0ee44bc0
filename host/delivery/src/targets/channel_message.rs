//! A notification as it leaves by a channel other than the WebSocket: a subject and a text.

use serde_json::Value;
use signalbox_model::{JsonObject, Timestamp};
use signalbox_store::EffectKind;

use super::channels::Notification;
use crate::DueEffect;

/// So many characters of a subject are sent.
const LONGEST_SUBJECT: usize = 150;
/// So many characters of a text are sent; Teams takes messages of 28 KB.
const LONGEST_TEXT: usize = 6_000;

/// A message to people.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChannelMessage {
    /// The idempotency key, the same in every attempt.
    pub id: String,
    /// On one line.
    pub subject: String,
    pub text: String,
    pub created_at: Timestamp,
    pub correlation_id: Option<String>,
    /// Facts for programs that receive the message.
    pub facts: JsonObject,
}

impl ChannelMessage {
    /// A message of these words, within the limits of every channel.
    pub fn new(id: &str, subject: &str, text: &str, created_at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            subject: shortened(&one_line(subject), LONGEST_SUBJECT),
            text: shortened(&without_controls(text), LONGEST_TEXT),
            created_at,
            correlation_id: None,
            facts: JsonObject::new(),
        }
    }

    /// The message of an effect that leaves by a channel; none when its notification is not in the decision any more.
    /// `medium` is the name under which the notification may have other words for this medium, for example `email`.
    pub fn of(due: &DueEffect, business: &str, medium: &str) -> Option<Self> {
        let EffectKind::ChannelNotification { of, channel, .. } = &due.effect.kind else { return None };
        let notification = due.record.effects.iter().find(|effect| effect.id == *of)?;
        let Notification { target, priority, content: payload, .. } = Notification::of(notification)?;
        let decision = &due.record.decision;
        let own = payload.get(medium).and_then(Value::as_object);
        let word = |key: &str| {
            let found = own.and_then(|own| own.get(key)).or_else(|| payload.get(key));
            found.and_then(Value::as_str).filter(|text| !text.trim().is_empty())
        };
        let subject = word("subject").map_or_else(|| format!("{business}: {}", decision.decision_code), str::to_owned);
        let text = word("text").map_or_else(|| listed(payload), str::to_owned);
        let mut message = Self::new(&due.effect.id, &subject, &text, decision.created_at);
        message.correlation_id.clone_from(&decision.context.input.correlation_id);
        let facts = serde_json::json!({
            "notificationId": of, "channel": channel, "businessId": decision.business_id, "decisionId": decision.id,
            "decisionCode": decision.decision_code, "target": target, "priority": priority,
            "payload": payload,
        });
        if let Value::Object(facts) = facts {
            message.facts = facts;
        }
        Some(message)
    }
}

/// A payload without a text, a line for each of its fields.
fn listed(payload: &JsonObject) -> String {
    let line = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}: {text}"),
        other => format!("{name}: {other}"),
    };
    payload.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A text on one line: no line break and no control character gets into a header.
fn one_line(text: &str) -> String {
    let is_break = |character: char| {
        character.is_control() || character.is_whitespace() || matches!(character, '\u{2028}' | '\u{2029}')
    };
    text.split(is_break).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn without_controls(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect()
}

fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_and_a_text_has_no_control_characters() {
        let message = ChannelMessage::new(
            "n",
            "A table\r\nBcc: all@roma.example\u{2028}\0x",
            "a\r\nb\u{1b}[2J\tc",
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(message.subject, "A table Bcc: all@roma.example x");
        assert_eq!(message.text, "a\nb[2J\tc");
        let long = ChannelMessage::new("n", &"ș".repeat(1_000), &"ș".repeat(100_000), Timestamp::UNIX_EPOCH);
        assert_eq!((long.subject.chars().count(), long.text.chars().count()), (LONGEST_SUBJECT + 1, LONGEST_TEXT + 1));
    }
}
