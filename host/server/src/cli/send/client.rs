use std::process::ExitCode;

use anyhow::{Context as _, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use signalbox_model::Content;
use signalbox_sessions::{ClientFrame, MessageFrame, ServerFrame};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error as WireError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::story::Story;

/// A coordinator's connection.
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The businesses that the token names.
    pub businesses: Vec<String>,
    message_id: String,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendResult {
    /// With an answer.
    Answered,
    /// With an error.
    Refused,
}

impl Client {
    /// Connects and waits for the welcome.
    pub async fn connect(url: &Url, token: &str, story: &mut Story) -> anyhow::Result<Self> {
        let mut request = url.as_str().into_client_request().with_context(|| format!("connecting to {url}"))?;
        let bearer = format!("Bearer {}", token);
        let bearer = HeaderValue::from_str(&bearer).context("the token has characters that no token has")?;
        request.headers_mut().insert("authorization", bearer);
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("signalbox.v1"));
        let socket = match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => socket,
            Err(WireError::Http(response)) => {
                let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                bail!("{url} refused the connection: {} {}", response.status(), super::output::printable(&body))
            }
            Err(error) => return Err(error).with_context(|| format!("connecting to {url}; is the host running?")),
        };
        let mut client = Self { socket, businesses: Vec::new(), message_id: String::new() };
        match client.next(story).await? {
            ServerFrame::Welcome { businesses, .. } => client.businesses = businesses,
            ServerFrame::Error(error) => bail!("{}", super::output::printable(&error.message)),
            _ => bail!("{url} does not speak signalbox.v1"),
        }
        Ok(client)
    }

    /// Sends one message.
    pub async fn send(
        &mut self,
        business_id: &str,
        location_id: Option<&str>,
        text: &str,
        id: Option<&str>,
    ) -> anyhow::Result<()> {
        let new_id = || signalbox_model::correlation_id().replace("cor_", "cli_");
        self.message_id = id.map_or_else(new_id, str::to_owned);
        let frame = ClientFrame::Message(MessageFrame {
            id: self.message_id.clone(),
            business_id: business_id.to_owned(),
            location_id: location_id.map(str::to_owned),
            content: Content { text: Some(text.to_owned()), ..Content::default() },
            progress: None,
        });
        self.socket.send(Message::text(serde_json::to_string(&frame)?)).await.context("sending the message")
    }

    /// Shows every frame until the message is answered.
    pub async fn until_answered(&mut self, story: &mut Story) -> anyhow::Result<SendResult> {
        let (mut answers, mut expected) = (0, None);
        while expected.is_none_or(|expected| answers < expected) {
            match self.next(story).await? {
                ServerFrame::Ack { message_id, answers: Some(count), .. } if message_id == self.message_id => {
                    expected = Some(count);
                }
                ServerFrame::Response { message_id: Some(id), .. } if id == self.message_id => answers += 1,
                ServerFrame::Error(error) => {
                    let about = error.details.as_ref().and_then(|details| details.get("messageId"));
                    // An error that names no message can only be about the message that is under way.
                    if about.is_none_or(|id| *id == self.message_id.as_str()) {
                        return Ok(SendResult::Refused);
                    }
                }
                _ => {}
            }
        }
        Ok(SendResult::Answered)
    }

    /// Shows frames that arrive without a request, until the host closes.
    pub async fn listen(&mut self, story: &mut Story) -> anyhow::Result<ExitCode> {
        loop {
            self.next(story).await?;
        }
    }

    /// Closes the connection.
    pub async fn leave(mut self) {
        // A close that fails, because the host has closed first, makes no difference.
        let _ = self.socket.close(None).await;
    }

    async fn next(&mut self, story: &mut Story) -> anyhow::Result<ServerFrame> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text)
                        .with_context(|| format!("a frame that signalbox.v1 does not know: {}", text.as_str()))?;
                    story.tell(&frame, text.as_str())?;
                    return Ok(frame);
                }
                Some(Ok(Message::Close(Some(close)))) => {
                    bail!("the host closed the connection: {} {}", close.code, super::output::printable(&close.reason))
                }
                Some(Ok(Message::Close(None))) | None => bail!("the host closed the connection"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("the connection broke"),
            }
        }
    }
}
