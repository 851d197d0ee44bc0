use std::time::SystemTime;

use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};

use crate::targets::channel_message::ChannelMessage;

/// The header with the idempotency key, as records and requests have it.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::new_from_ascii_str("Signalbox-Idempotency-Key");
/// Tells programs that answer e-mails to leave this one alone (RFC 3834).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// The bytes of an e-mail. They are the same in every attempt.
pub(super) fn email(from: &Mailbox, to: Address, message: &ChannelMessage) -> Result<Vec<u8>, String> {
    let email = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(message.subject.as_str())
        .message_id(Some(format!("<{}@{}>", message.id, from.email.domain())))
        .date(SystemTime::from(message.created_at))
        .header(ContentType::TEXT_PLAIN)
        .body(message.text.clone());
    let mut email = email.map_err(|error| format!("the e-mail cannot be written: {error}"))?;
    for (name, value) in [(IDEMPOTENCY_KEY, message.id.as_str()), (AUTO_SUBMITTED, "auto-generated")] {
        email.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
    }
    Ok(email.formatted())
}

#[cfg(test)]
mod tests {
    use signalbox_model::Timestamp;

    use super::*;

    fn written(id: &str, subject: &str, text: &str) -> String {
        let message = ChannelMessage::new(id, subject, text, "2026-01-01T00:00:01Z".parse::<Timestamp>().unwrap());
        let from = "Trattoria <signalbox@roma.example>".parse().unwrap();
        let bytes = email(&from, "ana@roma.example".parse().unwrap(), &message).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_email_is_the_same_in_every_attempt_and_says_its_key() {
        let one = written("act_1.owner", "A table is booked", "Table 7, lângă geam");
        assert_eq!(one, written("act_1.owner", "A table is booked", "Table 7, lângă geam"));
        for line in [
            "From: Trattoria <signalbox@roma.example>\r\n",
            "To: ana@roma.example\r\n",
            "Subject: A table is booked\r\n",
            "Message-ID: <act_1.owner@roma.example>\r\n",
            "Date: Thu, 01 Jan 2026 00:00:01 +0000\r\n",
            "Signalbox-Idempotency-Key: act_1.owner\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
        ] {
            assert!(one.contains(line), "{line} is missing in\n{one}");
        }
    }

    #[test]
    fn no_word_of_a_notification_becomes_a_header_of_its_own() {
        for subject in ["x\r\nBcc: all@evil.example", "x\nBcc: all@evil.example", "ș\r\nBcc: all@evil.example"] {
            let email = written("act_1.owner", subject, "text\r\nBcc: all@evil.example\r\n.\r\nMAIL FROM:<a@b>");
            let (head, _) = email.split_once("\r\n\r\n").unwrap();
            assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{head}");
        }
    }
}
