use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::DEADLINE;

static NEXT_MESSAGE: AtomicU64 = AtomicU64::new(1);

/// A WebSocket connection to a host.
#[derive(Debug)]
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The close code; 1006 when the connection broke without one.
    pub code: u16,
    /// The reason, which says what to do.
    pub reason: String,
}

impl Client {
    /// Connects with a bearer header, and waits for the welcome.
    pub async fn connect(url: &str, token: &str) -> Result<Self> {
        let mut client = Self::connect_with(url, &[("authorization", &format!("Bearer {token}"))]).await?;
        client.expect("welcome").await?;
        Ok(client)
    }

    /// Connects with the protocol's name and these headers, without waiting for a frame.
    pub async fn connect_with(url: &str, headers: &[(&'static str, &str)]) -> Result<Self> {
        let mut request = url.into_client_request().with_context(|| format!("`{url}` is no address"))?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("signalbox.v1"));
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value)?);
        }
        let connected = timeout(DEADLINE, connect_async(request)).await.context("the host does not answer")?;
        let (socket, _) = connected.context("the host refused the connection")?;
        Ok(Self { socket })
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &Value) -> Result<()> {
        self.send_raw(Message::text(frame.to_string())).await
    }

    /// Sends any WebSocket message.
    pub async fn send_raw(&mut self, message: Message) -> Result<()> {
        timeout(DEADLINE, self.socket.send(message))
            .await
            .context("the host takes nothing")?
            .context("the host is gone")
    }

    /// Sends a text under a new id, and returns the id.
    pub async fn say(&mut self, business: &str, text: &str) -> Result<String> {
        let id = format!("test-{}", NEXT_MESSAGE.fetch_add(1, Ordering::Relaxed));
        self.say_as(&id, business, text).await?;
        Ok(id)
    }

    /// Sends a text under an id.
    pub async fn say_as(&mut self, id: &str, business: &str, text: &str) -> Result<()> {
        self.send(&json!({"type": "message", "id": id, "businessId": business, "content": {"text": text}})).await
    }

    /// Sends a text and waits for its answer; an error frame is an error.
    pub async fn ask(&mut self, business: &str, text: &str) -> Result<Value> {
        let id = self.say(business, text).await?;
        self.expect_for("response", &id).await
    }

    /// The next frame of any type.
    pub async fn next(&mut self) -> Result<Value> {
        match self.receive().await? {
            Ok(frame) => Ok(frame),
            Err(closed) => bail!("the host closed the connection: {closed:?}"),
        }
    }

    /// The next frame, or how the connection ended.
    pub async fn next_or_closed(&mut self) -> Result<Result<Value, Closed>> {
        self.receive().await
    }

    /// The next frame of a type; frames of other types are skipped, but an unexpected error is an error.
    pub async fn expect(&mut self, kind: &str) -> Result<Value> {
        self.find(kind, |_| true).await
    }

    /// The next frame of a type about a message.
    pub async fn expect_for(&mut self, kind: &str, message_id: &str) -> Result<Value> {
        self.find(kind, |frame| frame.get("messageId").and_then(Value::as_str) == Some(message_id)).await
    }

    /// The next error, whose `details.code` must be this.
    pub async fn expect_error(&mut self, code: &str) -> Result<Value> {
        let frame = self.expect("error").await?;
        let found = frame.pointer("/details/code").and_then(Value::as_str);
        if found != Some(code) {
            bail!("the error is not `{code}`: {frame}");
        }
        Ok(frame)
    }

    /// Waits until the host closes the connection; frames before that are skipped.
    pub async fn closed(&mut self) -> Result<Closed> {
        loop {
            if let Err(closed) = self.receive().await? {
                return Ok(closed);
            }
        }
    }

    /// Closes the connection and waits for the host's close.
    pub async fn close(mut self) -> Result<()> {
        timeout(DEADLINE, self.socket.close(None)).await.context("the host takes no close")??;
        self.closed().await.map(drop)
    }

    async fn find(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        loop {
            let frame = self.next().await.with_context(|| format!("while waiting for a frame `{kind}`"))?;
            match frame.get("type").and_then(Value::as_str) {
                Some(found) if found == kind && fits(&frame) => return Ok(frame),
                Some("error") => bail!("instead of a frame `{kind}` came {frame}"),
                _ => {}
            }
        }
    }

    async fn receive(&mut self) -> Result<Result<Value, Closed>> {
        loop {
            let message = timeout(DEADLINE, self.socket.next()).await.context("no frame came")?;
            match message {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map(Ok).with_context(|| format!("`{text}` is no JSON"));
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Ok(Err(Closed { code: frame.code.into(), reason: frame.reason.to_string() }));
                }
                Some(Ok(Message::Close(None))) => {
                    return Ok(Err(Closed { code: CloseCode::Status.into(), reason: String::new() }));
                }
                Some(Ok(_)) => {}
                None
                | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) | Error::Protocol(_))) => {
                    return Ok(Err(Closed { code: CloseCode::Abnormal.into(), reason: String::new() }));
                }
                Some(Err(error)) => return Err(error).context("the connection broke"),
            }
        }
    }
}
