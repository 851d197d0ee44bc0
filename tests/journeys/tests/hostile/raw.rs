//! A socket for raw bytes, valid or not.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use signalbox_tests_support::DEADLINE;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// The kinds of WebSocket frames.
pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The last frame of a message.
pub const FIN: u8 = 0x80;
/// What `permessage-deflate` sets on a compressed message.
pub const COMPRESSED: u8 = 0x40;

/// A connection.
pub struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer in HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Raw {
    pub async fn connect(address: &str) -> Result<Self> {
        let connecting = timeout(DEADLINE, TcpStream::connect(address)).await;
        let stream = connecting.context("the host accepts nothing")?.context("no connection")?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Connects from another address of this machine.
    pub async fn connect_from(source: &str, address: &str) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source.parse()?, 0))?;
        let stream =
            timeout(DEADLINE, socket.connect(address.parse()?)).await.context("the host accepts nothing")??;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Connects with small receive buffers.
    pub async fn connect_narrow(address: &str) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        let stream =
            timeout(DEADLINE, socket.connect(address.parse()?)).await.context("the host accepts nothing")??;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Sends bytes; false when the host takes no more.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<bool> {
        match timeout(DEADLINE, self.stream.write_all(bytes)).await {
            Ok(sent) => Ok(sent.is_ok()),
            Err(_) => bail!("the host neither reads nor closes"),
        }
    }

    /// Ends the sending side.
    pub async fn finish(&mut self) -> Result<()> {
        self.stream.shutdown().await.context("the connection is gone")
    }

    /// Waits until the host has closed the connection; bytes before that are discarded.
    pub async fn closed(&mut self) -> Result<()> {
        let mut waste = [0; 4096];
        let reading = async { while matches!(self.stream.read(&mut waste).await, Ok(1..)) {} };
        timeout(DEADLINE, reading).await.context("the host does not close the connection")
    }

    /// Whether the host has closed the connection by now; discards the bytes that have arrived.
    pub fn is_closed(&mut self) -> bool {
        let mut waste = [0; 4096];
        loop {
            match self.stream.try_read(&mut waste) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
            }
        }
    }

    /// The next answer; none when the host has closed the connection instead.
    pub async fn answer(&mut self) -> Result<Option<Answer>> {
        let Some(end) = self.read_until(|read| find(read, b"\r\n\r\n")).await? else { return Ok(None) };
        let head = String::from_utf8_lossy(&self.take(end + 4)).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let lower = head.to_ascii_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        let length = length.unwrap_or_default();
        self.read_until(|read| (read.len() >= length).then_some(())).await?.context("the answer ends early")?;
        let body = self.take(length);
        Ok(Some(Answer { status: status.with_context(|| format!("no HTTP: {head}"))?, head, body }))
    }

    /// Asks for a WebSocket, with more headers if there are any, and reads the answer.
    pub async fn upgrade(&mut self, token: Option<&str>, headers: &str) -> Result<Answer> {
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: signalbox\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: signalbox.v1\r\n{token}{headers}\r\n"
        );
        self.send(request.as_bytes()).await?;
        self.answer().await?.context("the host closed the connection instead of answering")
    }

    /// A WebSocket that has received its welcome.
    pub async fn welcome(address: &str, token: &str) -> Result<Self> {
        let mut raw = Self::connect(address).await?;
        let answer = raw.upgrade(Some(token), "").await?;
        ensure!(answer.status == 101, "{answer:?}");
        let (kind, welcome) = raw.frame().await?.context("the host closed the connection")?;
        ensure!(kind == TEXT && String::from_utf8_lossy(&welcome).contains("\"welcome\""), "no welcome came");
        Ok(raw)
    }

    /// A frame as a client sends it, with a mask of zeros.
    pub fn masked(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind];
        match payload.len() {
            length @ ..=125 => frame.push(0x80 | length as u8),
            length @ ..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend_from_slice(payload);
        frame
    }

    /// Sends a frame; false when the host takes no more.
    pub async fn send_frame(&mut self, kind: u8, payload: &[u8]) -> Result<bool> {
        self.send(&Self::masked(kind, payload)).await
    }

    /// The next frame's kind and payload; none when the host has closed the connection.
    pub async fn frame(&mut self) -> Result<Option<(u8, Vec<u8>)>> {
        let head = |read: &[u8]| {
            let (kind, length) = (*read.first()?, *read.get(1)?);
            let (at, length) = match length {
                126 => (4, usize::from(u16::from_be_bytes(read.get(2..4)?.try_into().ok()?))),
                127 => (10, usize::try_from(u64::from_be_bytes(read.get(2..10)?.try_into().ok()?)).ok()?),
                length => (2, usize::from(length)),
            };
            (read.len() >= at + length).then_some((kind & 0x0f, at, length))
        };
        let Some((kind, at, length)) = self.read_until(head).await? else { return Ok(None) };
        self.take(at);
        Ok(Some((kind, self.take(length))))
    }

    /// The code of the host's close; other frames are skipped, and 1006 stands for an end without a close.
    pub async fn close_code(&mut self) -> Result<u16> {
        while let Some((kind, payload)) = self.frame().await? {
            if kind == CLOSE {
                let code = payload.first_chunk().context("a close without a code")?;
                return Ok(u16::from_be_bytes(*code));
            }
        }
        Ok(1006)
    }

    async fn read_until<T>(&mut self, found: impl Fn(&[u8]) -> Option<T>) -> Result<Option<T>> {
        loop {
            if let Some(found) = found(&self.read) {
                return Ok(Some(found));
            }
            let mut piece = [0; 4096];
            let reading = timeout(DEADLINE, self.stream.read(&mut piece)).await;
            match reading.context("the host neither answers nor closes")? {
                Ok(0) | Err(_) => return Ok(None),
                Ok(count) => self.read.extend(piece.iter().take(count)),
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.read.drain(..count).collect()
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
