use anyhow::Result;
use serde_json::{Value, json};
use signalbox_tests_support::{Caller, Client, Setup, Token, bad_tokens};
use tokio_tungstenite::tungstenite::Message;

use super::{decisions, misbehaving};

#[tokio::test]
async fn every_bad_token_is_refused_with_its_reason_and_a_neighbour_is_answered_meanwhile() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let mut neighbour = host.coordinator("ion", "beta").await?;
    for bad in bad_tokens("ana", "alpha")? {
        let mut client = Client::connect_with(host.websocket(), &[]).await?;
        client.send(&json!({"type": "auth", "token": bad.token})).await?;
        let error = client.expect("error").await?;
        assert_eq!(error["errorType"], "auth_failed", "{}: {error}", bad.why);
        assert_eq!(error["details"]["code"], bad.code, "{}: {error}", bad.why);
        let closed = client.closed().await?;
        assert_eq!(closed.code, if bad.code == "token_expired" { 4402 } else { 4401 }, "{}: {closed:?}", bad.why);
        neighbour.ask("beta", bad.why).await?;
    }
    assert_eq!(decisions(&host, "alpha").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_frame_that_is_no_frame_gives_its_error_and_the_connection_lives_on() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    let frames = [
        ("not json", "not_json"),
        ("[]", "no_frame_type"),
        (r#"{"type":"shout"}"#, "unknown_frame_type"),
        (r#"{"type":"message","id":"m","businessId":"alpha","content":{"text":5}}"#, "invalid_field"),
        (r#"{"type":"message","id":"m","businessId":"alpha","content":{"text":"x"},"extra":1}"#, "invalid_field"),
    ];
    for (frame, code) in frames {
        ana.send_raw(Message::text(frame)).await?;
        let error = ana.expect_error(code).await?;
        assert_eq!(error["errorType"], "validation_error", "{error}");
    }
    assert_eq!(ana.ask("alpha", "still here").await?["content"]["text"], "still here");
    assert_eq!(decisions(&host, "alpha").await?, 1);
    Ok(())
}

#[tokio::test]
async fn frames_that_no_client_may_send_close_with_their_own_code() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let mut neighbour = host.coordinator("ion", "beta").await?;
    let huge = json!({"type": "message", "id": "m", "businessId": "alpha", "content": {"text": "x".repeat(1 << 20)}});
    let cases = [(Message::binary(vec![1, 2, 3]), 1003), (Message::text(huge.to_string()), 1009)];
    for (message, code) in cases {
        let mut ana = host.coordinator("ana", "alpha").await?;
        ana.send_raw(message).await?;
        assert_eq!(ana.closed().await?.code, code);
        neighbour.ask("beta", "meanwhile").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_business_or_place_that_the_user_may_not_see_looks_like_none() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let token = Token::new("ana").locations("alpha", &["coordinator"], &["north"]).mint()?;
    let mut ana = Client::connect(host.websocket(), &token).await?;
    let message = |business: &str, location: Option<&str>| json!({"type": "message", "id": "m", "businessId": business, "locationId": location, "content": {"text": "x"}});
    let mut errors = Vec::new();
    for (business, location) in [("beta", None), ("nowhere", None), ("alpha", Some("south")), ("alpha", Some("moon"))] {
        ana.send(&message(business, location)).await?;
        let error = ana.expect("error").await?;
        errors.push((error["errorType"].clone(), error["details"]["code"].clone()));
    }
    assert_eq!(errors[0], errors[1], "a business that exists and one that does not look the same");
    assert_eq!(errors[2], errors[3], "a place that exists and one that does not look the same");
    ana.send(&message("alpha", Some("north"))).await?;
    ana.expect("response").await?;
    assert_eq!(decisions(&host, "beta").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_role_without_the_permission_may_not_send() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let token = Token::new("guest").business("alpha", &["guest"]).mint()?;
    let mut guest = Client::connect(host.websocket(), &token).await?;
    guest.say("alpha", "hello").await?;
    let error = guest.expect("error").await?;
    assert_eq!(error["errorType"], "auth_failed", "{error}");
    assert_eq!(decisions(&host, "alpha").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_message_before_the_token_is_refused() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let mut nobody = Client::connect_with(host.websocket(), &[]).await?;
    nobody.say("alpha", "let me in").await?;
    let error: Value = nobody.expect("error").await?;
    assert_eq!(error["errorType"], "auth_failed", "{error}");
    assert_eq!(nobody.closed().await?.code, 4401);
    assert_eq!(decisions(&host, "alpha").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_bundle_with_mistakes_keeps_the_host_from_starting_and_every_mistake_is_told() -> Result<()> {
    let setup = Setup::new()?.business("alpha", "broken")?;
    let folder = setup.path().join("broken");
    std::fs::create_dir(&folder)?;
    std::fs::write(
        folder.join("bundle.toml"),
        "[bundle]\nbusiness-type = \"broken\"\nversion = \"1.0.0\"\n\n[graph.nodes.ask]\nplugin = \"nobody\"\n\n\
         [[graph.edges]]\nfrom = \"start\"\nto = \"ask\"\n\n[[graph.edges]]\nfrom = \"ask\"\nto = \"nowhere\"\n",
    )?;
    let error = format!("{:#}", setup.bundle(folder).start().await.expect_err("a broken bundle is not served"));
    for part in ["bundle.toml", "nobody", "nowhere"] {
        assert!(error.contains(part), "`{part}` is missing in:\n{error}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_configuration_key_keeps_the_host_from_starting_and_is_pointed_at() -> Result<()> {
    let setup = misbehaving()?.config("[websocket]\nmax-mesage-bytes = 5\n");
    let error = format!("{:#}", setup.start().await.expect_err("a wrong key is not passed over"));
    for part in ["signalbox.toml", "max-mesage-bytes"] {
        assert!(error.contains(part), "`{part}` is missing in:\n{error}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_plugin_says_while_it_breaks_is_told_to_the_operator_alone() -> Result<()> {
    let host = misbehaving()?.start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.say_as("m-1", "alpha", "panic").await?;
    let error = ana.expect_error("decision_failed").await?;
    let id = error["details"]["decisionId"].as_str().unwrap();
    let correlation_id = error["correlationId"].as_str().unwrap();
    assert!(error["message"].as_str().unwrap().contains(correlation_id), "{error}");

    let coordinator = Caller::new(&host.setup().token("mara").business("alpha", &["coordinator"]))?;
    let (status, decision) = coordinator.get(&host, &format!("/v1/businesses/alpha/decisions/{id}")).await?;
    assert_eq!((status, decision["outcome"].as_str()), (200, Some("failed")), "{decision}");
    let (_, listed) = coordinator.get(&host, "/v1/businesses/alpha/decisions").await?;
    let body = json!({"content": {"text": "panic"}});
    let (status, waited) = coordinator.post(&host, "/v1/businesses/alpha/inputs?wait=30", &[], &body).await?;
    assert_eq!((status, waited["outcome"].as_str()), (200, Some("failed")), "{waited}");
    ana.send(&json!({"type": "resume", "businessId": "alpha"})).await?;
    let resumed = ana.expect_error("decision_failed").await?;
    for told in [&error, &decision, &listed, &waited, &resumed] {
        let told = told.to_string();
        for inside in ["panicked", ".rs", "wasm", "unreachable", "src/"] {
            assert!(!told.contains(inside), "`{inside}` is in {told}");
        }
    }
    let shown = host.setup().run(&["decisions", "show", id]).await?;
    let shown = String::from_utf8(shown.stdout)?;
    assert!(shown.contains("panicked at") && shown.contains(".rs"), "{shown}");
    Ok(())
}
