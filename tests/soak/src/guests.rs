//! Guests that trap, compute or talk without end, or send requests.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::host::Host;
use crate::{Answers, count};

/// Behaviours after which there is no decision.
const FAILING: [&str; 15] = [
    "panic",
    "spin",
    "allocate",
    "recurse",
    "sleep",
    "many-host-calls",
    "undeclared-channel",
    "undeclared-goto",
    "nan-confidence",
    "bad-json",
    "deep-json",
    "huge-update",
    "wide-json",
    "invalid",
    "retry",
];

/// Behaviours that the host tolerates without an error.
const STOOD: [&str; 5] = ["log-flood", "stdout-flood", "read-env", "read-file", "nap"];

/// Enough traps to open the plugin's breaker.
const TRAPS: usize = 8;

const REQUESTS: usize = 4;

pub async fn misbehave(host: Arc<Host>, round: usize) -> Result<Answers> {
    let mut answers = Answers::new();
    let mut client = host.coordinator(&format!("wild-{round}"), "wild").await?;
    for behaviour in FAILING.into_iter().chain(["panic"; TRAPS]) {
        let id = client.say("wild", behaviour).await?;
        loop {
            let frame = client.next().await?;
            match frame.get("type").and_then(Value::as_str) {
                Some("error") => {
                    let found = ["/details/code", "/details/messageId"].map(|place| frame.pointer(place));
                    ensure!(found == [Some(&json!("decision_failed")), Some(&json!(id))], "{behaviour} gives {frame}");
                    break;
                }
                Some("response") => bail!("{behaviour} gives {frame}"),
                _ => {}
            }
        }
        count(&mut answers, "guests that fail");
    }
    for behaviour in STOOD {
        client.ask("wild", behaviour).await.with_context(|| behaviour)?;
        count(&mut answers, "guests that are stood");
    }
    client.close().await?;
    Ok(answers)
}

/// Requests of guests, some of which the host must refuse.
pub async fn reach_out(host: Arc<Host>, round: usize) -> Result<Answers> {
    let mut answers = Answers::new();
    let mut client = host.coordinator(&format!("outward-{round}"), "outward").await?;
    let base = format!("http://{}", host.upstream);
    for number in 0..REQUESTS {
        let send = |url: String| json!({"call": "send", "method": "GET", "url": url, "timeout": 20_000});
        let calls = [
            send(format!("{base}/allowed/soup")),
            send(format!("{base}/allowed/nothing-here")),
            send(format!("{base}/forbidden")),
            send("http://169.254.169.254/latest/meta-data".to_owned()),
        ];
        let id = format!("out-{number}");
        let content = json!({"data": {"calls": calls}});
        client.send(&json!({"type": "message", "id": id, "businessId": "outward", "content": content})).await?;
        let response = client.expect_for("response", &id).await?;
        let told = |place: &str| response.pointer(&format!("/content/data/{place}")).cloned().unwrap_or_default();
        ensure!(told("results/0/ok/body") == "tomato", "{response}");
        ensure!(told("results/1/ok/status") == 404, "{response}");
        ensure!(told("results/2/error") == "Denied" && told("results/3/error") == "Denied", "{response}");
        count(&mut answers, "requests of guests");
    }
    client.close().await?;
    Ok(answers)
}
