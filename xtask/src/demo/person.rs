use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tungstenite::client::{IntoClientRequest, client};
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

/// How long to wait for one frame; far longer than anything in the stories takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// A person's WebSocket connection, as any client would make it.
pub struct Person {
    pub name: &'static str,
    socket: WebSocket<TcpStream>,
}

/// The answer to one message.
#[derive(Debug, Default)]
pub struct Answer {
    pub decision_id: String,
    pub text: String,
    pub time: Duration,
}

impl Person {
    pub fn connect(name: &'static str, url: &str, token: &str) -> Result<Self> {
        let mut request = url.into_client_request().with_context(|| format!("`{url}` is no address"))?;
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static("signalbox.v1"));
        headers.insert("Authorization", HeaderValue::from_str(&format!("Bearer {token}"))?);
        let address = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let stream = TcpStream::connect(&address).with_context(|| format!("{address} cannot be reached"))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        let (socket, _) = client(request, stream).context("the host refused the WebSocket connection")?;
        let mut person = Self { name, socket };
        person.hear("welcome", |_| true)?;
        Ok(person)
    }

    /// Sends one message, and waits until it is acknowledged and answered.
    pub fn say(&mut self, id: &str, business: &str, text: &str) -> Result<Answer> {
        let sent = Instant::now();
        self.send(&json!({"type": "message", "id": id, "businessId": business, "content": {"text": text}}))?;
        let mine = |frame: &Value| text_at(frame, "/messageId") == id;
        self.hear("ack", mine)?;
        let frame = self.hear("response", mine)?;
        let (decision_id, text) = (text_at(&frame, "/decisionId"), text_at(&frame, "/content/text"));
        Ok(Answer { decision_id: decision_id.to_owned(), text: text.to_owned(), time: sent.elapsed() })
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: &Value) -> Result<()> {
        self.socket.send(Message::text(frame.to_string())).context("the connection is gone")
    }

    /// The next frame of a type that fits; others are skipped, but an error is an error.
    pub fn hear(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        loop {
            let frame = self.receive().with_context(|| format!("while waiting for a frame `{kind}`"))?;
            match text_at(&frame, "/type") {
                found if found == kind && fits(&frame) => return Ok(frame),
                "error" => bail!("the host answered {} with an error: {frame}", self.name),
                _ => {}
            }
        }
    }

    fn receive(&mut self) -> Result<Value> {
        loop {
            let message =
                self.socket.read().with_context(|| format!("nothing came within {} s", DEADLINE.as_secs()))?;
            match message {
                Message::Text(text) => {
                    return serde_json::from_str(&text).with_context(|| format!("`{text}` is no JSON"));
                }
                Message::Close(frame) => bail!("the host closed the connection: {frame:?}"),
                _ => {}
            }
        }
    }
}

/// The text at a place of a JSON value; empty when there is none.
pub fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
