//! The bodies that Slack, Microsoft Teams and other receivers take. No text of a notification becomes markup.

use serde_json::{Value, json};

use super::WebhookFormat;
use crate::targets::channel_message::ChannelMessage;

/// The body of a message. It is the same in every attempt.
pub(super) fn of(format: WebhookFormat, message: &ChannelMessage) -> Vec<u8> {
    let body = match format {
        WebhookFormat::Slack => slack(message),
        WebhookFormat::Teams => teams(message),
        WebhookFormat::Generic => generic(message),
    };
    body.to_string().into_bytes()
}

/// The most characters of a text object of Slack are 3,000.
const SLACK_TEXT: usize = 2_900;

/// Plain text in blocks, in which Slack reads no Markdown, and the same as `text` for the preview on a telephone. In
/// both, `&`, `<` and `>` are escaped: Slack takes them for its own syntax, such as the mention of a whole channel.
fn slack(message: &ChannelMessage) -> Value {
    let (mut parts, mut part, mut length) = (Vec::new(), String::new(), 0);
    for character in format!("{}\n{}", message.subject, message.text).chars() {
        let mut own = [0; 4];
        let escaped = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            other => &*other.encode_utf8(&mut own),
        };
        let more = escaped.chars().count();
        if length + more > SLACK_TEXT {
            parts.push(std::mem::take(&mut part));
            length = 0;
        }
        part.push_str(escaped);
        length += more;
    }
    parts.push(part);
    let block =
        |text: &String| json!({ "type": "section", "text": { "type": "plain_text", "text": text, "emoji": false } });
    json!({ "text": parts.concat(), "blocks": parts.iter().map(block).collect::<Vec<_>>() })
}

/// A message with an adaptive card, as workflows of Teams take it. The texts are runs of a rich text block, because the
/// text of a text block would be read as Markdown, with links.
fn teams(message: &ChannelMessage) -> Value {
    let line = |text: &str, weight: &str| {
        let run = json!({ "type": "TextRun", "text": text, "weight": weight });
        json!({ "type": "RichTextBlock", "inlines": [run] })
    };
    let mut body = vec![line(&message.subject, "Bolder")];
    body.extend(message.text.lines().filter(|text| !text.trim().is_empty()).map(|text| line(text, "Default")));
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
    });
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": card,
    });
    json!({ "type": "message", "attachments": [attachment] })
}

/// An event of Standard Webhooks: `type`, `timestamp` and `data`.
fn generic(message: &ChannelMessage) -> Value {
    let mut data = message.facts.clone();
    data.insert("id".to_owned(), message.id.as_str().into());
    data.insert("subject".to_owned(), message.subject.as_str().into());
    data.insert("text".to_owned(), message.text.as_str().into());
    json!({ "type": "signalbox.notification", "timestamp": message.created_at, "data": data })
}

#[cfg(test)]
mod tests {
    use signalbox_model::Timestamp;

    use super::*;

    fn body(format: WebhookFormat) -> Value {
        let message = ChannelMessage::new(
            "act_1.kitchen",
            "Table 7 & 8",
            "<!channel> *now*\n\n[click](https://evil.example)",
            Timestamp::UNIX_EPOCH,
        );
        serde_json::from_slice(&of(format, &message)).unwrap()
    }

    #[test]
    fn a_text_mentions_nobody_in_slack_and_is_not_formatted() {
        let expected = "Table 7 &amp; 8\n&lt;!channel&gt; *now*\n\n[click](https://evil.example)";
        let block = json!({"type": "section", "text": {"type": "plain_text", "text": expected, "emoji": false}});
        assert_eq!(body(WebhookFormat::Slack), json!({"text": expected, "blocks": [block]}));
    }

    #[test]
    fn a_long_text_is_in_blocks_as_long_as_slack_takes_and_none_is_lost() {
        let long = ChannelMessage::new("act_1.kitchen", "s", &"&ș".repeat(3_000), Timestamp::UNIX_EPOCH);
        let body: Value = serde_json::from_slice(&of(WebhookFormat::Slack, &long)).unwrap();
        let blocks = body["blocks"].as_array().unwrap();
        let texts: Vec<&str> = blocks.iter().map(|block| block["text"]["text"].as_str().unwrap()).collect();
        assert!(texts.iter().all(|text| (1..=3_000).contains(&text.chars().count())), "{}", texts.len());
        assert_eq!(texts.concat(), format!("s\n{}", "&amp;ș".repeat(3_000)));
    }

    #[test]
    fn a_text_is_a_card_of_teams_without_links() {
        let body = body(WebhookFormat::Teams);
        assert_eq!((&body["type"], body["attachments"].as_array().unwrap().len()), (&json!("message"), 1));
        let attachment = &body["attachments"][0];
        assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
        let card = &attachment["content"];
        assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.2")));
        let lines = card["body"].as_array().unwrap();
        assert!(lines.iter().all(|line| line["type"] == "RichTextBlock"), "{lines:?}");
        let texts: Vec<&Value> = lines.iter().map(|line| &line["inlines"][0]["text"]).collect();
        assert_eq!(texts, ["Table 7 & 8", "<!channel> *now*", "[click](https://evil.example)"]);
    }

    #[test]
    fn a_program_gets_an_event_with_the_words_and_the_facts() {
        let body = body(WebhookFormat::Generic);
        assert_eq!(body["type"], "signalbox.notification");
        assert_eq!((&body["data"]["id"], &body["data"]["subject"]), (&json!("act_1.kitchen"), &json!("Table 7 & 8")));
    }
}
