//! A decision that waits for a person: every user who may review it sees it, exactly one review counts, and the actions
//! that it approves leave.

use serde_json::{Value, json};
use signalbox_model::{Outcome, ReviewVerdict};
use signalbox_store::{DecisionRecord, EffectState};

use super::client::Client;
use super::host::{Host, token};

async fn manager(host: &Host, name: &str) -> Client {
    host.connect(&token(name, &[("trattoria", "manager")], 3_600)).await
}

fn review(id: &str, decision_id: &Value, verdict: &str) -> Value {
    json!({"type": "review", "id": id, "businessId": "trattoria", "decisionId": decision_id, "verdict": verdict})
}

/// Sends a message of ana whose decision waits for a person; returns the decision's id once she has her answer.
async fn asked(ana: &mut Client, text: &str) -> Value {
    ana.send_message("m1", text).await;
    ana.expect_answer().await["decisionId"].clone()
}

async fn stored(host: &Host, id: &Value) -> DecisionRecord {
    host.store.decision(id.as_str().unwrap(), "trattoria").await.unwrap().unwrap()
}

#[tokio::test]
async fn the_actions_of_an_approved_decision_leave_once_and_every_reviewer_is_notified() {
    let host = Host::start().await;
    let (mut ana, mut mara, mut dan) = (host.ana().await, manager(&host, "mara").await, manager(&host, "dan").await);
    let id = asked(&mut ana, "review").await;
    for reviewer in [&mut mara, &mut dan] {
        let frame = reviewer.expect("review").await;
        assert_eq!((&frame["decisionId"], &frame["state"]), (&id, &json!("requested")), "{frame}");
        assert_eq!(frame["actions"][0]["target"], "user:ana", "{frame}");
        assert!(frame["expiresAt"].is_string(), "{frame}");
    }
    mara.send(review("r1", &id, "approve")).await;
    for reviewer in [&mut mara, &mut dan] {
        let frame = reviewer.expect("review").await;
        assert_eq!(frame["state"], "resolved", "{frame}");
        assert_eq!(frame["resolution"]["by"], "mara", "{frame}");
    }
    let ack = mara.expect("ack").await;
    assert_eq!((&ack["messageId"], &ack["decisionId"], &ack["state"]), (&json!("r1"), &id, &json!("decided")));
    // Ana is no reviewer: the next frame that she gets is the approved notification.
    assert_eq!(ana.expect("notification").await["content"]["news"], "review");

    mara.send(review("r1", &id, "approve")).await;
    assert_eq!(mara.expect("ack").await["state"], "duplicate", "sent again is answered as the first time");
    mara.send(review("r1", &id, "reject")).await;
    mara.expect_error("message_id_reused").await;
    dan.send(review("r1", &id, "reject")).await;
    let error = dan.expect_error("already_reviewed").await;
    assert_eq!((&error["details"]["by"], &error["details"]["verdict"]), (&json!("mara"), &json!("approve")));
    assert!(error["details"]["at"].is_string(), "{error}");
    let record = stored(&host, &id).await;
    assert_eq!(record.decision.outcome, Outcome::Approved);
    assert_eq!(record.review.unwrap().resolution.unwrap().input_id, ack["inputId"].as_str().unwrap());
}

#[tokio::test]
async fn an_edit_changes_what_leaves() {
    let host = Host::start().await;
    let (mut ana, mut mara) = (host.ana().await, manager(&host, "mara").await);
    let id = asked(&mut ana, "review").await;
    let mut action = mara.expect("review").await["actions"][0].clone();
    action["payload"] = json!({"news": "better"});
    let mut frame = review("r1", &id, "edit");
    mara.send(frame.clone()).await;
    mara.expect_error("invalid_review").await;
    frame["actions"] = json!([action]);
    mara.send(frame).await;
    let frame = mara.expect("review").await;
    assert_eq!(frame["actions"][0]["payload"]["news"], "better", "{frame}");
    mara.expect("ack").await;
    assert_eq!(ana.expect("notification").await["content"]["news"], "better");
    assert_eq!(stored(&host, &id).await.decision.outcome, Outcome::Edited);
}

#[tokio::test]
async fn the_actions_of_a_rejected_decision_never_leave_and_the_record_has_reviewer_and_reason() {
    let host = Host::start().await;
    let (mut ana, mut mara) = (host.ana().await, manager(&host, "mara").await);
    let id = asked(&mut ana, "review").await;
    mara.expect("review").await;
    let mut frame = review("r1", &id, "reject");
    frame["note"] = json!("too dear");
    mara.send(frame).await;
    mara.expect("review").await;
    mara.expect("ack").await;
    let record = stored(&host, &id).await;
    assert_eq!(record.decision.outcome, Outcome::Rejected);
    assert!(record.effects.iter().all(|effect| matches!(effect.state, EffectState::Dropped { .. })), "{record:?}");
    let end = record.review.unwrap().resolution.unwrap();
    assert_eq!((end.by.as_str(), end.verdict, end.note.as_deref()), ("mara", ReviewVerdict::Reject, Some("too dear")));
}

#[tokio::test]
async fn of_concurrent_reviews_over_http_exactly_one_counts_and_the_others_name_its_reviewer() {
    let host = Host::start().await;
    let mut ana = host.ana().await;
    let id = asked(&mut ana, "review").await;
    let mut reviewers = Vec::new();
    for number in 0..8 {
        reviewers.push((format!("user{number}"), manager(&host, &format!("user{number}")).await));
    }
    for (number, (_, client)) in reviewers.iter_mut().enumerate() {
        client.send(review("r1", &id, if number % 2 == 0 { "approve" } else { "reject" })).await;
    }
    let (mut first, mut told) = (Vec::new(), Vec::new());
    for (name, client) in &mut reviewers {
        let answer = loop {
            let frame = client.next().await;
            if frame["type"] != "review" {
                break frame;
            }
        };
        if answer["type"] == "ack" {
            first.push(name.clone());
        } else {
            assert_eq!(answer["details"]["code"], "already_reviewed", "{answer}");
            told.push(answer["details"]["by"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!((first.len(), told.len()), (1, 7));
    assert!(told.iter().all(|by| *by == first[0]), "{first:?} {told:?}");
}

#[tokio::test]
async fn a_user_without_the_review_permission_is_refused_and_nothing_changes() {
    let host = Host::start().await;
    let mut ana = host.ana().await;
    let id = asked(&mut ana, "review").await;
    ana.send(review("r1", &id, "approve")).await;
    let error = ana.expect_error("permission_missing").await;
    assert_eq!((&error["details"]["messageId"], &error["details"]["decisionId"]), (&json!("r1"), &id));
    let mut foreign = review("r2", &id, "approve");
    foreign["businessId"] = json!("clinic");
    ana.send(foreign).await;
    ana.expect_error("business_not_found").await;
    assert_eq!(stored(&host, &id).await.decision.outcome, Outcome::ReviewPending);

    let mut mara = manager(&host, "mara").await;
    mara.send(review("r1", &json!("dec_nobody"), "approve")).await;
    mara.expect_error("decision_not_found").await;
    mara.send(review("with space", &id, "approve")).await;
    mara.expect_error("invalid_message_id").await;
    mara.send_message("m1", "hello").await;
    let decided = mara.expect_answer().await["decisionId"].clone();
    mara.send(review("r2", &decided, "approve")).await;
    mara.expect_error("not_under_review").await;
    assert_eq!(stored(&host, &id).await.decision.outcome, Outcome::ReviewPending);
}

#[tokio::test]
async fn an_expired_review_is_refused() {
    let host = Host::start().await;
    let (mut ana, mut mara) = (host.ana().await, manager(&host, "mara").await);
    let id = asked(&mut ana, "review:expired").await;
    mara.expect("review").await;
    assert_eq!(host.intake.expire_reviews().await.unwrap(), 1);
    let frame = mara.expect("review").await;
    assert_eq!((&frame["resolution"]["by"], &frame["resolution"]["verdict"]), (&json!("expiry"), &json!("expire")));
    assert_eq!(host.intake.expire_reviews().await.unwrap(), 0);
    mara.send(review("r1", &id, "approve")).await;
    mara.expect_error("review_expired").await;
    let record = stored(&host, &id).await;
    assert_eq!(record.decision.outcome, Outcome::Rejected);
    assert!(record.effects.iter().all(|effect| matches!(effect.state, EffectState::Dropped { .. })), "{record:?}");
}

#[tokio::test]
async fn a_reviewer_who_was_away_finds_what_waits_by_resuming() {
    let host = Host::start().await;
    let mut ana = host.ana().await;
    let id = asked(&mut ana, "review").await;
    let mut mara = manager(&host, "mara").await;
    mara.send(json!({"type": "resume", "businessId": "trattoria"})).await;
    let frame = mara.expect("review").await;
    assert_eq!((&frame["decisionId"], &frame["state"]), (&id, &json!("requested")));
    mara.expect("resumed").await;
    ana.send(json!({"type": "resume", "businessId": "trattoria"})).await;
    ana.expect("response").await;
    ana.expect("resumed").await;
}

#[tokio::test]
async fn a_review_of_what_can_be_no_decision_is_the_clients_mistake_and_counts_as_one() {
    let host = Host::with(|settings| {
        settings.websocket.burst = std::num::NonZeroU32::new(1_000).unwrap();
        settings.websocket.max_errors = 9;
        // On a machine of any speed, all of them come within the window.
        settings.websocket.error_window = signalbox_model::HumanDuration::secs(600);
    })
    .await;
    let mut mara = manager(&host, "mara").await;
    let ids = [String::new(), "x".repeat(60_000), "x".repeat(65), "dec 1".to_owned(), "dec#1".to_owned()];
    for (number, id) in ids.iter().cycle().take(9).enumerate() {
        mara.send(review(&format!("r{number}"), &json!(id), "approve")).await;
        let error = mara.expect("error").await;
        let code = error["details"]["code"].as_str().unwrap();
        assert!(["invalid_field", "invalid_decision_id"].contains(&code), "{error}");
        assert_eq!(error["errorType"], "validation_error", "{error}");
        assert_eq!(error["details"]["retryable"], false, "{error}");
        assert_eq!(error["details"]["messageId"], format!("r{number}"), "{error}");
        assert!(error.to_string().len() < 1_000, "{} bytes", error.to_string().len());
    }
    mara.send(review("r9", &json!(""), "approve")).await;
    assert_eq!(mara.expect_close().await.code, 4429);
}

#[tokio::test]
async fn an_invented_cursor_is_a_client_error() {
    use base64::Engine as _;
    let host = Host::start().await;
    let mut ana = host.ana().await;
    let id = asked(&mut ana, "hi").await;
    let own = stored(&host, &id).await.cursor();
    let sealed = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&own).unwrap();
    let (tag, position) = sealed.split_at(8);
    let position = std::str::from_utf8(position).unwrap();
    for made_up in [String::new(), "x".repeat(1_100), format!("{position}{}", "x".repeat(1_100))] {
        let bytes = [tag, made_up.as_bytes()].concat();
        let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        ana.send(json!({"type": "resume", "businessId": "trattoria", "cursor": cursor})).await;
        let error = ana.expect_error("invalid_cursor").await;
        assert_eq!(error["details"]["retryable"], false, "{error}");
    }
}
