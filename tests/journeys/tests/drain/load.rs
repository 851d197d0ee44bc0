//! Senders that go as fast as the host allows, and remember what it has acknowledged.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use signalbox_tests_support::{Client, Closed, DEADLINE};
use standardwebhooks::Webhook;

use super::super::text_at;
use super::SECRET;

/// Messages of a connection in flight, as many as the host allows.
const IN_FLIGHT: usize = 8;

/// How long a sender waits after a refusal.
const PAUSE: Duration = Duration::from_millis(20);

/// The ids of inputs that the host has promised to decide.
#[derive(Debug, Default)]
pub struct Acknowledged(Mutex<BTreeSet<String>>);

impl Acknowledged {
    pub fn note(&self, input: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(input.to_owned());
    }

    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The text of a message; every third one makes the guest sleep.
fn text(number: usize) -> String {
    if number.is_multiple_of(3) { format!("nap {number}") } else { format!("quick {number}") }
}

/// Sends until the host says to reconnect, and reads until it closes.
pub async fn send_until_closed(
    mut client: Client,
    socket: usize,
    acknowledged: std::sync::Arc<Acknowledged>,
) -> Result<Closed> {
    let (mut sent, mut leaving) = (0, false);
    let mut under_way = BTreeSet::new();
    loop {
        while !leaving && under_way.len() < IN_FLIGHT {
            let id = format!("m-{socket}-{sent}");
            client.say_as(&id, "alpha", &text(sent)).await?;
            under_way.insert(id);
            sent += 1;
        }
        let frame = match client.next_or_closed().await? {
            Ok(frame) => frame,
            Err(closed) => return Ok(closed),
        };
        let id = text_at(&frame, "/messageId").or_else(|| text_at(&frame, "/details/messageId")).unwrap_or_default();
        match text_at(&frame, "/type") {
            Some("reconnect") => leaving = true,
            Some("ack") => {
                acknowledged.note(text_at(&frame, "/inputId").context("an ack names its input")?);
                if text_at(&frame, "/state") != Some("accepted") {
                    under_way.remove(id);
                }
            }
            Some("error") => {
                ensure!(frame.pointer("/details/retryable") == Some(&Value::Bool(true)), "{frame}");
                under_way.remove(id);
            }
            _ => {}
        }
    }
}

/// Sends inputs over the API until the host no longer answers.
pub async fn give_in_until_gone(
    url: String,
    token: String,
    sender: usize,
    acknowledged: std::sync::Arc<Acknowledged>,
) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
    for number in 0.. {
        let request = client.post(format!("{url}/v1/businesses/alpha/inputs")).bearer_auth(&token);
        let request = request.header("idempotency-key", format!("{sender}-{number}"));
        // A request that meets the end of its connection gets no answer, and its sender cannot tell whether it was
        // accepted.
        let Ok(response) = request.json(&json!({"content": {"text": text(number)}})).send().await else { break };
        let status = response.status().as_u16();
        match response.json::<Value>().await {
            Ok(body) if status == 202 => {
                acknowledged.note(text_at(&body, "/inputId").context("an answer names its input")?);
            }
            Ok(body) => {
                ensure!(status == 429 || status == 503, "{status}: {body}");
                tokio::time::sleep(PAUSE).await;
            }
            Err(_) => break,
        }
    }
    Ok(())
}

/// The same with deliveries of a webhook.
pub async fn deliver_until_gone(url: String, sender: usize, acknowledged: std::sync::Arc<Acknowledged>) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
    for number in 0.. {
        let (id, body) = (format!("msg_{sender}_{number}"), format!("{{\"number\":{number}}}"));
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
        let signature = Webhook::new(SECRET)?.sign(&id, now, body.as_bytes())?;
        let request = client.post(format!("{url}/webhooks/alpha/events"));
        let request = request.header("webhook-id", id).header("webhook-timestamp", now);
        let Ok(response) = request.header("webhook-signature", signature).body(body).send().await else { break };
        let status = response.status().as_u16();
        match response.json::<Value>().await {
            Ok(body) if status == 202 => {
                acknowledged.note(text_at(&body, "/inputIds/0").context("an answer names its input")?);
            }
            Ok(body) => {
                ensure!(status == 429 || status == 503, "{status}: {body}");
                tokio::time::sleep(PAUSE).await;
            }
            Err(_) => break,
        }
    }
    Ok(())
}
