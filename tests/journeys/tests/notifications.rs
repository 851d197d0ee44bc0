//! Notifications beyond the WebSocket, from outside the process: a booking arrives as an e-mail and in a chat.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use signalbox_tests_support::{DEADLINE, Host, Setup, SmtpFault, SmtpServer, bundle};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::places::BISTRO;

/// A chat service that takes every message, and keeps the idempotency key and the body of each.
struct Chat {
    port: u16,
    received: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Chat {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let received: Arc<Mutex<Vec<_>>> = Arc::default();
        let kept = received.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(message) = message(stream).await {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(message);
                }
            }
        });
        Ok(Self { port, received })
    }

    fn received(&self) -> Vec<(String, Value)> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads one request and takes it.
async fn message(stream: TcpStream) -> Result<(String, Value)> {
    let mut stream = BufReader::new(stream);
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end().split_once(": ") {
            Some(("idempotency-key", value)) => value.clone_into(&mut key),
            Some(("content-length", value)) => length = value.parse()?,
            _ if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await?;
    Ok((key, serde_json::from_slice(&body)?))
}

/// The bistro, whose owner gets e-mails and whose kitchen reads a chat.
fn bistro(mail: &SmtpServer, chat: &Chat) -> Result<Setup> {
    let notifications = "
[notifications.channels]
owner = { email = \"owner@bistro.example\" }
kitchen = { webhook = \"bistro-kitchen\" }
[[notifications.routes]]
for = \"business\"
channels = [\"owner\", \"kitchen\"]
decisions = [\"booking.*\"]
";
    let setup = Setup::new()?
        .business_file("bistro", &format!("{BISTRO}{notifications}"))?
        .bundle(bundle("plugins/restaurant")?);
    fs::write(setup.path().join("hook"), super::webhooks::SECRET)?;
    fs::write(setup.path().join("chat-url"), format!("http://127.0.0.1:{}/services/T0/B0/x", chat.port))?;
    Ok(setup.config(&format!(
        "[webhooks.secrets]\nRESERVATIONS_WEBHOOK = [{{ file = \"hook\" }}]\n\
         [egress]\nallow-plain-http = true\nprivate-networks = [\"127.0.0.1/32\"]\n\
         [delivery]\nlease = \"10s\"\nscan-interval = \"100ms\"\n\
         [delivery.retry]\ninitial-interval = \"50ms\"\n\
         [delivery.email]\nserver = \"127.0.0.1\"\nport = {}\nencryption = \"none\"\nfrom = \"signalbox@bistro.example\"\n\
         [delivery.notification-webhooks.receivers.bistro-kitchen]\nformat = \"slack\"\nurl = {{ file = \"chat-url\" }}\n",
        mail.port
    )))
}

/// Books a table; the decision's id.
async fn book(host: &Host) -> Result<String> {
    let mut mara = host.coordinator("mara", "bistro").await?;
    let answer = mara.ask("bistro", "a table for 4 tomorrow at 12:30, my name is Bob").await?;
    let code = answer.pointer("/decision/code").and_then(Value::as_str);
    anyhow::ensure!(code == Some("booking.confirmed"), "{answer}");
    Ok(answer.get("decisionId").and_then(Value::as_str).context("the decision's id")?.to_owned())
}

/// The effects that left by channels, once `fits` says so of them.
async fn channels(host: &Host, decision: &str, fits: impl Fn(&[Value]) -> bool) -> Result<Vec<Value>> {
    let looking = async {
        loop {
            let record = host.decision(decision).await?.context("the decision is in the store")?;
            let effects = record.get("effects").and_then(Value::as_array).cloned().unwrap_or_default();
            let is_channel = |effect: &Value| effect.pointer("/kind/channelNotification").is_some();
            let effects: Vec<Value> = effects.into_iter().filter(is_channel).collect();
            if fits(&effects) {
                return Ok(effects);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, looking).await.context("the notification does not leave by its channels")?
}

fn is_delivered(effects: &[Value], channel: &str) -> bool {
    effects.iter().any(|effect| {
        let own = effect.pointer("/kind/channelNotification/channel").and_then(Value::as_str) == Some(channel);
        own && effect.pointer("/state/is").and_then(Value::as_str) == Some("delivered")
    })
}

#[tokio::test]
async fn a_booking_arrives_as_an_email_and_in_the_chat_of_the_kitchen() -> Result<()> {
    let (mail, chat) = (SmtpServer::start(&[]).await?, Chat::start().await?);
    let host = bistro(&mail, &chat)?.start().await?;
    let decision = book(&host).await?;
    channels(&host, &decision, |effects| is_delivered(effects, "owner") && is_delivered(effects, "kitchen")).await?;
    let emails = mail.received();
    let [email] = emails.as_slice() else { panic!("{emails:?}") };
    assert_eq!(email.to, ["owner@bistro.example"]);
    assert_eq!(email.header("Subject"), Some("Bistro: booking.confirmed"));
    let messages = chat.received();
    let [(key, body)] = messages.as_slice() else { panic!("{messages:?}") };
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("Bistro: booking.confirmed\n") && text.contains("12:30"), "{text}");
    assert_eq!(body["blocks"][0]["text"]["type"], "plain_text");
    let notification = key.strip_suffix(".kitchen").unwrap();
    assert_eq!(email.header("Signalbox-Idempotency-Key"), Some(format!("{notification}.owner").as_str()));
    Ok(())
}

#[tokio::test]
async fn a_channel_that_hangs_through_a_kill_9_is_tried_again_under_its_key_and_no_other_is_repeated() -> Result<()> {
    // The server takes the e-mail and does not say so: the host dies in the middle of the attempt.
    let (mail, chat) = (SmtpServer::start(&[Some(("text", SmtpFault::Hangs))]).await?, Chat::start().await?);
    let mut host = bistro(&mail, &chat)?.start().await?;
    let decision = book(&host).await?;
    let is_given = || !mail.received().is_empty();
    channels(&host, &decision, |effects| is_delivered(effects, "kitchen") && is_given()).await?;
    host.kill().await?;
    host.restart().await?;
    channels(&host, &decision, |effects| is_delivered(effects, "owner")).await?;
    let emails = mail.received();
    assert!(
        emails.len() >= 2 && emails.iter().all(|email| *email == emails[0]),
        "the same to the last byte: {emails:?}"
    );
    assert_eq!(chat.received().len(), 1, "{:?}", chat.received());
    Ok(())
}
