//! Request smuggling: requests that a proxy and the host could read differently, byte by byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use axum::routing::post;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{HttpConfig, serve_http};
use axum::Router;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A server whose only handler counts the requests that reach it.
struct Server {
    address: std::net::SocketAddr,
    handled: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let handled = Arc::new(AtomicUsize::new(0));
        let counter = handled.clone();
        let take = move |body: Bytes| async move {
            counter.fetch_add(1, Ordering::SeqCst);
            format!("{} bytes", body.len())
        };
        tokio::spawn(serve_http(HttpConfig::default(), listener, Router::new().route("/", post(take)), stop.clone()));
        Self { address, handled, stop }
    }

    /// Sends the bytes; returns the responses, in lower case, until the connection ends.
    async fn send(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut responses = Vec::new();
        let reading = stream.read_to_end(&mut responses);
        // A connection that is closed with unread bytes is reset; the responses that were read before are kept.
        let _ = tokio::time::timeout(Duration::from_secs(30), reading).await.expect("the connection stays open");
        String::from_utf8_lossy(&responses).to_ascii_lowercase()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A smuggled request, which must never be handled.
const SMUGGLED: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn an_ambiguous_request_is_refused_and_its_connection_closed() {
    let server = Server::start().await;
    let chunks = format!("0\r\n\r\n{SMUGGLED}");
    let long_extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(64 * 1024));
    let cases = [
        ("HTTP/1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked", chunks.as_str()),
        ("HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5", &chunks),
        ("HTTP/1.1", "transfer-encoding: CHUNKED\r\nX: y\r\ncontent-length: 0", &chunks),
        ("HTTP/1.1", "Content-Length: 5\r\nContent-Length: 0", &chunks),
        ("HTTP/1.1", "Content-Length: 5, 5", &chunks),
        ("HTTP/1.1", "Content-Length: +5", &chunks),
        ("HTTP/1.1", "Transfer-Encoding: identity", &chunks),
        ("HTTP/1.1", "Transfer-Encoding: identity, chunked", &chunks),
        ("HTTP/1.1", "Transfer-Encoding: chunked, identity", &chunks),
        ("HTTP/1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", &chunks),
        ("HTTP/1.1", "Transfer-Encoding: xchunked", &chunks),
        ("HTTP/1.1", "Transfer-Encoding: \u{b}chunked", &chunks),
        ("HTTP/1.1", "Transfer-Encoding:\r\n chunked", &chunks),
        ("HTTP/1.1", "Transfer-Encoding : chunked", &chunks),
        ("HTTP/1.1", "Content-Length : 5", &chunks),
        ("HTTP/1.1", "X: a\r\n b\r\nContent-Length: 5", &chunks),
        ("HTTP/1.1", "X: a\rContent-Length: 5", &chunks),
        ("HTTP/1.0", "Transfer-Encoding: chunked", &chunks),
        ("HTTP/1.1", "Transfer-Encoding: chunked", &long_extension),
        ("HTTP/1.1", "Transfer-Encoding: chunked", "5\nhello\n0\n\n"),
        ("HTTP/1.1", "Transfer-Encoding: chunked", "5 \r\nhello0\r\n\r\n"),
        ("HTTP/1.1", "Transfer-Encoding: chunked", "0x5\r\nhello\r\n0\r\n\r\n"),
    ];
    for (version, headers, body) in cases {
        let responses = server.send(&format!("POST / {version}\r\nHost: a\r\n{headers}\r\n\r\n{body}")).await;
        let body_start = &body[..body.len().min(20)];
        let is_refused =
            ["http/1.1 400", "http/1.1 501", "http/1.0 400"].iter().any(|line| responses.starts_with(line));
        assert!(is_refused, "{version}, {headers:?}, {body_start:?}: {responses}");
        assert_eq!(responses.matches("http/1.").count(), 1, "{version}, {headers:?}, {body_start:?}: {responses}");
        assert_eq!(
            server.handled.load(Ordering::SeqCst),
            0,
            "{version}, {headers:?}, {body_start:?} reaches a handler"
        );
    }
}

#[tokio::test]
async fn the_error_about_two_body_lengths_names_both_headers_and_the_rfc() {
    let server = Server::start().await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let responses = server.send(head).await;
    assert!(responses.starts_with("http/1.1 400") && responses.contains("connection: close"), "{responses}");
    assert!(responses.contains("body_length_ambiguous") && responses.contains("rfc 9112, 6.1"), "{responses}");
}

#[tokio::test]
async fn unambiguous_requests_are_handled_with_empty_lines_before_them() {
    let server = Server::start().await;
    let requests = [
        "\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\nHost: a\nContent-Length: 5\nContent-Length: 5\n\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    ];
    let responses = server.send(&requests.concat()).await;
    assert_eq!(responses.matches("http/1.1 200").count(), 4, "{responses}");
    assert_eq!(responses.matches("5 bytes").count(), 4, "{responses}");
}
