//! A decision that waits for a person, from outside the process: reviewed over HTTP, once, through `kill -9`.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use signalbox_tests_support::{Caller, DEADLINE, Host};

use super::misbehaving;

const REVIEWS: &str = "/v1/businesses/alpha/reviews";

fn reviewer(host: &Host, name: &str) -> Result<Caller> {
    Caller::new(&host.setup().token(name).business("alpha", &["coordinator"]))
}

/// Sends an input whose decision waits for a person; returns its entry in the list once it is there.
async fn waiting(host: &Host, reviewer: &Caller, text: &str) -> Result<Value> {
    let mut ana = host.coordinator("ana", "alpha").await?;
    let answer = ana.ask("alpha", text).await?;
    let listed = async {
        loop {
            let (status, page) = reviewer.get(host, REVIEWS).await?;
            anyhow::ensure!(status == 200, "{page}");
            let mut items = page.get("items").and_then(Value::as_array).into_iter().flatten();
            if let Some(item) = items.find(|item| item.get("decisionId") == answer.get("decisionId")) {
                return Ok(item.clone());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, listed).await.context("it is never listed")?
}

/// The decision's record once its only effect is delivered.
async fn left(host: &Host, id: &str) -> Result<Value> {
    let leaving = async {
        loop {
            let record = host.decision(id).await?.context("the decision is in the store")?;
            if record.pointer("/effects/0/state/is").and_then(Value::as_str) == Some("delivered") {
                return Ok(record);
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, leaving).await.context("it never leaves")?
}

#[tokio::test]
async fn an_acknowledged_review_survives_a_kill_9_and_the_second_reviewer_learns_who_was_first() -> Result<()> {
    let mut host = misbehaving()?.start().await?;
    let (mara, dan) = (reviewer(&host, "mara")?, reviewer(&host, "dan")?);
    let item = waiting(&host, &mara, "review this").await?;
    assert_eq!(item["actions"][0]["payload"]["news"], "review this", "{item}");
    let (id, href) = (item["decisionId"].as_str().unwrap(), item["href"].as_str().unwrap());
    assert_eq!(host.decision(id).await?.unwrap()["effects"][0]["state"]["is"], "withheld");

    let approve = json!({"verdict": "approve", "note": "fine"});
    let key = [("idempotency-key", "review-1")];
    let (status, first) = mara.post(&host, href, &key, &approve).await?;
    assert_eq!(status, 200, "{first}");
    host.kill().await?;
    host.restart().await?;

    let (status, problem) = dan.post(&host, href, &[], &json!({"verdict": "reject"})).await?;
    assert_eq!((status, problem["code"].as_str()), (409, Some("already_reviewed")), "{problem}");
    assert_eq!(problem["resolution"], first["review"]["resolution"]);
    let record = left(&host, id).await?;
    assert_eq!(record["effects"].as_array().map(Vec::len), Some(1), "{record}");
    let end = &record["review"]["resolution"];
    assert_eq!((&end["by"], &end["verdict"], &end["note"]), (&json!("mara"), &json!("approve"), &json!("fine")));
    assert_eq!(end["source"], "external_api");

    // A confirmed effect is never delivered again, whatever requests or restarts follow.
    let mut ana = host.coordinator("ana", "alpha").await?;
    assert_eq!(mara.post(&host, href, &key, &approve).await?, (200, first));
    let question = ana.say("alpha", "and now?").await?;
    loop {
        let frame = ana.next().await?;
        assert_ne!(frame["type"], "notification", "{frame}");
        if frame["type"] == "response" && frame["messageId"] == question.as_str() {
            break;
        }
    }
    assert_eq!(left(&host, id).await?["effects"], record["effects"]);
    Ok(())
}

#[tokio::test]
async fn what_a_reviewer_writes_instead_is_what_leaves_and_the_list_is_empty_afterwards() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let mara = reviewer(&host, "mara")?;
    let item = waiting(&host, &mara, "review that").await?;
    let (id, href) = (item["decisionId"].as_str().unwrap(), item["href"].as_str().unwrap());
    let mut ana = host.coordinator("ana", "alpha").await?;
    let mut action = item["actions"][0].clone();
    action["payload"] = json!({"news": "something else"});
    let (status, decision) = mara.post(&host, href, &[], &json!({"verdict": "edit", "actions": [action]})).await?;
    assert_eq!((status, decision["outcome"].as_str()), (200, Some("edited")), "{decision}");
    assert_eq!(ana.expect("notification").await?["content"]["news"], "something else");
    assert_eq!(left(&host, id).await?["effects"][0]["kind"]["action"]["payload"]["news"], "something else");
    let (_, page) = mara.get(&host, REVIEWS).await?;
    assert_eq!(page["items"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_review_that_nobody_takes_ends_by_itself_and_nothing_of_it_leaves() -> Result<()> {
    // Long enough to be listed first. The host ends the review by itself: no request comes after the time is over.
    let review = "[review]\nexpires-after = \"2s\"\nexpiry-interval = \"50ms\"\n";
    let host = misbehaving()?.config(review).start().await?;
    let mara = reviewer(&host, "mara")?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    let answer = ana.ask("alpha", "review this").await?;
    let id = answer["decisionId"].as_str().unwrap();
    let ending = async {
        loop {
            let record = host.decision(id).await?.context("the decision is in the store")?;
            if record["decision"]["outcome"] != "review-pending" {
                return anyhow::Ok(record);
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let record = tokio::time::timeout(DEADLINE, ending).await.context("it waits for ever")??;
    assert_eq!(
        (&record["decision"]["outcome"], &record["effects"][0]["state"]["is"]),
        (&json!("rejected"), &json!("dropped"))
    );
    let end = &record["review"]["resolution"];
    assert_eq!((&end["by"], &end["verdict"], &end["source"]), (&json!("expiry"), &json!("expire"), &Value::Null));

    let (status, problem) = mara.post(&host, &format!("{REVIEWS}/{id}"), &[], &json!({"verdict": "approve"})).await?;
    assert_eq!((status, problem["code"].as_str()), (409, Some("review_expired")), "{problem}");
    assert_eq!(host.metric("signalbox_reviews_total", &["verdict=\"expire\""]).await?, Some(1.0));
    Ok(())
}
