//! Loads a server over WebSocket: closed loops find its highest rate, open loops the latency below it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use hdrhistogram::Histogram;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::bare::BUFFER;
use crate::in_process::TEXT;

/// Configuration of a host under load, with limits far above the load: a refusal would spoil the measurement.
pub const UNLIMITED: &str = "\
[intake]
in-flight-per-business = 256
in-flight-per-user = 256
waiting = 100000
waiting-per-business = 100000
admission-wait = \"60s\"
rate-per-user = 1000000
burst-per-user = 1000000
rate-per-business = 1000000
burst-per-business = 1000000
[http]
max-connections = 20000
connections-per-address = 20000
[websocket]
max-connections = 20000
max-unauthenticated = 20000
connections-per-user = 20000
frames-per-second = 1000000
burst = 1000000
in-flight = 10000
[api]
requests-per-second = 1000000
burst = 1000000
[telemetry]
log-format = \"json\"
";

/// Far longer than any useful answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A connection, ready to send messages.
pub async fn connect(url: &str, token: Option<&str>) -> Result<Socket> {
    let mut request = url.into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("signalbox.v1"));
    if let Some(token) = token {
        request.headers_mut().insert("authorization", HeaderValue::from_str(&format!("Bearer {token}"))?);
    }
    let buffers = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(BUFFER);
    let (mut socket, _) = timeout(PATIENCE, connect_async_with_config(request, Some(buffers), false))
        .await
        .context("nobody answers")??;
    if token.is_some() {
        let welcome = next(&mut socket).await?;
        if !welcome.starts_with("{\"type\":\"welcome\"") {
            bail!("instead of a welcome came {welcome}");
        }
    }
    Ok(socket)
}

/// The next text frame.
pub async fn next(socket: &mut Socket) -> Result<Utf8Bytes> {
    loop {
        match timeout(PATIENCE, socket.next()).await.context("nothing comes")? {
            Some(Ok(Message::Text(text))) => return Ok(text),
            Some(Ok(Message::Close(frame))) => bail!("closed with {frame:?}"),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error).context("the connection broke"),
            None => bail!("the connection ended"),
        }
    }
}

/// A message in the host's format; the bare server echoes it.
pub fn message(id: &str, business: &str) -> String {
    format!(r#"{{"type":"message","id":"{id}","businessId":"{business}","content":{{"text":"{TEXT}"}}}}"#)
}

/// The id of the message, if a text is the last answer to a message.
fn answered(text: &str) -> Result<Option<&str>> {
    const ID: &str = "\"messageId\":\"";
    if text.starts_with("{\"type\":\"message\"") {
        // An echo of the bare server.
        return Ok(after(text, "\"id\":\""));
    }
    if text.starts_with("{\"type\":\"response\"") {
        return Ok(after(text, ID));
    }
    if text.starts_with("{\"type\":\"error\"") {
        bail!("instead of an answer came {text}");
    }
    Ok(None)
}

fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_once(name)?.1.split_once('"').map(|(value, _)| value)
}

/// Numbers the messages of all runs of this process: a host would answer a repeated number from its record.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn fresh() -> String {
    format!("b{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Messages answered each second when every connection sends the next as soon as the last is answered.
pub async fn most(sockets: &mut Vec<Socket>, business: &str, time: Duration) -> Result<f64> {
    let (started, mut running) = (Instant::now(), JoinSet::new());
    for mut socket in sockets.drain(..) {
        let business = business.to_owned();
        running.spawn(async move {
            let mut count = 0_u64;
            while started.elapsed() < time {
                let id = fresh();
                socket.send(Message::text(message(&id, &business))).await?;
                while answered(&next(&mut socket).await?)? != Some(&id) {}
                count += 1;
            }
            anyhow::Ok((socket, count))
        });
    }
    let mut total = 0;
    while let Some(ended) = running.join_next().await {
        let (socket, count) = ended??;
        sockets.push(socket);
        total += count;
    }
    Ok(total as f64 / started.elapsed().as_secs_f64())
}

/// The latencies at `rate` messages a second over all connections, in microseconds. Each message has a planned time
/// that does not depend on earlier ones, and its latency counts from that time, so a server that stalls is charged for
/// all messages that were due meanwhile.
pub async fn steady(sockets: Vec<Socket>, business: &str, rate: f64, time: Duration) -> Result<Histogram<u64>> {
    let (count, mut running) = (sockets.len() as f64, JoinSet::new());
    let every = Duration::from_secs_f64(count / rate);
    let start = Instant::now() + Duration::from_millis(50);
    for (at, socket) in sockets.into_iter().enumerate() {
        let begins = start + every.mul_f64(at as f64 / count);
        let messages = (time.as_secs_f64() / every.as_secs_f64()) as u32;
        let business = business.to_owned();
        running.spawn(one(socket, business, begins, every, messages));
    }
    let mut all = Histogram::new(3)?;
    while let Some(ended) = running.join_next().await {
        all.add(ended??)?;
    }
    Ok(all)
}

async fn one(
    socket: Socket,
    business: String,
    begins: Instant,
    every: Duration,
    messages: u32,
) -> Result<Histogram<u64>> {
    let (mut sink, mut stream) = socket.split();
    let waiting = Arc::new(Mutex::new(HashMap::new()));
    let asked = waiting.clone();
    let sending = tokio::spawn(async move {
        for number in 0..messages {
            let due = begins + every * number;
            sleep_until(due).await;
            let id = fresh();
            let text = message(&id, &business);
            asked.lock().await.insert(id, due);
            sink.send(Message::text(text)).await?;
        }
        anyhow::Ok(())
    });
    let mut took = Histogram::new(3)?;
    for _ in 0..messages {
        loop {
            let frame = timeout(PATIENCE, stream.next()).await.context("nothing comes")?.context("it ended")??;
            let Message::Text(text) = frame else { continue };
            let now = Instant::now();
            let Some(id) = answered(&text)? else { continue };
            let due = waiting.lock().await.remove(id).context("an answer that nobody waits for")?;
            took.record(u64::try_from(now.saturating_duration_since(due).as_micros())?)?;
            break;
        }
    }
    sending.await??;
    Ok(took)
}
