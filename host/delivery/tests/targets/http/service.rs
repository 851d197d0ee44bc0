//! A service on the loopback interface that answers as it is told, byte for byte, and keeps what it was sent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// How the service treats a connection.
#[derive(Clone)]
pub enum Behaviour {
    /// Reads the request, sends these bytes and closes.
    Answers(Vec<u8>),
    /// Reads the request, sends these bytes and waits for the client to close.
    Hangs(Vec<u8>),
    /// Closes when the request has come, without reading it, which resets the connection.
    Resets,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub line: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A running service.
pub struct Service {
    pub port: u16,
    state: Arc<State>,
}

struct State {
    /// The last one stays.
    behaviours: Mutex<Vec<Behaviour>>,
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    closed_by_client: Notify,
}

impl Service {
    /// Treats the first connection as the first behaviour says, and so on; the last one is for all connections beyond.
    pub async fn start(behaviours: &[Behaviour]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            behaviours: Mutex::new(behaviours.to_vec()),
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            closed_by_client: Notify::new(),
        });
        let serving = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        Self { port, state }
    }

    /// Answers every request with a status and a body.
    pub async fn answering(status: &str, headers: &str, body: &str) -> Self {
        Self::start(&[answer(status, headers, body)]).await
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Waits until a client has closed a connection that hangs.
    pub async fn closed_by_client(&self) {
        self.state.closed_by_client.notified().await;
    }
}

impl State {
    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let behaviour = {
            let mut behaviours = self.behaviours.lock().unwrap();
            if behaviours.len() > 1 { behaviours.remove(0) } else { behaviours[0].clone() }
        };
        match behaviour {
            Behaviour::Resets => drop(stream.peek(&mut [0]).await),
            Behaviour::Answers(bytes) => {
                self.read(&mut stream).await;
                stream.write_all(&bytes).await.unwrap();
                stream.shutdown().await.unwrap();
                // A socket that is closed before the client's end would reset the connection.
                while stream.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
            }
            Behaviour::Hangs(bytes) => {
                self.read(&mut stream).await;
                stream.write_all(&bytes).await.unwrap();
                while stream.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
                self.closed_by_client.notify_one();
            }
        }
    }

    async fn read(&self, stream: &mut TcpStream) {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                return;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let (line, rest) = head.split_once("\r\n").unwrap();
        let headers: HeaderMap = rest
            .lines()
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
            .collect();
        let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
        let mut body = bytes[end + 4..].to_vec();
        let came = body.len();
        body.resize(length, 0);
        stream.read_exact(&mut body[came..]).await.unwrap();
        self.received.lock().unwrap().push(Received { line: line.to_owned(), headers, body });
    }
}

/// An answer that closes its connection. `headers` are whole lines, each with its line break.
pub fn answer(status: &str, headers: &str, body: &str) -> Behaviour {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
    Behaviour::Answers(text.into_bytes())
}
