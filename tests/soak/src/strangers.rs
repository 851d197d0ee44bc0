//! Clients that break the rules of the protocol.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use signalbox_tests_support::{Client, DEADLINE, bad_tokens};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async};

use crate::host::{Host, http_client, token, until};
use crate::{Answers, count};

/// How many clients that do not read are connected at the same time.
const STUCK: usize = 2;
/// How many clients stop sending anything.
const SILENT: usize = 3;
/// The most news that are sent to a client that does not read: more than all buffers on the way can hold.
const MOST_NEWS: usize = 1_000;
/// The size of each news in bytes.
const LONG: usize = 40 << 10;

const CLOSES: &str = "signalbox_websocket_closes_total";

pub async fn misbehave(host: Arc<Host>, round: usize) -> Result<Answers> {
    let mut answers = Answers::new();
    show_bad_tokens(&host, &mut answers).await?;
    let user = format!("stranger-{round}");
    send_bad_frames(&host, &user, &mut answers).await?;
    flood(&host, &format!("flood-{round}"), &mut answers).await?;
    come_too_often(&host, &format!("many-{round}"), &mut answers).await?;
    vanish(&host, &user, &mut answers).await?;
    break_off(&host, &mut answers).await?;
    Ok(answers)
}

async fn show_bad_tokens(host: &Host, answers: &mut Answers) -> Result<()> {
    for bad in bad_tokens("mallory", "alpha")? {
        let mut client = Client::connect_with(host.websocket(), &[]).await?;
        client.send(&json!({"type": "auth", "token": bad.token})).await?;
        client.expect_error(bad.code).await.with_context(|| bad.why)?;
        let code = client.closed().await?.code;
        ensure!(code == if bad.code == "token_expired" { 4402 } else { 4401 }, "{} closed with {code}", bad.why);
        count(answers, "bad tokens refused");
    }
    Ok(())
}

async fn send_bad_frames(host: &Host, user: &str, answers: &mut Answers) -> Result<()> {
    let mut client = host.coordinator(user, "alpha").await?;
    let long = json!({"type": "message", "id": "m", "businessId": "alpha", "content": {"text": "x".repeat(17 << 10)}});
    let frames = [
        ("not json".to_owned(), "not_json"),
        ("[]".to_owned(), "no_frame_type"),
        (json!({"type": "shout"}).to_string(), "unknown_frame_type"),
        (
            json!({"type": "message", "id": "m", "businessId": "alpha", "content": {"text": 5}}).to_string(),
            "invalid_field",
        ),
        (
            json!({"type": "message", "id": "m", "businessId": "beta", "content": {"text": "x"}}).to_string(),
            "business_not_found",
        ),
        (json!({"type": "resume", "businessId": "alpha", "cursor": "made up"}).to_string(), "invalid_cursor"),
        (long.to_string(), "text_too_long"),
    ];
    for (frame, code) in frames {
        client.send_raw(Message::text(frame)).await?;
        client.expect_error(code).await?;
        count(answers, "bad frames refused");
    }
    client.ask("alpha", "still here").await?;
    client.close().await?;
    let huge = json!({"type": "message", "id": "m", "businessId": "alpha", "content": {"text": "x".repeat(1 << 20)}});
    for (message, code) in [(Message::binary(vec![1, 2, 3]), 1003), (Message::text(huge.to_string()), 1009)] {
        let mut client = host.coordinator(user, "alpha").await?;
        // The host may close before it has taken all of it.
        let _ = client.send_raw(message).await;
        let closed = client.closed().await?;
        ensure!(closed.code == code || closed.code == 1006, "closed with {closed:?} instead of {code}");
        count(answers, "connections closed for what they sent");
    }
    Ok(())
}

/// Sends faster than a user may, until the host says so.
async fn flood(host: &Host, user: &str, answers: &mut Answers) -> Result<()> {
    let mut client = host.coordinator(user, "alpha").await?;
    for number in 0..400 {
        client.send(&json!({"type": "ping", "id": number.to_string()})).await?;
    }
    let refused = loop {
        let frame = client.next().await?;
        // Pongs and broadcasts may come before it.
        if frame.get("type").and_then(Value::as_str) == Some("error") {
            break frame;
        }
    };
    ensure!(refused.pointer("/details/code") == Some(&json!("too_many_frames")), "{refused}");
    count(answers, "floods refused");
    Ok(())
}

async fn come_too_often(host: &Host, user: &str, answers: &mut Answers) -> Result<()> {
    let mut connections = Vec::new();
    for _ in 0..10 {
        connections.push(host.coordinator(user, "alpha").await?);
    }
    let bearer = format!("Bearer {}", token(user, "alpha")?);
    let mut one_too_many = Client::connect_with(host.websocket(), &[("authorization", &bearer)]).await?;
    ensure!(one_too_many.closed().await?.code == 4409);
    count(answers, "connections of one user above the limit refused");
    Ok(())
}

/// Disconnects before the answer; afterwards the same message is answered from the record or for the first time.
async fn vanish(host: &Host, user: &str, answers: &mut Answers) -> Result<()> {
    for number in 0..8 {
        let id = format!("gone-{number}");
        let mut client = host.coordinator(user, "alpha").await?;
        client.say_as(&id, "alpha", "nap").await?;
        drop(client);
    }
    let mut client = host.coordinator(user, "alpha").await?;
    for number in 0..8 {
        let id = format!("gone-{number}");
        client.say_as(&id, "alpha", "nap").await?;
        client.expect_for("response", &id).await?;
        count(answers, "questions of clients that had vanished");
    }
    Ok(())
}

/// Requests that never end: dropped by their senders, or by the host when their time is over.
async fn break_off(host: &Host, answers: &mut Answers) -> Result<()> {
    let url = host.url("");
    let address = url.strip_prefix("http://").context("the host's address is one of HTTP")?;
    let begun = b"POST /v1/businesses/alpha/inputs HTTP/1.1\r\nhost: localhost\r\n";
    for _ in 0..8 {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(begun).await?;
        drop(stream);
    }
    let mut waits = TcpStream::connect(address).await?;
    waits.write_all(begun).await?;
    let mut rest = Vec::new();
    // With an answer or without; the connection only has to end.
    let over = timeout(DEADLINE, waits.read_to_end(&mut rest)).await;
    let _ = over.context("a request that never ends is waited for without end")?;
    count(answers, "requests without end cut off");
    Ok(())
}

/// A client that gets many frames and never reads them, until the host disconnects it; a client that reads is answered
/// meanwhile.
pub async fn stop_reading(host: Arc<Host>, round: usize) -> Result<Answers> {
    let mut answers = Answers::new();
    let (client, label) = (http_client()?, "code=\"4008\"");
    let before = host.metric(&client, CLOSES, label).await?;
    let mut reader = host.coordinator(&format!("reader-{round}"), "crowd").await?;
    for number in 0..STUCK {
        let user = format!("stuck-{round}-{number}");
        let stuck = connect_narrowly(&host, &user).await?;
        let calls = json!([{"call": "send", "user": user, "content": {"long": "x".repeat(LONG)}}]);
        let mut told = 0;
        while host.metric(&client, CLOSES, label).await? <= before + number as f64 {
            ensure!(told < MOST_NEWS, "a client that does not read is never cut off");
            let id = format!("{user}-{told}");
            let content = json!({"data": {"calls": calls}});
            reader.send(&json!({"type": "message", "id": id, "businessId": "crowd", "content": content})).await?;
            reader.expect_for("response", &id).await?;
            told += 1;
        }
        drop(stuck);
        count(&mut answers, "clients that do not read cut off");
    }
    Ok(answers)
}

/// Connects with small buffers, so that the host notices soon that the client does not read.
async fn connect_narrowly(host: &Host, user: &str) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>> {
    let url = host.url("");
    let address = url.strip_prefix("http://").context("the host's address is one of HTTP")?.parse()?;
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4 << 10)?;
    let stream = socket.connect(address).await?;
    let mut request = host.websocket().into_client_request()?;
    let bearer = format!("Bearer {}", token(user, "crowd")?);
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("signalbox.v1"));
    request.headers_mut().insert("authorization", HeaderValue::from_str(&bearer)?);
    let (socket, _) = client_async(request, MaybeTlsStream::Plain(stream)).await?;
    Ok(socket)
}

/// Connections that become silent for ever, and some that never authenticate.
pub async fn fall_silent(host: Arc<Host>, round: usize) -> Result<Answers> {
    let mut answers = Answers::new();
    let (client, label) = (http_client()?, "code=\"4010\"");
    let before = host.metric(&client, CLOSES, label).await?;
    let mut silent = Vec::new();
    for number in 0..SILENT {
        silent.push(host.coordinator(&format!("silent-{round}-{number}"), "alpha").await?);
    }
    let mut nobody = Client::connect_with(host.websocket(), &[]).await?;
    nobody.expect_error("auth_timeout").await?;
    ensure!(nobody.closed().await?.code == 4408);
    count(&mut answers, "connections that never said who they are closed");
    until("silent clients are cut off", || async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(host.metric(&client, CLOSES, label).await? >= before + SILENT as f64)
    })
    .await?;
    for _ in &silent {
        count(&mut answers, "silent clients cut off");
    }
    Ok(answers)
}
