//! The opening handshake, frames and closes as RFC 6455 and HTTP define them, byte for byte.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::client::{Client, TEST_TIMEOUT};
use super::host::{Host, ana, token};

/// Sends the head of a request and returns the head of the answer in lower case.
async fn answer(host: &Host, lines: &[&str]) -> String {
    let mut stream = TcpStream::connect(host.address).await.unwrap();
    stream.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = async {
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, reading).await.expect("no answer");
    String::from_utf8(answer).unwrap().to_ascii_lowercase()
}

const GET: &str = "GET /ws HTTP/1.1";
const HOST: &str = "Host: signalbox";
const UPGRADE: &str = "Upgrade: websocket";
const CONNECTION: &str = "Connection: Upgrade";
const VERSION: &str = "Sec-WebSocket-Version: 13";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const PROTOCOL: &str = "Sec-WebSocket-Protocol: signalbox.v1";

#[tokio::test]
async fn several_lines_of_a_list_are_one_list() {
    let host = Host::start().await;
    let cases: [&[&str]; 4] = [
        &[GET, HOST, UPGRADE, CONNECTION, VERSION, KEY, PROTOCOL],
        &[GET, HOST, UPGRADE, "Connection: keep-alive", CONNECTION, VERSION, KEY, PROTOCOL],
        &[GET, HOST, "Upgrade: h2c", "Upgrade: WebSocket", "Connection: a, uPGRADE", VERSION, KEY, PROTOCOL],
        &[GET, HOST, UPGRADE, CONNECTION, VERSION, KEY, "Sec-WebSocket-Protocol: other", PROTOCOL],
    ];
    for lines in cases {
        let answer = answer(&host, lines).await;
        assert!(answer.starts_with("http/1.1 101 "), "{lines:?}: {answer}");
        for line in ["upgrade: websocket", "connection: upgrade", "sec-websocket-protocol: signalbox.v1"] {
            assert!(answer.contains(line), "{line} is not in {answer}");
        }
        assert!(answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
    }
}

#[tokio::test]
async fn another_method_than_get_is_not_allowed_whatever_else_the_request_asks_for() {
    let host = Host::start().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let first = format!("{method} /ws HTTP/1.1");
        let empty = "Content-Length: 0";
        let alone: &[&str] = &[&first, HOST, empty];
        for lines in [alone, &[&first, HOST, UPGRADE, CONNECTION, VERSION, KEY, PROTOCOL, empty]] {
            let answer = answer(&host, lines).await;
            assert!(answer.starts_with("http/1.1 405 "), "{lines:?}: {answer}");
            assert!(
                answer.contains("allow: get, head") && answer.contains("content-type: application/json"),
                "{answer}"
            );
            assert!(!answer.contains("upgrade: websocket"), "no upgrade would help: {answer}");
        }
    }
}

#[tokio::test]
async fn a_request_without_an_upgrade_gets_the_offered_protocol() {
    let host = Host::start().await;
    let cases: [&[&str]; 5] = [
        &[GET, HOST],
        &[GET, HOST, UPGRADE, VERSION, KEY, PROTOCOL],
        &[GET, HOST, UPGRADE, CONNECTION, KEY, PROTOCOL],
        &[GET, HOST, UPGRADE, CONNECTION, "Sec-WebSocket-Version: 8", KEY, PROTOCOL],
        &["GET /ws HTTP/1.0", HOST, UPGRADE, CONNECTION, VERSION, KEY, PROTOCOL],
    ];
    for lines in cases {
        let answer = answer(&host, lines).await;
        assert!(answer.contains(" 426 "), "{lines:?}: {answer}");
        for line in ["upgrade: websocket", "connection: upgrade", "sec-websocket-version: 13"] {
            assert!(answer.contains(line), "{line} is not in {answer}");
        }
    }
}

#[tokio::test]
async fn a_handshake_that_is_not_as_it_has_to_be_is_a_bad_request() {
    let host = Host::start().await;
    let cases: [&[&str]; 8] = [
        &[GET, HOST, UPGRADE, CONNECTION, VERSION, PROTOCOL],
        &[GET, HOST, UPGRADE, CONNECTION, VERSION, "Sec-WebSocket-Key: short", PROTOCOL],
        &[GET, HOST, UPGRADE, CONNECTION, VERSION, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA", PROTOCOL],
        &[GET, HOST, UPGRADE, CONNECTION, VERSION, KEY, KEY, PROTOCOL],
        &[GET, HOST, UPGRADE, CONNECTION, VERSION, KEY, PROTOCOL, "Content-Length: 5"],
        &[
            GET,
            HOST,
            UPGRADE,
            CONNECTION,
            VERSION,
            KEY,
            PROTOCOL,
            "Origin: https://a.example",
            "Origin: https://b.example",
        ],
        &[GET, UPGRADE, CONNECTION, VERSION, KEY, PROTOCOL],
        &[GET, HOST, "Host: other", UPGRADE, CONNECTION, VERSION, KEY, PROTOCOL],
    ];
    for lines in cases {
        let answer = answer(&host, lines).await;
        assert!(answer.starts_with("http/1.1 400 "), "{lines:?}: {answer}");
    }
    host.ana().await;
}

#[tokio::test]
async fn of_three_ways_to_give_a_token_two_that_differ_are_refused() {
    let host = Host::start().await;
    let (one, other) = (ana(), token("dan", &[("trattoria", "coordinator")], 3_600));
    let both = async |header: String, protocol: &str| {
        let protocols = format!("signalbox.v1, bearer.{protocol}");
        let headers = [("authorization", &*header), ("sec-websocket-protocol", &*protocols)];
        Client::open(host.address, &headers).await
    };
    for header in [format!("Bearer {one}"), "Basic YW5hOnB3".to_owned()] {
        let mut client = both(header, &one).await.unwrap();
        assert_eq!(client.expect("welcome").await["userId"], "ana");
    }
    let Err(tokio_tungstenite::tungstenite::Error::Http(refused)) = both(format!("Bearer {other}"), &one).await else {
        panic!("one of two was chosen")
    };
    let body: serde_json::Value = serde_json::from_slice(refused.body().as_ref().unwrap()).unwrap();
    assert_eq!((refused.status().as_u16(), &body["details"]["code"]), (400, &json!("tokens_differ")));

    let mut client = host.connect(&one).await;
    client.send(json!({"type": "auth", "token": other})).await;
    client.expect_error("already_authenticated").await;
    client.send(json!({"type": "ping", "id": "p"})).await;
    client.expect("pong").await;
    assert_eq!((host.sessions.count_of("ana"), host.sessions.count_of("dan")), (1, 0), "the first one stays");
}

/// A frame with a mask of zeros and the length as given.
fn frame(kind: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | kind];
    frame.extend(length);
    frame[1] |= 0x80;
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Ana's WebSocket as a raw TCP stream.
async fn raw(host: &Host) -> TcpStream {
    let mut stream = TcpStream::connect(host.address).await.unwrap();
    let authorization = format!("Authorization: Bearer {}", ana());
    let lines = [GET, HOST, UPGRADE, CONNECTION, VERSION, KEY, PROTOCOL, &authorization].join("\r\n");
    stream.write_all(format!("{lines}\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

/// The code of the close in what the host sends; its other frames have one byte or more of text.
async fn closed_with(mut stream: TcpStream) -> Option<u16> {
    let mut all = Vec::new();
    tokio::time::timeout(TEST_TIMEOUT, stream.read_to_end(&mut all)).await.expect("it stays open").unwrap();
    let end = all.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let mut rest = &all[end..];
    loop {
        let (kind, short) = (*rest.first()?, usize::from(*rest.get(1)?));
        let (head, length) =
            if short == 126 { (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))) } else { (2, short) };
        if kind == 0x88 {
            return Some(u16::from_be_bytes([rest[head], rest[head + 1]]));
        }
        rest = &rest[head + length..];
    }
}

#[tokio::test]
async fn a_length_in_more_bytes_than_it_needs_breaks_the_protocol() {
    let host = Host::start().await;
    let mut neighbour = host.ana().await;
    let ping = br#"{"type":"ping"}"#;
    let cases = [
        frame(1, &[126, 0, ping.len() as u8], ping),
        frame(1, &[127, 0, 0, 0, 0, 0, 0, 0, ping.len() as u8], ping),
        frame(9, &[126, 0, 1], b"x"),
        frame(8, &[126, 0, 2], &1000_u16.to_be_bytes()),
        frame(1, &[127, 0x80, 0, 0, 0, 0, 0, 0, 1], b"x"),
    ];
    for bytes in cases {
        let mut stream = raw(&host).await;
        // The same when the bytes come directly after the request and a good frame.
        stream.write_all(&[frame(1, &[ping.len() as u8], ping), bytes.clone()].concat()).await.unwrap();
        assert_eq!(closed_with(stream).await, Some(1002), "{bytes:?}");
    }
    neighbour.send_message("m1", "still here?").await;
    neighbour.expect("ack").await;
}

#[tokio::test]
async fn a_close_is_answered_with_its_code_when_that_may_be_sent_and_with_1002_when_not() {
    let host = Host::start().await;
    for code in
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3003, 3008, 3999, 4000, 4999]
    {
        let mut client = host.ana().await;
        let close = CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::from_static("bye") };
        client.socket.send(Message::Close(Some(close))).await.unwrap();
        let mut stream = raw(&host).await;
        stream.write_all(&frame(8, &[5], &[&code.to_be_bytes()[..], b"bye"].concat())).await.unwrap();
        assert_eq!(closed_with(stream).await, Some(code));
        while let Some(Ok(message)) = client.socket.next().await {
            if let Message::Close(Some(close)) = message {
                // The client's library does not know the code 1014 either.
                assert!(u16::from(close.code) == code || code == 1014, "{code}: {close:?}");
            }
        }
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1099, 2000, 2999, 5000, 65_535_u16] {
        let mut stream = raw(&host).await;
        stream.write_all(&frame(8, &[2], &code.to_be_bytes())).await.unwrap();
        assert_eq!(closed_with(stream).await, Some(1002), "{code}");
    }
    let mut stream = raw(&host).await;
    stream.write_all(&frame(8, &[1], &[3])).await.unwrap();
    assert_eq!(closed_with(stream).await, Some(1002), "half a code");
    host.until(|host| host.sessions.count() == 0).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_for_a_new_one_over_the_limit_and_a_busy_one_is_not() {
    let host = Host::with(|settings| settings.http.max_connections = 1).await;
    let mut idle = TcpStream::connect(host.address).await.unwrap();
    idle.write_all(b"GET /elsewhere HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404");
    let mut busy = TcpStream::connect(host.address).await.unwrap();
    busy.write_all(b"GET /elsewhere HTTP/1.1\r\n").await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(TEST_TIMEOUT, idle.read_to_end(&mut rest)).await.expect("it stays").unwrap();
    let mut third = TcpStream::connect(host.address).await.unwrap();
    let mut nothing = Vec::new();
    let read = tokio::time::timeout(TEST_TIMEOUT, third.read_to_end(&mut nothing)).await.unwrap();
    assert!(read.is_err() || nothing.is_empty());
    busy.write_all(b"host: x\r\n\r\n").await.unwrap();
    busy.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404", "whoever is asking is answered");
}
