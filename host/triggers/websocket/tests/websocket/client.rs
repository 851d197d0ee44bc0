use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue, Request};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long a test waits for a frame; far longer than any takes, so that only a missing frame fails.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A coordinator's client, as simple as possible.
pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// How a connection ended.
#[derive(Debug, PartialEq)]
pub struct Closed {
    pub code: u16,
    pub advice: Value,
}

impl Client {
    /// Connects, asking for `signalbox.v1` unless the headers ask for something else.
    pub async fn open(address: SocketAddr, headers: &[(&str, &str)]) -> Result<Self, Error> {
        Self::open_at(address, "/ws", headers).await
    }

    pub async fn open_at(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, Error> {
        let mut request: Request<()> = format!("ws://{address}{path}").into_client_request()?;
        let protocol = HeaderName::from_static("sec-websocket-protocol");
        request.headers_mut().insert(protocol, HeaderValue::from_static("signalbox.v1"));
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        let (socket, response) =
            tokio::time::timeout(TEST_TIMEOUT, connect_async(request)).await.expect("no answer")?;
        let chosen = response.headers().get("sec-websocket-protocol").unwrap();
        assert_eq!(chosen, "signalbox.v1", "only the protocol is echoed, never the token");
        Ok(Self { socket })
    }

    pub async fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends a message to trattoria.
    pub async fn send_message(&mut self, id: &str, text: &str) {
        self.send(json!({"type": "message", "id": id, "businessId": "trattoria", "content": {"text": text}})).await;
    }

    /// The next frame of any type.
    pub async fn next(&mut self) -> Value {
        match self.receive().await {
            Ok(frame) => frame,
            Err(closed) => panic!("closed: {closed:?}"),
        }
    }

    /// The next frame that is no progress; it must have this type.
    pub async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
            assert_eq!(frame["type"], "progress", "expected {kind}, got {frame}");
        }
    }

    /// The next response, past acknowledgements: on a busy machine there may be two of them.
    pub async fn expect_answer(&mut self) -> Value {
        loop {
            let frame = self.expect_either("ack", "response").await;
            if frame["type"] == "response" {
                return frame;
            }
        }
    }

    /// The next frame of this type, past answers and progress.
    pub async fn expect_past_answers(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
            assert!(frame["type"] == "progress" || frame["type"] == "response", "expected {kind}, got {frame}");
        }
    }

    /// The next frame that is no progress; it has to be of one of these types.
    pub async fn expect_either(&mut self, one: &str, other: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == one || frame["type"] == other {
                return frame;
            }
            assert_eq!(frame["type"], "progress", "expected {one} or {other}, got {frame}");
        }
    }

    /// The next error frame, which must have this code.
    pub async fn expect_error(&mut self, code: &str) -> Value {
        let frame = self.expect("error").await;
        assert_eq!(frame["details"]["code"], code, "{frame}");
        assert!(frame["correlationId"].is_string(), "every error can be found in the log: {frame}");
        frame
    }

    /// Reads until the close, past all other frames.
    pub async fn expect_close(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.receive().await {
                return closed.expect("the connection broke off without a close");
            }
        }
    }

    async fn receive(&mut self) -> Result<Value, Option<Closed>> {
        loop {
            let received = tokio::time::timeout(TEST_TIMEOUT, self.socket.next()).await.expect("nothing came");
            match received {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(close)))) => {
                    let advice = serde_json::from_str(&close.reason).expect("the reason is JSON");
                    return Err(Some(Closed { code: close.code.into(), advice }));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(_)) | None => return Err(None),
            }
        }
    }
}
