//! Webhooks: good ones, repeated ones and forged ones.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::callers::{Caller, expect};
use crate::host::{Host, SECRET, http_client, until};
use crate::{Answers, count};

const DELIVERIES: usize = 12;
const FORGED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub async fn deliver(host: Arc<Host>, round: usize) -> Result<Answers> {
    let mut answers = Answers::new();
    let client = http_client()?;
    let auditor = Caller::new(&host, &format!("auditor-{round}"), "alpha")?;
    for number in 0..DELIVERIES {
        let id = format!("msg-{round}-{number}");
        let body = json!({"order": number}).to_string();
        let (status, first) = send(&host, &client, &id, &body, SECRET).await?;
        ensure!(status == 202, "{status} with {first}");
        count(&mut answers, "webhooks");
        let again = send(&host, &client, &id, &body, SECRET).await?;
        ensure!(again == (202, first.clone()), "{again:?} instead of {first}");
        count(&mut answers, "webhooks sent again");
        let (status, other) = send(&host, &client, &id, "{}", SECRET).await?;
        expect((status, &other), 409, "delivery_id_reused")?;
        let (status, forged) = send(&host, &client, &format!("forged-{id}"), &body, FORGED).await?;
        expect((status, &forged), 401, "signature_invalid")?;
        count(&mut answers, "wrong webhooks refused");
        if number == 0 {
            let input = first.pointer("/inputIds/0").and_then(Value::as_str).context("a delivery names its input")?;
            until("a webhook is decided", || async {
                let (_, input) = auditor.get(&format!("/v1/businesses/alpha/inputs/{input}")).await?;
                Ok(input.get("state") == Some(&json!("decided")))
            })
            .await?;
            count(&mut answers, "webhooks seen decided");
        }
    }
    Ok(answers)
}

async fn send(host: &Host, client: &reqwest::Client, id: &str, body: &str, secret: &str) -> Result<(u16, Value)> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let signature = Webhook::new(secret)?.sign(id, now, body.as_bytes())?;
    let request = client
        .post(host.url("/webhooks/alpha/events"))
        .header("webhook-id", id)
        .header("webhook-timestamp", now)
        .header("webhook-signature", signature)
        .body(body.to_owned());
    let response = request.send().await.context("the host does not answer")?;
    Ok((response.status().as_u16(), serde_json::from_str(&response.text().await?).context("the answer is no JSON")?))
}
