//! Malformed frames, and what happens to the clients that send them.

use futures_util::SinkExt;
use serde_json::json;
use signalbox_model::HumanSize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::client::{Client, TEST_TIMEOUT};
use super::host::Host;

#[tokio::test]
async fn text_that_is_not_a_frame_gets_an_error_and_the_connection_goes_on() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    let long = "x".repeat(16 * 1024 + 1);
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    let cases = [
        ("{not json".to_owned(), "not_json"),
        ("[]".to_owned(), "no_frame_type"),
        (r#"{"type":"welcome"}"#.to_owned(), "unknown_frame_type"),
        (r#"{"type":"ping","surprise":true}"#.to_owned(), "invalid_field"),
        (r#"{"type":"message","id":"m","businessId":"trattoria","content":{"text":7}}"#.to_owned(), "invalid_field"),
        (r#"{"type":"message","id":"m","businessId":"trattoria","content":{"txt":"x"}}"#.to_owned(), "invalid_field"),
        (r#"{"type":"message","id":"m","businessId":"trattoria","content":{}}"#.to_owned(), "content_empty"),
        (
            r#"{"type":"message","id":"","businessId":"trattoria","content":{"text":"x"}}"#.to_owned(),
            "invalid_message_id",
        ),
        (
            json!({"type": "message", "id": "m", "businessId": "trattoria", "content": {"text": long}}).to_string(),
            "text_too_long",
        ),
        (
            format!(r#"{{"type":"message","id":"m","businessId":"trattoria","content":{{"data":{deep}}}}}"#),
            "content_too_deep",
        ),
    ];
    for (text, code) in cases {
        client.send_text(&text).await;
        let error = client.expect_error(code).await;
        assert_eq!(error["errorType"], "validation_error", "{text}");
        if text.contains(r#""id":"m""#) {
            assert_eq!(error["details"]["messageId"], "m", "{error}");
        }
    }
    client.send_message("m", "and now a good one").await;
    client.expect("ack").await;
    assert_eq!(host.decider.started_texts(), ["and now a good one"]);
}

#[tokio::test]
async fn a_protocol_violation_closes_with_its_code_and_other_connections_go_on() {
    let host = Host::with(|settings| settings.websocket.message_size = HumanSize(1024)).await;
    let mut neighbour = host.ana().await;
    let invalid = Frame::message(vec![0xC3, 0x28], OpCode::Data(Data::Text), true);
    let unfinished = Frame::message("x".repeat(1000), OpCode::Data(Data::Text), false);
    let rest = Frame::message("x".repeat(1000), OpCode::Data(Data::Continue), true);
    let cases = [
        (vec![Message::binary(vec![1, 2, 3])], "binary_frame", 1003),
        (vec![Message::Frame(invalid)], "invalid_utf8", 1007),
        (vec![Message::text("x".repeat(1025))], "message_too_large", 1009),
        (vec![Message::Frame(unfinished), Message::Frame(rest)], "message_too_large", 1009),
    ];
    for (messages, code, close) in cases {
        let mut client = host.ana().await;
        for message in messages {
            client.socket.send(message).await.unwrap();
        }
        client.expect_error(code).await;
        let closed = client.expect_close().await;
        assert_eq!((closed.code, &closed.advice["reconnect"]), (close, &json!(false)));
        neighbour.send_message(code, "still here?").await;
        neighbour.expect_answer().await;
    }
    host.until(|host| host.sessions.count() == 1).await;
}

#[tokio::test]
async fn a_fragmented_message_is_one_message() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    let text =
        json!({"type": "message", "id": "m1", "businessId": "trattoria", "content": {"text": "în bucăți"}}).to_string();
    // The pieces are cut in the middle of characters too.
    let bytes = text.into_bytes();
    let last = bytes.len() - 1;
    for (index, byte) in bytes.into_iter().enumerate() {
        let opcode = if index == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(vec![byte], OpCode::Data(opcode), index == last);
        client.socket.send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(client.expect_answer().await["content"]["text"], "re: în bucăți");
}

#[tokio::test]
async fn a_socket_that_is_lost_without_a_close_releases_everything() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    client.send_message("m1", "wait:gate").await;
    client.expect("ack").await;
    drop(client);
    host.until(|host| host.sessions.count() == 0 && host.websocket.sockets() == 0).await;
    host.decider.open("gate");
    let mut again = host.ana().await;
    again.send_message("m1", "wait:gate").await;
    // The answer to the first message may come on this connection too, before or after.
    while again.next().await["type"] != "ack" {}
    assert_eq!(host.decider.started_texts(), ["wait:gate"]);
}

#[tokio::test]
async fn headers_without_an_end_are_timed_out() {
    let host = Host::with(|settings| settings.http.header_timeout = signalbox_model::HumanDuration::millis(100)).await;
    for start in ["", "G", "GET /ws HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let mut stream = TcpStream::connect(host.address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read =
            tokio::time::timeout(TEST_TIMEOUT, stream.read_to_end(&mut answer)).await.expect("it was not closed");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(read.is_err() || answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{start:?}: {answer}");
    }
    host.ana().await;
}

#[tokio::test]
async fn headers_that_are_too_large_or_too_many_are_refused() {
    let host = Host::with(|settings| settings.http.max_headers = 16).await;
    let large = format!("GET /ws HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(64 * 1024));
    let many = format!("GET /ws HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-many: 1\r\n".repeat(30));
    for request in [large, many] {
        let mut stream = TcpStream::connect(host.address).await.unwrap();
        // The answer may come before the whole request is written.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = [0; 12];
        let read = tokio::time::timeout(TEST_TIMEOUT, stream.read_exact(&mut answer)).await.unwrap();
        assert!(read.is_err() || &answer == b"HTTP/1.1 431", "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let host = Host::with(|settings| settings.http.max_connections = 1).await;
    let mut first = TcpStream::connect(host.address).await.unwrap();
    first.write_all(b"GET /elsewhere HTTP/1.1\r\n").await.unwrap();
    let mut second = TcpStream::connect(host.address).await.unwrap();
    let mut nothing = Vec::new();
    let read = tokio::time::timeout(TEST_TIMEOUT, second.read_to_end(&mut nothing)).await.unwrap();
    assert!(read.is_err() || nothing.is_empty());
    drop(first);
    // The connection's slot is free again once the host has noticed.
    loop {
        if let Ok(mut client) = Client::open(host.address, &[]).await {
            client.send(json!({"type": "auth", "token": super::host::ana()})).await;
            client.expect("welcome").await;
            return;
        }
    }
}
