//! A webhook from outside the process: signed, stored, decided, and recognised as a duplicate after `kill -9`.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use signalbox_tests_support::{DEADLINE, Host, Setup};
use standardwebhooks::Webhook;

use super::{decisions, misbehaving_with};

pub const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A bundle's webhook that is verified with the secret `EVENTS`.
pub const HOOK: &str = "[inputs.webhook.events]\nverify = { scheme = \"standard-webhooks\", secret = \"EVENTS\" }\n";

/// Configures the secret, which is in the file `events`.
pub const SECRETS: &str = "[webhooks.secrets]\nEVENTS = [{ file = \"events\" }]\n";

/// Delivers an event, and returns the answer to its sender.
pub async fn deliver(host: &Host, id: &str, body: &str, secret: &str) -> Result<(u16, Value)> {
    deliver_to("alpha", host, id, body, secret).await
}

/// The same for a business.
pub async fn deliver_to(business: &str, host: &Host, id: &str, body: &str, secret: &str) -> Result<(u16, Value)> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let signature = Webhook::new(secret)?.sign(id, now, body.as_bytes())?;
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
    let request = client
        .post(format!("{}/webhooks/{business}/events", host.url()))
        .header("webhook-id", id)
        .header("webhook-timestamp", now)
        .header("webhook-signature", signature)
        .body(body.to_owned());
    let response = request.send().await?;
    Ok((response.status().as_u16(), serde_json::from_str(&response.text().await?).context("the answer is no JSON")?))
}

#[tokio::test]
async fn an_acknowledged_webhook_is_decided_once_through_repetition_and_kill() -> Result<()> {
    let (_folder, path) = misbehaving_with(HOOK)?;
    let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(path);
    fs::write(setup.path().join("events"), SECRET)?;
    let mut host = setup.config(SECRETS).start().await?;

    let (status, first) = deliver(&host, "msg_1", r#"{"order":7}"#, SECRET).await?;
    assert_eq!(status, 202, "{first}");
    host.kill().await?;
    host.restart().await?;
    assert_eq!(deliver(&host, "msg_1", r#"{"order":7}"#, SECRET).await?, (202, first));
    let (status, other) = deliver(&host, "msg_1", r#"{"order":8}"#, SECRET).await?;
    assert_eq!((status, &other["code"]), (409, &json!("delivery_id_reused")));
    let (status, stranger) =
        deliver(&host, "msg_2", r#"{"order":9}"#, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").await?;
    assert_eq!((status, &stranger["code"]), (401, &json!("signature_invalid")));

    let decided = async {
        while decisions(&host, "alpha").await? == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, decided).await.context("the webhook is never decided")??;
    assert_eq!(decisions(&host, "alpha").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_bundle_whose_webhook_has_no_secret_keeps_the_host_from_starting() -> Result<()> {
    let (_folder, path) = misbehaving_with(HOOK)?;
    let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(path);
    let output = setup.run(&["serve"]).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("webhook `events`") && said.contains("`EVENTS`"), "{said}");
    Ok(())
}
