//! A client gets again what it missed: all of it, in order, and nothing that is for others.

use std::time::Duration;

use serde_json::{Value, json};
use signalbox_model::{HumanSize, Timestamp};
use signalbox_store::{DeliveredTo, EffectState};

use super::client::Client;
use super::host::{Host, token};

impl Client {
    async fn resume(&mut self, cursor: Option<&str>) {
        let mut frame = json!({"type": "resume", "businessId": "trattoria"});
        if let Some(cursor) = cursor {
            frame["cursor"] = cursor.into();
        }
        self.send(frame).await;
    }

    /// The frames that a resume brings, and the one that ends it.
    async fn resumed(&mut self) -> (Vec<Value>, Value) {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["type"] == "resumed" {
                return (frames, frame);
            }
            frames.push(frame);
        }
    }

    async fn ask(&mut self, id: &str, text: &str) -> Value {
        self.send_message(id, text).await;
        loop {
            let frame = self.next().await;
            if frame["type"] == "response" || frame["type"] == "error" {
                return frame;
            }
        }
    }
}

fn texts(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["content"]["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_client_that_was_away_gets_what_it_missed_in_order() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    let first = client.ask("m1", "one").await;
    drop(client);
    let mut elsewhere = host.ana().await;
    let mut dan = host.connect(&token("dan", &[("trattoria", "coordinator")], 3_600)).await;
    let mut missed = Vec::new();
    for number in 2..6 {
        missed.push(elsewhere.ask(&format!("m{number}"), &number.to_string()).await);
        dan.ask(&format!("m{number}"), "of dan").await;
    }
    let failed = elsewhere.ask("m6", "fail").await;
    let mut client = host.ana().await;
    client.resume(first["cursor"].as_str()).await;
    let (frames, end) = client.resumed().await;
    assert_eq!(frames[0], first, "what was lately is repeated");
    assert_eq!(texts(&frames[1..5]), ["re: 2", "re: 3", "re: 4", "re: 5"]);
    assert_eq!(frames[1..5], missed, "byte for byte what came live, ids included");
    assert_eq!(frames[5]["details"]["decisionId"], failed["details"]["decisionId"]);
    assert_eq!((&end["recovered"], &end["count"]), (&json!(true), &json!(6)));
    assert_eq!(end["businessId"], "trattoria");
    // The end of one resume is the start of the next.
    client.resume(end["cursor"].as_str()).await;
    let (again, next) = client.resumed().await;
    assert_eq!((again, &next), (frames, &end));
}

#[tokio::test]
async fn the_overlap_repeats_frames_under_the_same_id() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    let first = client.ask("m1", "one").await;
    let second = client.ask("m2", "two").await;
    client.resume(second["cursor"].as_str()).await;
    let (frames, end) = client.resumed().await;
    assert_eq!(frames, [first, second]);
    assert_eq!(end["count"], 2);
}

#[tokio::test]
async fn without_a_cursor_everything_comes_and_without_a_decision_nothing() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    client.resume(None).await;
    let (frames, end) = client.resumed().await;
    assert!(frames.is_empty());
    assert_eq!(end, json!({"type": "resumed", "businessId": "trattoria", "recovered": true, "count": 0}));
    client.ask("m1", "one").await;
    client.resume(None).await;
    assert_eq!(texts(&client.resumed().await.0), ["re: one"]);
}

#[tokio::test]
async fn notifications_are_resumed_by_their_recipients_only() {
    let host = Host::start().await;
    let mut ana = host.ana().await;
    for (id, text) in [("m1", "notify:dan"), ("m2", "broadcast:review"), ("m3", "broadcast"), ("m4", "notify:ana")] {
        ana.ask(id, text).await;
    }
    let resumed = async |user: &str, role: &str| {
        // The relay records a delivery a moment after the answer.
        loop {
            let mut client = host.connect(&token(user, &[("trattoria", role)], 3_600)).await;
            client.resume(None).await;
            let (frames, _) = client.resumed().await;
            let news = frames.iter().filter(|frame| frame["type"] == "notification");
            let news: Vec<_> = news.map(|frame| frame["content"]["news"].as_str().unwrap().to_owned()).collect();
            let waiting = host.store.pending_decisions(signalbox_model::Timestamp::now(), 10).await.unwrap();
            if waiting.is_empty() {
                return news;
            }
        }
    };
    resumed("dan", "manager").await;
    assert_eq!(resumed("dan", "manager").await, ["notify:dan", "broadcast:review", "broadcast"]);
    assert_eq!(resumed("ana", "coordinator").await, ["notify:ana"]);
    assert!(resumed("eva", "coordinator").await.is_empty(), "what nobody in particular is told is for the staff");
}

#[tokio::test]
async fn a_resume_is_refused_where_messages_would_be() {
    let host = Host::start().await;
    let mut client = host.connect(&token("ana", &[("trattoria", "guest")], 3_600)).await;
    client.resume(None).await;
    client.expect_error("permission_missing").await;
    client.send(json!({"type": "resume", "businessId": "clinic"})).await;
    let error = client.expect_error("business_not_found").await;
    assert_eq!(error["details"]["businessId"], "clinic");
}

#[tokio::test]
async fn an_invalid_cursor_is_an_error_and_never_an_incomplete_result() {
    let host = Host::start().await;
    let mut client =
        host.connect(&token("ana", &[("trattoria", "coordinator"), ("clinic", "coordinator")], 3_600)).await;
    let response = client.ask("m1", "one").await;
    for cursor in ["made-up", "", "AAAA"] {
        client.resume(Some(cursor)).await;
        client.expect_error("invalid_cursor").await;
    }
    // A cursor of another business is refused too.
    client.send(json!({"type": "resume", "businessId": "clinic", "cursor": response["cursor"]})).await;
    client.expect_error("invalid_cursor").await;
}

#[tokio::test]
async fn a_resume_of_too_many_frames_is_refused() {
    let host = Host::with(|settings| settings.websocket.resume_limit = 50).await;
    let mut client = host.ana().await;
    for number in 0..120 {
        // The rate limit is per user; this test is about the number of messages.
        let mut one = host.connect(&token(&format!("u{number}"), &[("trattoria", "coordinator")], 3_600)).await;
        one.ask("m", "hi").await;
    }
    client.resume(None).await;
    let (_, end) = client.resumed().await;
    assert_eq!(end["recovered"], false);
    assert!(end["cursor"].is_string(), "and from where it may go on: {end}");
}

#[tokio::test]
async fn a_long_resume_waits_for_the_reader_instead_of_cutting_it_off() {
    let host = Host::with(|settings| {
        settings.websocket.outbox_size = HumanSize(32 * 1024);
        settings.websocket.burst = std::num::NonZeroU32::new(1_000).unwrap();
        settings.intake.text_size = HumanSize(16 * 1024);
    })
    .await;
    let mut client = host.ana().await;
    let text = "x".repeat(8 * 1024);
    for number in 0..60 {
        client.ask(&format!("m{number}"), &text).await;
    }
    let mut again = host.ana().await;
    again.resume(None).await;
    let (frames, end) = again.resumed().await;
    assert_eq!((frames.len(), &end["recovered"]), (60, &json!(true)));
}

/// Resumes in every order of its business's replays: the client asks as soon as it may.
#[tokio::test]
async fn the_next_resume_is_accepted_right_after_the_end_of_the_previous() {
    let host = Host::with(|settings| {
        settings.websocket.frames_per_second = std::num::NonZeroU32::new(10_000).unwrap();
        settings.websocket.burst = std::num::NonZeroU32::new(10_000).unwrap();
    })
    .await;
    let mut client = host.ana().await;
    client.ask("m1", "one").await;
    for _ in 0..300 {
        client.resume(None).await;
        // A frame `error` would be among them.
        let (frames, end) = client.resumed().await;
        assert_eq!(texts(&frames), ["re: one"]);
        assert_eq!(end["count"], 1);
    }
}

#[tokio::test]
async fn the_next_message_is_accepted_right_after_the_acknowledgement_of_the_previous() {
    let host = Host::with(|settings| {
        settings.websocket.in_flight = 1;
        settings.websocket.frames_per_second = std::num::NonZeroU32::new(10_000).unwrap();
        settings.websocket.burst = std::num::NonZeroU32::new(10_000).unwrap();
        settings.intake.rate_per_user = settings.websocket.frames_per_second;
        settings.intake.burst_per_user = settings.websocket.burst;
        settings.intake.rate_per_business = settings.websocket.frames_per_second;
        settings.intake.burst_per_business = settings.websocket.burst;
        // On a busy machine a decision takes long; it must not cause an acknowledgement here.
        settings.intake.ack_after = signalbox_model::HumanDuration::secs(60);
    })
    .await;
    let mut client = host.ana().await;
    client.send_message("m0", "hi").await;
    for number in 1..300 {
        loop {
            let frame = client.next().await;
            assert_ne!(frame["type"], "error", "{frame}");
            if frame["type"] == "ack" && frame["messageId"] == format!("m{}", number - 1) {
                break;
            }
        }
        // Some messages are sent twice: one that is decided already is acknowledged and answered at once.
        client.send_message(&format!("m{}", if number % 3 == 0 { number - 1 } else { number }), "hi").await;
        if number % 3 == 0 {
            client.expect_past_answers("ack").await;
            client.send_message(&format!("m{number}"), "hi").await;
        }
    }
}

#[tokio::test]
async fn decisions_of_a_place_are_resumed_by_users_of_the_place_and_others_by_users_of_all_places() {
    let host = Host::start().await;
    let mut ana = host.ana().await;
    for (id, place) in [("m1", Some("bar")), ("m2", Some("terrace")), ("m3", None)] {
        for (kind, text) in [("b", "broadcast"), ("r", "review")] {
            let mut frame = json!({
                "type": "message", "id": format!("{id}{kind}"), "businessId": "trattoria", "content": {"text": text}
            });
            if let Some(place) = place {
                frame["locationId"] = place.into();
            }
            ana.send(frame).await;
            ana.expect_answer().await;
        }
    }
    host.until_delivered().await;
    let resumed = async |role: &str, places: Option<Value>| {
        let mut business = json!({"roles": [role]});
        if let Some(places) = places {
            business["locations"] = places;
        }
        let token = super::host::token_with(json!({
            "sub": "leo",
            "exp": signalbox_model::Timestamp::now().as_second() + 3_600,
            "businesses": {"trattoria": business},
        }));
        let mut client = host.connect(&token).await;
        client.resume(None).await;
        let (frames, _) = client.resumed().await;
        let count = |kind: &str| frames.iter().filter(|frame| frame["type"] == kind).count();
        (count("notification"), count("review"))
    };
    assert_eq!(resumed("manager", None).await, (3, 3));
    assert_eq!(resumed("manager", Some(json!(["bar", "terrace"]))).await, (3, 3));
    assert_eq!(resumed("manager", Some(json!(["bar"]))).await, (1, 1));
    assert_eq!(resumed("manager", Some(json!([]))).await, (0, 0));
    assert_eq!(resumed("coordinator", None).await, (0, 0));
}

#[tokio::test]
async fn a_client_that_resumes_takes_messages_out_of_the_mailbox_so_that_they_do_not_leave_otherwise() {
    let host = Host::start().await;
    let mut ana = host.ana().await;
    let first = ana.ask("m1", "one").await;
    let notified = ana.ask("m2", "notify:eva").await;
    host.until_delivered().await;
    // Another decision whose notification no connection took.
    let id = notified["decisionId"].as_str().unwrap();
    let mut record = host.store.decision(id, "trattoria").await.unwrap().unwrap();
    record.decision.id = "dec_kept".to_owned();
    let (now, effect) = (Timestamp::now(), &mut record.effects[0]);
    effect.id = "act_kept".to_owned();
    effect.state = EffectState::Kept { at: now, until: now + Duration::from_secs(3_600) };
    effect.kept_since = Some(now);
    host.store.commit_decision(&record).await.unwrap();
    let mut eva = host.connect(&token("eva", &[("trattoria", "coordinator")], 3_600)).await;
    eva.resume(first["cursor"].as_str()).await;
    let (frames, _) = eva.resumed().await;
    assert!(frames.iter().any(|frame| frame["id"] == "act_kept"), "{frames:?}");
    // The store says that a connection has it, and the effect is not attempted any more.
    host.until_delivered().await;
    let after = host.store.decision("dec_kept", "trattoria").await.unwrap().unwrap();
    let to = Some(DeliveredTo::Connection);
    assert!(matches!(after.effects[0].state, EffectState::Delivered { to: own, .. } if own == to), "{after:?}");
}
