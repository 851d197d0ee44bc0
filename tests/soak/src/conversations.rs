//! Users who follow the protocol, over connections that come and go.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use signalbox_tests_support::Client;
use tokio::task::JoinSet;

use crate::host::{Host, token};
use crate::{Answers, count};

/// How many users are connected at the same time.
const PEOPLE: usize = 24;
/// How many connections each user makes, one after the other.
const VISITS: usize = 3;
/// How many messages each connection sends.
const MESSAGES: usize = 5;
/// How many users listen to broadcasts.
const LISTENERS: usize = 8;
const NEWS: usize = 6;

/// Conversations of users whom the host has not seen before.
pub async fn hold(host: Arc<Host>, round: usize) -> Result<Answers> {
    let mut people = JoinSet::new();
    for number in 0..PEOPLE {
        people.spawn(converse(host.clone(), format!("person-{round}-{number}"), number));
    }
    let mut all = Answers::new();
    while let Some(ended) = people.join_next().await {
        for (what, times) in ended?? {
            *all.entry(what).or_default() += times;
        }
    }
    Ok(all)
}

async fn converse(host: Arc<Host>, user: String, number: usize) -> Result<Answers> {
    // Half of them talk to a guest that echoes, half to a graph of three nodes.
    let business = if number.is_multiple_of(2) { "alpha" } else { "beta" };
    let mut answers = Answers::new();
    let (mut cursor, mut said) = (None, Vec::new());
    for visit in 0..VISITS {
        let mut client = arrive(&host, &user, business, visit).await?;
        count(&mut answers, "connections with a good token");
        if visit == 1 {
            resume(&mut client, business, cursor.as_ref(), &said).await?;
            count(&mut answers, "resumes, whole and in order");
        }
        let mut last = Value::Null;
        for message in 0..MESSAGES {
            let text = format!("message {message} of visit {visit} of {user}");
            last = client.ask(business, &text).await?;
            if business == "alpha" {
                ensure!(text_of(&last) == Some(&text), "`{text}` is answered with {last}");
            } else {
                ensure!(text_of(&last) == Some("talk: nothing was noted"), "`{text}` is answered with {last}");
            }
            count(&mut answers, "messages");
            cursor = cursor.or_else(|| last.get("cursor").cloned());
            said.push(last.get("id").cloned().context("an answer has an id")?);
        }
        repeat(&mut client, business, &last).await?;
        count(&mut answers, "messages sent twice");
        client.send(&json!({"type": "ping", "id": "p"})).await?;
        ensure!(client.expect("pong").await?.get("id") == Some(&json!("p")));
        client.send(&json!({"type": "refresh", "token": token(&user, business)?})).await?;
        client.expect("refreshed").await?;
        count(&mut answers, "pings and refreshes");
        match visit {
            0 => drop(client),
            _ => client.close().await?,
        }
    }
    Ok(answers)
}

/// Connects with the token in each of its possible places.
async fn arrive(host: &Host, user: &str, business: &str, visit: usize) -> Result<Client> {
    let token = token(user, business)?;
    match visit {
        0 => Client::connect(host.websocket(), &token).await,
        1 => {
            let protocols = format!("signalbox.v1, bearer.{token}");
            let protocols = [("sec-websocket-protocol", protocols.as_str())];
            let mut client = Client::connect_with(host.websocket(), &protocols).await?;
            client.expect("welcome").await?;
            Ok(client)
        }
        _ => {
            let mut client = Client::connect_with(host.websocket(), &[]).await?;
            client.send(&json!({"type": "auth", "token": token})).await?;
            client.expect("welcome").await?;
            Ok(client)
        }
    }
}

/// Resumes: the frames after the cursor come again; the overlap may bring the one before too.
async fn resume(client: &mut Client, business: &str, cursor: Option<&Value>, said: &[Value]) -> Result<()> {
    client.send(&json!({"type": "resume", "businessId": business, "cursor": cursor})).await?;
    let mut replayed = Vec::new();
    loop {
        let frame = client.next().await?;
        match frame.get("type").and_then(Value::as_str) {
            Some("response") => replayed.extend(frame.get("id").cloned()),
            Some("resumed") => {
                ensure!(frame.get("recovered") == Some(&json!(true)), "{frame}");
                break;
            }
            Some("error") => bail!("while resuming came {frame}"),
            // Broadcasts to everyone are among the missed frames.
            _ => {}
        }
    }
    let missed = said.get(1..).unwrap_or_default();
    replayed.retain(|id| missed.contains(id));
    ensure!(replayed == missed, "of {missed:?} were resumed {replayed:?}");
    Ok(())
}

/// A message sent twice has one answer.
async fn repeat(client: &mut Client, business: &str, answer: &Value) -> Result<()> {
    let id = answer.get("messageId").and_then(Value::as_str).context("an answer names its message")?;
    client.say_as(id, business, "another text under the same id").await?;
    let error = client.expect_error("message_id_reused").await?;
    ensure!(error.pointer("/details/messageId").and_then(Value::as_str) == Some(id), "{error}");
    client.say_as("same", business, "the same twice").await?;
    let first = client.expect_for("response", "same").await?;
    client.say_as("same", business, "the same twice").await?;
    let mut ack = client.expect_for("ack", "same").await?;
    if ack.get("state") == Some(&json!("accepted")) {
        // A busy host acknowledges first that the message is stored.
        ack = client.expect_for("ack", "same").await?;
    }
    ensure!(ack.get("state") == Some(&json!("duplicate")), "{ack}");
    let second = client.expect_for("response", "same").await?;
    ensure!(first.get("id") == second.get("id"), "{first} and then {second}");
    Ok(())
}

fn text_of(response: &Value) -> Option<&str> {
    response.pointer("/content/text").and_then(Value::as_str)
}

/// One user broadcasts, and every listener gets everything in order.
pub async fn spread_news(host: Arc<Host>, round: usize) -> Result<Answers> {
    let mut answers = Answers::new();
    let mut listeners = Vec::new();
    for number in 0..LISTENERS {
        listeners.push(host.coordinator(&format!("listener-{round}-{number}"), "news").await?);
    }
    let mut speaker = host.coordinator(&format!("speaker-{round}"), "news").await?;
    for number in 0..NEWS {
        let content = json!({"round": round, "number": number});
        let calls = json!([{"call": "broadcast", "content": content}]);
        let id = format!("news-{number}");
        let content_of_message = json!({"data": {"calls": calls}});
        speaker
            .send(&json!({"type": "message", "id": id, "businessId": "news", "content": content_of_message}))
            .await?;
        for listener in &mut listeners {
            let heard = listener.expect("notification").await?;
            ensure!(heard.get("content") == Some(&content), "instead of {content} was heard {heard}");
            count(&mut answers, "news to everyone");
        }
    }
    // The listeners disconnect without a close.
    drop(listeners);
    speaker.close().await?;
    Ok(answers)
}
