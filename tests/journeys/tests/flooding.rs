//! One business is flooded, over many sockets and the API. Its neighbour does not notice, and in the end no decision is
//! missing.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use signalbox_tests_support::{Client, DEADLINE};
use tokio::task::JoinSet;

use super::{all_decisions, misbehaving, text_at, until};

const SOCKETS: usize = 12;
const EACH: usize = 3;
const REQUESTS: usize = 24;

/// Room for four decisions and eight waiting inputs, with time limits for the slowest machine.
const NARROW: &str = "[intake]\nin-flight = 4\nwaiting = 8\nadmission-wait = \"1m\"\nretry-after = \"50ms\"\n";

#[tokio::test]
async fn a_neighbour_is_answered_and_never_refused_while_a_business_is_flooded() -> Result<()> {
    let host = misbehaving()?.config(NARROW).start().await?;
    let mut neighbour = host.coordinator("ion", "beta").await?;
    let mut flood = JoinSet::new();
    for number in 0..SOCKETS {
        let client = host.coordinator(&format!("flood-{number}"), "alpha").await?;
        flood.spawn(send_until_answered(client, number));
    }
    let url = format!("{}/v1/businesses/alpha/inputs", host.url());
    let token = host.setup().token("shop").business("alpha", &["coordinator"]).mint()?;
    for number in 0..REQUESTS {
        flood.spawn(give_in_until_accepted(url.clone(), token.clone(), number));
    }
    until("the flood is too much", async || {
        Ok(host.metric("signalbox_inputs_shed_total", &[]).await?.is_some_and(|shed| shed > 0.0))
    })
    .await?;
    for number in 0..10 {
        let text = format!("message {number}");
        // `ask` fails at an error frame.
        assert_eq!(neighbour.ask("beta", &text).await?["content"]["text"], json!(text));
    }

    let mut refused = 0;
    while let Some(sender) = flood.join_next().await {
        refused += sender??;
    }
    assert!(refused > 0);
    let expected: BTreeSet<_> = (0..SOCKETS)
        .flat_map(|socket| (0..EACH).map(move |number| socket_text(socket, number)))
        .chain((0..REQUESTS).map(request_text))
        .collect();
    until("everything that was accepted is decided", async || {
        Ok(all_decisions(&host, "alpha").await?.len() >= expected.len())
    })
    .await?;
    let decided = all_decisions(&host, "alpha").await?;
    assert_eq!(decided.len(), expected.len(), "each once");
    assert_eq!(decided.iter().map(text_of).collect::<Result<BTreeSet<_>>>()?, expected);
    assert_eq!(all_decisions(&host, "beta").await?.len(), 10);
    assert_eq!(host.metric("signalbox_inputs_waiting", &[]).await?, Some(0.0));
    Ok(())
}

fn socket_text(socket: usize, number: usize) -> String {
    format!("nap of message {number} over socket {socket}")
}

fn request_text(number: usize) -> String {
    format!("nap of request {number}")
}

/// The response of a decision repeats the text of its input.
fn text_of(decision: &Value) -> Result<String> {
    let text = text_at(decision, "/responses/0/content/text");
    text.map(str::to_owned).with_context(|| format!("there is no response in {decision}"))
}

/// Sends every refused message again, when the host says so; returns how many refusals there were.
async fn send_until_answered(mut client: Client, socket: usize) -> Result<usize> {
    let message = |number: usize| (format!("m-{number}"), socket_text(socket, number));
    for (id, text) in (0..EACH).map(message) {
        client.say_as(&id, "alpha", &text).await?;
    }
    let mut unanswered: BTreeSet<usize> = (0..EACH).collect();
    let mut refused = 0;
    while !unanswered.is_empty() {
        let frame = client.next().await?;
        let id = text_at(&frame, "/messageId").or_else(|| text_at(&frame, "/details/messageId"));
        let number: usize = id.context("it is about a message")?.trim_start_matches("m-").parse()?;
        match text_at(&frame, "/type") {
            Some("response") => drop(unanswered.remove(&number)),
            Some("error") => {
                ensure!(text_at(&frame, "/errorType") == Some("rate_limit_exceeded"), "{frame}");
                let wait = frame.pointer("/details/retryAfterMs").and_then(Value::as_u64);
                let wait = wait.with_context(|| format!("when? {frame}"))?;
                refused += 1;
                tokio::time::sleep(Duration::from_millis(wait)).await;
                let (id, text) = message(number);
                client.say_as(&id, "alpha", &text).await?;
            }
            _ => {}
        }
    }
    Ok(refused)
}

/// The same over the API.
async fn give_in_until_accepted(url: String, token: String, number: usize) -> Result<usize> {
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
    let mut refused = 0;
    loop {
        let request = client.post(&url).bearer_auth(&token).header("idempotency-key", format!("request-{number}"));
        let response = request.json(&json!({"content": {"text": request_text(number)}})).send().await?;
        match response.status().as_u16() {
            202 => return Ok(refused),
            429 | 503 => {
                let wait = response.headers().get("retry-after").context("a refusal says when to come back")?;
                refused += 1;
                tokio::time::sleep(Duration::from_secs(wait.to_str()?.parse()?)).await;
            }
            other => anyhow::bail!("{other}: {}", response.text().await?),
        }
    }
}
