use anyhow::Result;
use serde_json::json;
use signalbox_tests_support::{Caller, DEADLINE, Host};

use super::{decisions, misbehaving};

const INPUTS: &str = "/v1/businesses/alpha/inputs";

fn shop(host: &Host) -> Result<Caller> {
    Caller::new(&host.setup().token("shop").business("alpha", &["coordinator"]))
}

/// Queries an input until it is decided.
async fn decided(caller: &Caller, host: &Host, href: &str) -> Result<serde_json::Value> {
    let asking = async {
        loop {
            let (status, input) = caller.get(host, href).await?;
            anyhow::ensure!(status == 200, "{input}");
            if input.get("state").and_then(serde_json::Value::as_str) != Some("accepted") {
                return Ok(input);
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, asking).await?
}

#[tokio::test]
async fn a_request_that_waits_is_answered_with_its_decision_and_the_record_is_the_same() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let shop = shop(&host)?;
    let body = json!({"locationId": "north", "content": {"text": "bună ziua"}});
    let (status, decision) = shop.post(&host, INPUTS, &[("prefer", "wait=30")], &body).await?;
    assert_eq!(status, 200, "{decision}");
    assert_eq!(decision["decisionCode"], "probe.answered");
    assert_eq!(decision["responses"][0]["content"]["text"], "bună ziua");

    let id = decision["id"].as_str().unwrap();
    let record = host.decision(id).await?.expect("the decision is in the store");
    assert_eq!(record["decision"]["context"]["input"]["source"], "external_api");
    assert_eq!(record["decision"]["context"]["input"]["type"], "api_request");
    assert_eq!(record["decision"]["context"]["input"]["userId"], "shop");
    assert_eq!(host.metric("signalbox_api_requests_total", &["status=\"200\""]).await?, Some(1.0));
    Ok(())
}

#[tokio::test]
async fn what_was_accepted_over_the_api_is_decided_after_a_kill_9() -> Result<()> {
    let mut host = misbehaving()?.start().await?;
    let shop = shop(&host)?;
    let mut hrefs = Vec::new();
    for index in 0..10 {
        let body = json!({"content": {"text": format!("order {index}")}});
        let key = format!("order-{index}");
        let (status, accepted) = shop.post(&host, INPUTS, &[("idempotency-key", &key)], &body).await?;
        assert_eq!(status, 202, "{accepted}");
        hrefs.push(accepted["href"].as_str().unwrap().to_owned());
    }
    host.kill().await?;
    host.restart().await?;
    for href in &hrefs {
        assert_eq!(decided(&shop, &host, href).await?["state"], "decided");
    }
    assert_eq!(decisions(&host, "alpha").await?, 10);

    let body = json!({"content": {"text": "order 3"}});
    let (status, again) = shop.post(&host, INPUTS, &[("idempotency-key", "order-3")], &body).await?;
    assert_eq!((status, again["href"].as_str()), (202, Some(&*hrefs[3])), "the record outlived the process");
    let other = json!({"content": {"text": "order 4"}});
    let (status, problem) = shop.post(&host, INPUTS, &[("idempotency-key", "order-3")], &other).await?;
    assert_eq!((status, problem["code"].as_str()), (422, Some("idempotency_key_reused")));
    assert_eq!(decisions(&host, "alpha").await?, 10);
    Ok(())
}

#[tokio::test]
async fn pages_lead_through_all_decisions() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let shop = shop(&host)?;
    let mut made = Vec::new();
    for index in 0..5 {
        let body = json!({"content": {"text": format!("{index}")}});
        let (_, decision) = shop.post(&host, &format!("{INPUTS}?wait=30"), &[], &body).await?;
        made.push(decision["id"].as_str().unwrap().to_owned());
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/businesses/alpha/decisions?order=oldest&limit=2{cursor}");
        let (status, page) = shop.get(&host, &path).await?;
        assert_eq!(status, 200, "{page}");
        found.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, made);
    Ok(())
}
