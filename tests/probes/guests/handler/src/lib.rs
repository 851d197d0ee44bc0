//! An input handler that treats an event as `behaviour` in its configuration says.
#![allow(clippy::panic, reason = "misbehaving is what this guest is for")]

use signalbox_sdk::prelude::*;
use signalbox_sdk::websocket::Audience;
use signalbox_sdk::{Content, JsonError, Reply};

#[input_handler]
fn handler(event: Event) -> Result<Handled, Rejection> {
    let behaviour = config::get::<String>("behaviour").map_err(|error| Rejection::Invalid(error.to_string()))?;
    match behaviour.unwrap_or_default().as_str() {
        "tell" => Ok(Handled::new().input(one(&told(&event)?)?).reply_json(&json!({ "told": true }))?),
        "nothing" => Ok(Handled::new()),
        "place" => Ok(Handled::new().input(one(&json!({}))?.location(named(&event)))),
        "invalid" => Err(Rejection::Invalid("the probe finds the event invalid".to_owned())),
        "forbidden" => Err(Rejection::Forbidden("the probe lets nobody in".to_owned())),
        "unavailable" => Err(Rejection::Unavailable("the probe sleeps".to_owned())),
        "panic" => panic!("the probe panics, as it was told"),
        "spin" => spin(),
        "allocate" => allocate(),
        "many-inputs" => {
            let mut handled = Handled::new();
            handled.inputs = vec![one(&json!({}))?; 1_001];
            Ok(handled)
        }
        "same-ids" => Ok(Handled::new().input(one(&json!({}))?.id("a")).input(one(&json!({}))?.id("a"))),
        "review" => Ok(Handled::new().input(NewInput::new(InputType::Review).data(&json!({}))?)),
        "huge-reply" => Ok(reply("text/plain", vec![b'x'; 1 << 20])),
        "no-media-type" => Ok(reply("text\r\nx-injected: yes", Vec::new())),
        "effect" => match websocket::broadcast(&Audience::everyone(), &json!({ "news": 1 })) {
            Ok(()) => Ok(Handled::new()),
            Err(error) => Err(Rejection::Invalid(format!("{error:?}"))),
        },
        other => Err(Rejection::Invalid(format!("there is no behaviour `{other}`"))),
    }
}

/// The body of a webhook as text.
fn named(event: &Event) -> String {
    match event {
        Event::Webhook(request) => String::from_utf8_lossy(&request.body).into_owned(),
        _ => String::new(),
    }
}

fn reply(content_type: &str, body: Vec<u8>) -> Handled {
    let mut handled = Handled::new();
    handled.reply = Some(Reply { content_type: content_type.to_owned(), body });
    handled
}

fn one(data: &Value) -> Result<NewInput, JsonError> {
    NewInput::new(InputType::Webhook).data(data)
}

/// The event as it arrived.
fn told(event: &Event) -> Result<Value, JsonError> {
    Ok(match event {
        Event::Websocket(message) => json!({
            "websocket": { "user": message.user_id, "location": message.location_id, "content": content(&message.content)? },
        }),
        Event::Webhook(request) => json!({ "webhook": {
            "hook": request.hook, "delivery": request.delivery_id, "headers": request.headers, "body": request.body,
        } }),
        Event::Cron(tick) => json!({ "cron": {
            "schedule": tick.schedule, "nominal": tick.nominal,
            "payload": tick.payload.as_ref().map(|payload| payload.read::<Value>()).transpose()?,
        } }),
        Event::Kafka(entry) => json!({ "kafka": {
            "topic": entry.topic, "partition": entry.partition, "offset": entry.offset, "key": entry.key,
            "headers": entry.headers, "value": entry.value, "timestamp": entry.timestamp,
        } }),
        Event::Api(request) => json!({
            "api": { "user": request.user_id, "location": request.location_id, "content": content(&request.content)? },
        }),
    })
}

fn content(content: &Content) -> Result<Value, JsonError> {
    let data = content.data.as_ref().map(|data| data.read::<Value>()).transpose()?;
    Ok(json!({ "text": content.text, "data": data }))
}

fn spin() -> Result<Handled, Rejection> {
    let mut turns = 0_u64;
    loop {
        // `black_box` keeps the compiler from removing the loop.
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

fn allocate() -> Result<Handled, Rejection> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1; 1024 * 1024]));
    }
}
