//! Answers to people who are not connected any more: the mailbox, and the fallback topic after a time.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use signalbox_tests_support::Kafka;

use crate::{misbehaving, text_at, until};

const FALLBACK: &str = "fallback";

#[tokio::test]
async fn an_answer_that_no_connection_took_goes_to_the_fallback_topic_after_a_kill_9_and_can_be_resumed() -> Result<()>
{
    let kafka = Kafka::start()?;
    kafka.topic(FALLBACK, 1).await?;
    let keys = format!(
        "[kafka]\nbrokers = [{}]\ngroup-id = {}\ndead-letter-topic = {}\nfallback-topic = {}\nfallback-after = \"8s\"\n\
         [delivery]\nlease = \"4s\"\nscan-interval = \"100ms\"\n",
        json!(kafka.brokers()),
        json!(kafka.name("signalbox")),
        json!(kafka.name("dead-letters")),
        json!(kafka.name(FALLBACK))
    );
    let mut host = misbehaving()?.config(&keys).start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.say_as("m-1", "alpha", "nap, and nobody listens").await?;
    let ack = ana.expect_for("ack", "m-1").await?;
    ana.close().await?;
    let id = text_at(&ack, "/decisionId").context("the acknowledgement names the decision")?.to_owned();
    let state = |decision: &Value| text_at(decision, "/effects/0/state/is").map(str::to_owned);
    until("the answer is in the mailbox", async || {
        let decision = host.decision(&id).await?;
        Ok(decision.as_ref().and_then(state).as_deref() == Some("kept"))
    })
    .await?;
    host.kill().await?;
    host.restart().await?;
    let record = kafka.read(FALLBACK, 1).await?.remove(0);
    let value: Value = serde_json::from_slice(&record.value.clone().context("the record has a value")?)?;
    assert_eq!(record.header("signalbox-idempotency-key"), text_at(&value, "/id"));
    assert_eq!((&value["type"], &value["userId"]), (&json!("response"), &json!("ana")));
    until("the record says where the answer is", async || {
        let decision = host.decision(&id).await?.context("the decision is in the store")?;
        Ok(text_at(&decision, "/effects/0/state/to") == Some("fallbackTopic"))
    })
    .await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.send(&json!({"type": "resume", "businessId": "alpha"})).await?;
    let answer = ana.expect_for("response", "m-1").await?;
    assert_eq!(answer["id"], value["id"], "the client and the original system have the same message");
    assert_eq!(answer["content"], value["content"]);
    Ok(())
}
