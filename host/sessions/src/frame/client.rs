use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signalbox_model::strict_json::{self, BodyError};
use signalbox_model::{Content, ErrorCode, LONGEST_PLACE, LONGEST_PROBLEM, excerpt};
use thiserror::Error;

use super::ReviewFrame;

/// The types of the frames that clients send.
const TYPES: [&str; 6] = ["auth", "refresh", "message", "review", "resume", "ping"];

/// The longest ids in a frame, in bytes. The ids of messages and cursors are checked where they are used.
const LONGEST_BUSINESS: usize = 64;
const LONGEST_LOCATION: usize = 256;
const LONGEST_DECISION: usize = 64;
const LONGEST_PING: usize = 128;

/// The longest id of a message that an error repeats, so that the client finds it.
const LONGEST_MESSAGE: usize = 128;

/// A frame from a client.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ClientFrame {
    /// The client's token, as the first frame.
    Auth(AuthFrame),
    /// A new token, before the old one expires.
    Refresh(AuthFrame),
    /// A message to decide.
    Message(MessageFrame),
    /// A verdict on a decision that waits for a person.
    Review(ReviewFrame),
    /// Asks for what the client has missed.
    Resume(ResumeFrame),
    /// Asks whether the host is still there.
    Ping(PingFrame),
}

/// A token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthFrame {
    /// The JWT.
    pub token: String,
}

impl std::fmt::Debug for AuthFrame {
    /// Leaves the token out, because its holder can act as the user.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthFrame").finish_non_exhaustive()
    }
}

/// A message to decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageFrame {
    /// The client's own id, the same when it is sent again; 1 to 128 visible ASCII characters.
    pub id: String,
    /// The business that the message is for.
    pub business_id: String,
    /// The location that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// The content.
    #[serde(deserialize_with = "signalbox_model::written")]
    pub content: Content,
    /// Whether the client wants a progress frame per node; unset is yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<bool>,
}

/// Asks for what the client has missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResumeFrame {
    /// The business.
    pub business_id: String,
    /// The `cursor` of the last frame that the client has seen; without one the host starts at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Asks whether the host is still there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PingFrame {
    /// The pong repeats it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Why a text is not a frame of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Not JSON, or an object with a duplicate key.
    #[error("the frame is not sound JSON: {0}")]
    NotJson(String),
    /// JSON, but not an object with a `type`.
    #[error("a frame is a JSON object with a string `type`, one of {}", TYPES.join(", "))]
    NoType,
    /// A type that no client sends.
    #[error("there is no frame type `{found}` for clients; use one of {}", TYPES.join(", "))]
    UnknownType {
        /// The type, cut to a readable length.
        found: String,
    },
    /// A field that is missing, unknown or of the wrong type.
    #[error("frame `{frame}`, field `{field}`: {problem}")]
    Field {
        /// The frame's type.
        frame: &'static str,
        /// Path to the field, its middle left out when it is long.
        field: String,
        /// What is wrong with it, shortened for people.
        problem: String,
        /// The message's id when it could be read, so that the client knows which message is meant.
        message_id: Option<String>,
    },
}

impl FrameError {
    /// A stable name for programs.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotJson(_) => ErrorCode::NotJson,
            Self::NoType => ErrorCode::NoFrameType,
            Self::UnknownType { .. } => ErrorCode::UnknownFrameType,
            Self::Field { .. } => ErrorCode::InvalidField,
        }
    }
}

impl ClientFrame {
    /// Reads a frame; every problem names its place.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let value = strict_json::value(text.as_bytes()).map_err(|error| {
            let (BodyError::Syntax(reason) | BodyError::Shape(reason)) = error;
            FrameError::NotJson(reason)
        })?;
        let Value::Object(mut fields) = value else { return Err(FrameError::NoType) };
        let Some(Value::String(kind)) = fields.remove("type") else { return Err(FrameError::NoType) };
        let fields = Value::Object(fields);
        let frame = match kind.as_str() {
            "auth" => read("auth", fields).map(Self::Auth),
            "refresh" => read("refresh", fields).map(Self::Refresh),
            "message" => read("message", fields).map(Self::Message),
            "review" => read("review", fields).map(Self::Review),
            "resume" => read("resume", fields).map(Self::Resume),
            "ping" => read("ping", fields).map(Self::Ping),
            other => Err(FrameError::UnknownType { found: other.chars().take(40).collect() }),
        }?;
        frame.check_ids()?;
        Ok(frame)
    }

    /// The client's own id of what the frame asks for; errors about the frame repeat it.
    pub fn message_id(&self) -> Option<&str> {
        match self {
            Self::Message(message) => Some(&message.id),
            Self::Review(review) => Some(&review.id),
            _ => None,
        }
    }

    /// Refuses ids that cannot exist, before they are looked up.
    fn check_ids(&self) -> Result<(), FrameError> {
        let fits = |frame, field: &str, id: &str, least, most, message_id: Option<&String>| match id.len() {
            length if (least..=most).contains(&length) => Ok(()),
            length => Err(FrameError::Field {
                frame,
                field: field.to_owned(),
                problem: format!("has to be {least} to {most} bytes, not {length}"),
                message_id: message_id.filter(|id| id.len() <= LONGEST_MESSAGE).cloned(),
            }),
        };
        match self {
            Self::Auth(_) | Self::Refresh(_) => Ok(()),
            Self::Message(MessageFrame { id, business_id, location_id, .. }) => {
                fits("message", "businessId", business_id, 1, LONGEST_BUSINESS, Some(id))?;
                let mut location = location_id.iter();
                location.try_for_each(|place| fits("message", "locationId", place, 1, LONGEST_LOCATION, Some(id)))
            }
            Self::Review(ReviewFrame { id, business_id, decision_id, .. }) => {
                fits("review", "businessId", business_id, 1, LONGEST_BUSINESS, Some(id))?;
                fits("review", "decisionId", decision_id, 1, LONGEST_DECISION, Some(id))
            }
            Self::Resume(ResumeFrame { business_id, .. }) => {
                fits("resume", "businessId", business_id, 1, LONGEST_BUSINESS, None)
            }
            Self::Ping(PingFrame { id }) => id.iter().try_for_each(|id| fits("ping", "id", id, 0, LONGEST_PING, None)),
        }
    }
}

fn read<T: DeserializeOwned>(frame: &'static str, fields: Value) -> Result<T, FrameError> {
    // Only frames that are acknowledged are named in their errors, and only by a valid id.
    let named = matches!(frame, "message" | "review");
    let message_id = fields.get("id").and_then(Value::as_str).filter(|id| named && id.len() <= LONGEST_MESSAGE);
    let message_id = message_id.map(str::to_owned);
    // The derived deserialiser would also accept a list of the fields.
    if strict_json::not_an_object(&fields, &["/content"]).is_some() {
        let (field, problem) = ("content".to_owned(), "has to be an object".to_owned());
        return Err(FrameError::Field { frame, field, problem, message_id });
    }
    serde_path_to_error::deserialize(fields).map_err(|error| {
        let problem = error.inner().to_string();
        let field = place(&error.path().to_string(), &problem);
        let (field, problem) = (excerpt(&field, LONGEST_PLACE), excerpt(&problem, LONGEST_PROBLEM));
        FrameError::Field { frame, field: field.into_owned(), problem: problem.into_owned(), message_id }
    })
}

/// The path to the field that is wrong. Serde reports a missing field at the object that lacks it, and names the field
/// only in its message.
fn place(path: &str, problem: &str) -> String {
    let missing = problem.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match (missing, path) {
        (Some(field), ".") => field.to_owned(),
        (Some(field), path) => format!("{path}.{field}"),
        (None, path) => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use signalbox_model::ReviewChoice;

    use super::*;

    #[test]
    fn a_number_means_the_same_when_it_is_written_and_read_again() {
        let number = "18446744073709551614444444444444444444443709551616";
        let text = format!(
            r#"{{"type":"message","id":"m","businessId":"b","content":{{"data":{{"a":{number},"b":1e-40,"c":0.1}}}}}}"#
        );
        let frame = ClientFrame::parse(&text).unwrap();
        let written = serde_json::to_string(&frame).unwrap();
        assert_eq!(ClientFrame::parse(&written), Ok(frame), "{written}");
    }

    #[test]
    fn every_frame_a_client_writes_is_read_again() {
        let content = Content { text: Some("o masă".to_owned()), ..Content::default() };
        let frames = [
            ClientFrame::Auth(AuthFrame { token: "t".to_owned() }),
            ClientFrame::Refresh(AuthFrame { token: "t".to_owned() }),
            ClientFrame::Message(MessageFrame {
                id: "m1".to_owned(),
                business_id: "b".to_owned(),
                location_id: None,
                content,
                progress: Some(false),
            }),
            ClientFrame::Review(ReviewFrame {
                id: "r1".to_owned(),
                business_id: "b".to_owned(),
                decision_id: "dec_1".to_owned(),
                verdict: ReviewChoice::Approve,
                note: Some("fine".to_owned()),
                actions: None,
            }),
            ClientFrame::Resume(ResumeFrame { business_id: "b".to_owned(), cursor: Some("c".to_owned()) }),
            ClientFrame::Ping(PingFrame::default()),
        ];
        for frame in frames {
            assert_eq!(ClientFrame::parse(&serde_json::to_string(&frame).unwrap()).unwrap(), frame);
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_with_its_place() {
        let cases = [
            ("{", "not_json", "column 1"),
            (r#"{"type":"ping","id":"a","id":"b"}"#, "not_json", "key `id` stands there twice"),
            (r#"{"type":"message","id":"m","businessId":"b","content":["hi"]}"#, "invalid_field", "`content`"),
            ("", "not_json", "EOF"),
            ("[1]", "no_frame_type", "message"),
            (r#"{"id":"m"}"#, "no_frame_type", "message"),
            (r#"{"type":7}"#, "no_frame_type", "message"),
            (r#"{"type":"welcome"}"#, "unknown_frame_type", "`welcome`"),
            (r#"{"type":"ping","extra":1}"#, "invalid_field", "`extra`"),
            (r#"{"type":"auth"}"#, "invalid_field", "token"),
            (r#"{"type":"message","id":"m","businessId":"b","content":{"txt":"x"}}"#, "invalid_field", "content.txt"),
            (r#"{"type":"message","id":"m","businessId":"b","content":{"text":5}}"#, "invalid_field", "content.text"),
            (r#"{"type":"message","id":"m","businessId":"b","content":"x"}"#, "invalid_field", "`content`"),
            (
                r#"{"type":"review","id":"r","businessId":"b","decisionId":"d","verdict":"expire"}"#,
                "invalid_field",
                "verdict",
            ),
            (r#"{"type":"message","id":7,"businessId":"b","content":{}}"#, "invalid_field", "`id`"),
        ];
        for (text, code, place) in cases {
            let error = ClientFrame::parse(text).unwrap_err();
            assert_eq!(error.code(), code, "{text}");
            assert!(error.to_string().contains(place), "{text}: {error}");
        }
    }

    #[test]
    fn an_id_that_nothing_can_have_is_the_clients_mistake_and_is_named_by_its_field() {
        let long = "x".repeat(60_000);
        for id in ["", &long] {
            let review = |business: &str, decision: &str| {
                format!(
                    r#"{{"type":"review","id":"r","businessId":"{business}","decisionId":"{decision}","verdict":"approve"}}"#
                )
            };
            let message = |business: &str, location: &str| {
                format!(
                    r#"{{"type":"message","id":"r","businessId":"{business}","locationId":"{location}","content":{{}}}}"#
                )
            };
            let resume = format!(r#"{{"type":"resume","businessId":"{id}"}}"#);
            for (text, place, named) in [
                (review("b", id), "decisionId", Some("r")),
                (review(id, "d"), "businessId", Some("r")),
                (message(id, "l"), "businessId", Some("r")),
                (message("b", id), "locationId", Some("r")),
                (resume, "businessId", None),
            ] {
                let error = ClientFrame::parse(&text).unwrap_err();
                let said = error.to_string();
                let FrameError::Field { field, message_id, .. } = error else { panic!("{said}") };
                assert_eq!((&*field, message_id.as_deref()), (place, named));
                assert!(said.len() < 200, "{} bytes", said.len());
            }
        }
        assert!(ClientFrame::parse(&format!(r#"{{"type":"ping","id":"{long}"}}"#)).is_err());
        assert!(ClientFrame::parse(r#"{"type":"ping","id":""}"#).is_ok());
    }

    #[test]
    fn a_long_name_is_not_repeated_to_who_sent_it() {
        let name = "\\n".repeat(30_000);
        let text = format!(r#"{{"type":"review","id":"r","{name}":[]}}"#);
        let said = ClientFrame::parse(&text).unwrap_err().to_string();
        assert!(said.chars().count() < 700, "{} characters", said.chars().count());
        assert!(said.contains("unknown field `") && said.contains("…") && said.ends_with("`actions`"), "{said}");
    }

    #[test]
    fn a_missing_field_is_named_by_its_own_path() {
        for (text, missing) in [
            (r#"{"type":"message","businessId":"b","content":{"text":"x"}}"#, "id"),
            (r#"{"type":"message","id":"m","content":{"text":"x"}}"#, "businessId"),
        ] {
            let error = ClientFrame::parse(text).unwrap_err();
            assert!(matches!(&error, FrameError::Field { field, .. } if field == missing), "{error}");
        }
    }

    #[test]
    fn a_refused_message_is_named_so_that_the_client_finds_it() {
        let error = ClientFrame::parse(r#"{"type":"message","id":"m7","nope":1}"#).unwrap_err();
        assert!(matches!(error, FrameError::Field { message_id: Some(id), .. } if id == "m7"));
    }

    #[test]
    fn a_token_is_never_printed() {
        let frame = ClientFrame::Auth(AuthFrame { token: "very-secret".to_owned() });
        assert!(!format!("{frame:?}").contains("secret"));
    }

    #[test]
    fn a_deeply_nested_frame_is_refused_and_not_recursed_into() {
        let text = format!(r#"{{"type":"message","content":{}1{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(ClientFrame::parse(&text).unwrap_err().code(), "not_json");
    }
}
