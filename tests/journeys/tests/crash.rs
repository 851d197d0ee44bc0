use anyhow::Result;
use serde_json::json;

use super::{decisions, misbehaving};

#[tokio::test]
async fn kill_9_after_the_acknowledgement_loses_nothing() -> Result<()> {
    let mut host = misbehaving()?.start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.say_as("m-1", "alpha", "nap, and then be killed").await?;
    let ack = ana.expect_for("ack", "m-1").await?;
    assert_eq!(ack["state"], "accepted", "the guest naps far longer than the host waits with its acknowledgement");
    host.kill().await?;
    host.restart().await?;

    // Nobody sends the message again. The answer comes by itself, or with the resume when it was faster than we.
    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.send(&json!({"type": "resume", "businessId": "alpha"})).await?;
    let answer = ana.expect_for("response", "m-1").await?;
    assert_eq!(answer["decisionId"], ack["decisionId"]);
    let decision = host.decision(ack["decisionId"].as_str().unwrap()).await?.expect("the decision is in the store");
    assert_eq!(decision["decision"]["context"]["input"]["content"]["text"], "nap, and then be killed");
    assert_eq!(decisions(&host, "alpha").await?, 1);
    Ok(())
}

#[tokio::test]
async fn kill_9_after_the_answer_keeps_the_decision() -> Result<()> {
    let mut host = misbehaving()?.start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.say_as("m-1", "alpha", "remember me").await?;
    let answer = ana.expect_for("response", "m-1").await?;
    host.kill().await?;
    host.restart().await?;

    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.say_as("m-1", "alpha", "remember me").await?;
    assert_eq!(ana.expect_for("ack", "m-1").await?["state"], "duplicate");
    assert_eq!(ana.expect_for("response", "m-1").await?["id"], answer["id"]);
    assert_eq!(decisions(&host, "alpha").await?, 1);
    Ok(())
}

#[tokio::test]
async fn many_acknowledged_messages_survive_a_kill_9_in_the_middle() -> Result<()> {
    let mut host = misbehaving()?.start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    for number in 0..6 {
        let text = if number % 2 == 0 { "nap" } else { "quick" };
        ana.say_as(&format!("m-{number}"), "alpha", text).await?;
    }
    // The last acknowledgement that is awaited is for a message in the middle of its work.
    let mut acknowledged = Vec::new();
    while acknowledged.len() < 3 {
        let frame = ana.next().await?;
        if frame["type"] == "ack" {
            acknowledged.push(frame["decisionId"].as_str().unwrap().to_owned());
        }
    }
    host.kill().await?;
    host.restart().await?;

    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.send(&json!({"type": "resume", "businessId": "alpha"})).await?;
    while !acknowledged.is_empty() {
        let frame = ana.expect("response").await?;
        acknowledged.retain(|id| frame["decisionId"] != json!(id));
    }
    Ok(())
}
