use std::collections::BTreeSet;
use std::fs;

use anyhow::Result;
use serde_json::{Value, json};
use signalbox_tests_support::Setup;

use super::{decisions, misbehaving, misbehaving_with};

#[tokio::test]
async fn kill_9_after_the_acknowledgement_loses_nothing() -> Result<()> {
    let mut host = misbehaving()?.start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.say_as("m-1", "alpha", "nap, and then be killed").await?;
    let ack = ana.expect_for("ack", "m-1").await?;
    assert_eq!(ack["state"], "accepted", "the guest naps far longer than the host waits with its acknowledgement");
    host.kill().await?;
    host.restart().await?;

    // The message is not sent again. The answer comes by itself, or with the resume when it was made before the client
    // connected.
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
    // The last acknowledgement that the test waits for is of a message that is being decided.
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

#[tokio::test]
async fn an_input_that_ends_every_host_becomes_a_dead_letter_and_others_are_decided() -> Result<()> {
    // A decision that takes far longer than the test waits before it kills the process.
    let (folder, bundle) = misbehaving_with("")?;
    let manifest = bundle.join("bundle.toml");
    let text = fs::read_to_string(&manifest)?;
    let text = text.replace("time = \"2s\"", "time = \"1min\"").replace("deadline = \"10s\"", "deadline = \"5min\"");
    fs::write(&manifest, text)?;
    let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(bundle);
    let mut host = setup.config("[intake]\nrecovery-attempts = 2").start().await?;
    let mut decisions_of = Vec::new();
    for (message, text) in [("killer", "sleep"), ("innocent", "nap")] {
        // Messages of one connection are decided one after the other.
        let mut ana = host.coordinator("ana", "alpha").await?;
        ana.say_as(message, "alpha", text).await?;
        let ack = ana.expect_for("ack", message).await?;
        assert_eq!(ack["state"], "accepted", "both are acknowledged, and neither is decided");
        decisions_of.push(ack["decisionId"].as_str().unwrap().to_owned());
    }
    let [killer, innocent]: [String; 2] = decisions_of.try_into().expect("there are two");
    host.kill().await?;
    // Simulates an input that crashes every host that decides it: the process ends before the decision is made.
    for ended in 0..2 {
        host.restart().await?;
        let again = |line: &Value| {
            line["decision_id"] == json!(killer) && line["attempts"] == json!(ended) && line["level"] == "INFO"
        };
        host.log().wait_for("the killer is tried again", again).await?;
        host.kill().await?;
    }
    host.restart().await?;
    host.log()
        .wait_for("the killer is given up", |line| line["level"] == "ERROR" && line["decision_id"] == json!(killer))
        .await?;

    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.send(&json!({"type": "resume", "businessId": "alpha"})).await?;
    // The input beside it is decided and answered; for the one that was given up the client gets an error, perhaps
    // twice.
    let wanted = BTreeSet::from([("error".to_owned(), killer.clone()), ("response".to_owned(), innocent.clone())]);
    let mut heard = BTreeSet::new();
    while !wanted.is_subset(&heard) {
        let frame = ana.next().await?;
        let kind = frame["type"].as_str().unwrap_or_default().to_owned();
        let about = frame.get("decisionId").or_else(|| frame.pointer("/details/decisionId")).and_then(Value::as_str);
        heard.extend(about.filter(|_| kind == "response" || kind == "error").map(|about| (kind, about.to_owned())));
    }
    assert_eq!(heard, wanted);
    let decision = host.decision(&killer).await?.expect("it is on record")["decision"].clone();
    assert_eq!(decision["outcome"], "failed");
    assert_eq!(decision["metadata"]["deadLetter"], json!({"reason": "ended_the_host", "attempts": 2}));
    let reasoning = decision["reasoning"].as_str().unwrap_or_default();
    assert!(reasoning.contains("the host ended 2 times") && reasoning.contains("under a new id"), "{reasoning}");
    let listed = host.setup().run(&["decisions", "list", "--outcome", "dead-letter"]).await?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains(&killer) && listed.contains("dead-letter") && !listed.contains(&innocent), "{listed}");
    let counted = host.metric("signalbox_inputs_dead_letters_total", &["ended_the_host"]).await?;
    assert_eq!(counted, Some(1.0));

    // The next start finds nothing left to do.
    host.kill().await?;
    host.restart().await?;
    ana = host.coordinator("ana", "alpha").await?;
    ana.say_as("m-3", "alpha", "remember me").await?;
    ana.expect_for("response", "m-3").await?;
    assert_eq!(decisions(&host, "alpha").await?, 3);
    drop(folder);
    Ok(())
}
