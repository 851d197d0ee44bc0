use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tungstenite::client::{IntoClientRequest, client};
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

/// For one frame; far more than any message of the story takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// A coordinator's connection, as any client would make it.
pub struct Coordinator {
    socket: WebSocket<TcpStream>,
}

/// What came back for one message.
#[derive(Debug, Default)]
pub struct Answer {
    pub decision_id: String,
    /// Nodes in the order in which they started, with the step each ran in.
    pub path: Vec<(u64, String)>,
    pub text: String,
    pub code: String,
    pub kind: String,
    pub confidence: f64,
    pub review: bool,
    pub time: Duration,
}

impl Coordinator {
    pub fn connect(url: &str, token: &str) -> Result<Self> {
        let mut request = url.into_client_request().with_context(|| format!("`{url}` is no address"))?;
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static("signalbox.v1"));
        headers.insert("Authorization", HeaderValue::from_str(&format!("Bearer {token}"))?);
        let address = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let stream = TcpStream::connect(&address).with_context(|| format!("{address} cannot be reached"))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        let (socket, _) = client(request, stream).context("the host refused the WebSocket connection")?;
        let mut coordinator = Self { socket };
        let first = coordinator.receive()?;
        if kind(&first) != "welcome" {
            bail!("the host said `{first}` instead of welcome");
        }
        Ok(coordinator)
    }

    /// Says one thing, and waits until it is acknowledged and answered.
    pub fn say(&mut self, id: &str, business: &str, text: &str) -> Result<Answer> {
        let frame = json!({"type": "message", "id": id, "businessId": business, "content": {"text": text}});
        let sent = Instant::now();
        self.socket.send(Message::text(frame.to_string())).context("the connection is gone")?;
        let mut answer = Answer::default();
        let (mut acknowledged, mut answered) = (false, false);
        while !(acknowledged && answered) {
            let frame = self.receive()?;
            if kind(&frame) == "error" {
                bail!("the host answered with an error: {frame}");
            }
            if frame.get("messageId").and_then(Value::as_str) != Some(id) {
                continue;
            }
            match kind(&frame) {
                "ack" => acknowledged = true,
                "progress" if text_at(&frame, "/phase") == "started" => {
                    let step = frame.get("step").and_then(Value::as_u64).unwrap_or_default();
                    answer.path.push((step, text_at(&frame, "/node")));
                }
                "response" => {
                    answer.time = sent.elapsed();
                    answer.read(&frame);
                    answered = true;
                }
                _ => {}
            }
        }
        Ok(answer)
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

impl Answer {
    fn read(&mut self, frame: &Value) {
        self.decision_id = text_at(frame, "/decisionId");
        self.text = text_at(frame, "/content/text");
        self.code = text_at(frame, "/decision/code");
        self.kind = text_at(frame, "/decision/type");
        self.confidence = frame.pointer("/decision/confidence").and_then(Value::as_f64).unwrap_or_default();
        self.review = frame.pointer("/decision/requiresHumanReview").and_then(Value::as_bool).unwrap_or_default();
    }
}

fn kind(frame: &Value) -> &str {
    frame.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn text_at(frame: &Value, pointer: &str) -> String {
    frame.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
