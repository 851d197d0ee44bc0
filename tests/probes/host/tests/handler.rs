//! Input handlers: every event reaches the handler complete, and whatever a handler does, the result is inputs or a
//! typed reason.

use anyhow::Result;
use serde_json::{Value, json};
use signalbox_executor::{HandleError, Handled, HandlerEvent, Rejection};
use signalbox_model::Content;

use super::world::World;

fn webhook(body: &[u8]) -> HandlerEvent {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    HandlerEvent::Webhook { hook: "tell".to_owned(), delivery_id: "msg_1".to_owned(), headers, body: body.to_vec() }
}

fn content() -> Content {
    let data = json!({"guests": 4}).as_object().cloned();
    Content { text: Some("o masă".to_owned()), data, metadata: None }
}

fn data(handled: &Handled) -> Value {
    let data = handled.inputs.first().and_then(|input| input.content.data.clone());
    data.map_or(Value::Null, Value::Object)
}

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("handler").await?;
    let message = HandlerEvent::Websocket {
        user_id: "ana".to_owned(),
        location_id: Some("north".to_owned()),
        content: content(),
    };
    let said = json!({"text": "o masă", "data": {"guests": 4}});
    assert_eq!(
        data(&world.handle("tell", message).await?),
        json!({"websocket": {"user": "ana", "location": "north", "content": said}})
    );
    let request = HandlerEvent::Api { user_id: None, location_id: None, content: content() };
    assert_eq!(
        data(&world.handle("tell", request).await?),
        json!({"api": {"user": null, "location": null, "content": said}})
    );
    let told = world.handle("tell", webhook(b"\xff{}")).await?;
    assert_eq!(
        data(&told),
        json!({"webhook": {
            "hook": "tell", "delivery": "msg_1", "headers": [["content-type", "application/json"]], "body": [255, 123, 125],
        }})
    );
    assert_eq!(told.reply.expect("the handler replies").body, br#"{"told":true}"#);
    let tick = HandlerEvent::Cron {
        schedule: "nightly".to_owned(),
        nominal: "2026-11-27T01:00:00Z".parse()?,
        payload: json!({"for": "today"}).as_object().cloned(),
    };
    assert_eq!(
        data(&world.handle("tell", tick).await?),
        json!({"cron": {"schedule": "nightly", "nominal": "2026-11-27T01:00:00Z", "payload": {"for": "today"}}})
    );
    let record = |value: Option<Vec<u8>>| HandlerEvent::Kafka {
        topic: "probe.records".to_owned(),
        partition: 3,
        offset: 1 << 40,
        key: Some(vec![0, 255]),
        headers: vec![("h".to_owned(), vec![1])],
        value,
        timestamp: None,
    };
    for (value, seen) in [(Some(vec![7]), json!([7])), (Some(Vec::new()), json!([])), (None, json!(null))] {
        let told = data(&world.handle("tell", record(value)).await?);
        assert_eq!((&told["kafka"]["value"], &told["kafka"]["offset"]), (&seen, &json!(1_i64 << 40)), "{told}");
        assert_eq!((&told["kafka"]["key"], &told["kafka"]["headers"]), (&json!([0, 255]), &json!([["h", [1]]])));
    }
    Ok(())
}

#[tokio::test]
async fn an_event_that_asks_for_no_decision_gives_no_input() -> Result<()> {
    let world = World::start("handler").await?;
    assert_eq!(world.handle("nothing", webhook(b"{}")).await?, Handled::default());
    Ok(())
}

#[tokio::test]
async fn a_handlers_word_arrives_as_it_is_meant() -> Result<()> {
    let world = World::start("handler").await?;
    for (behaviour, code, retryable) in [
        ("invalid", "handler_invalid", false),
        ("forbidden", "handler_forbidden", false),
        ("unavailable", "handler_unavailable", true),
    ] {
        let error = world.handle(behaviour, webhook(b"{}")).await.expect_err("it is rejected");
        assert_eq!((error.code().as_str(), error.retryable()), (code, retryable));
        assert!(error.to_string().contains("the probe"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_handler_that_misbehaves_is_broken_in_words_and_the_next_event_is_handled() -> Result<()> {
    let world = World::start("handler").await?;
    for (behaviour, word) in [
        ("panic", "the probe panics, as it was told"),
        ("spin", "cpu"),
        ("allocate", "memory"),
        ("many-inputs", "1000"),
        ("same-ids", "`a`"),
        ("review", "only people"),
        ("huge-reply", "reply"),
        ("no-media-type", "content type"),
    ] {
        let error = world.handle(behaviour, webhook(b"{}")).await.expect_err("it is broken");
        assert!(matches!(error, HandleError::Rejected(Rejection::Broken(_))), "{behaviour}: {error:?}");
        assert!(error.to_string().to_lowercase().contains(word), "{behaviour}: `{word}` is missing in {error}");
        world.handle("tell", webhook(b"{}")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_input_about_a_place_that_the_business_does_not_have_is_refused_and_the_place_named() -> Result<()> {
    let world = World::start("handler").await?;
    let handled = world.handle("place", webhook(b"north")).await?;
    assert_eq!(handled.inputs.first().and_then(|input| input.location_id.as_deref()), Some("north"));
    let error = world.handle("place", webhook(b"nowhere")).await.expect_err("there is no such place");
    assert!(matches!(error, HandleError::Rejected(Rejection::Invalid(_))), "{error:?}");
    assert!(error.to_string().contains("business alpha has no place `nowhere`"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_handler_has_no_effects_because_nothing_is_decided_yet() -> Result<()> {
    let world = World::start("handler").await?;
    let error = world.handle("effect", webhook(b"{}")).await.expect_err("it is denied");
    assert!(error.to_string().contains("Denied"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_handler_without_a_grant_is_refused_at_load() -> Result<()> {
    let grant = "[plugins.tell]\ncomponent = \"handler.wasm\"\nconfig = { behaviour = \"tell\" }\ngrants = { websocket = [\"broadcast\"] }";
    let without = grant.lines().take(3).collect::<Vec<_>>().join("\n");
    let loaded = World::with("handler", |options| options.replace = Some((grant.to_owned(), without))).await;
    let report = format!("{:#}", loaded.err().expect("it is refused"));
    assert!(report.contains("tell") && report.contains("signalbox:websocket"), "{report}");
    Ok(())
}
