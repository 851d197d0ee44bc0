//! What the decisions of the other stories caused outside: each resource action has left, once.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::{Stage, line};
use crate::demo::host;
use crate::demo::person::text_at;

/// Effects leave within milliseconds; a machine that is busy with other things gets more time.
const DEADLINE: Duration = Duration::from_secs(30);

pub fn tell(stage: &mut Stage<'_>) -> Result<()> {
    let began = Instant::now();
    let mut waiting = host::waiting_effects(stage.folder)?;
    while !waiting.is_empty() && began.elapsed() < DEADLINE {
        thread::sleep(Duration::from_millis(50));
        waiting = host::waiting_effects(stage.folder)?;
    }
    stage.check(waiting.is_empty(), format!("effects have not left: {waiting:?}"));
    let records = stage.outgoing.records(stage.folder)?;
    let mut left = 0;
    for id in stage.decisions.clone() {
        let stored = host::decision(stage.folder, &id)?;
        let effects = stored.pointer("/effects").and_then(Value::as_array).cloned().unwrap_or_default();
        for effect in effects.iter().filter(|effect| text_at(effect, "/kind/action/type") == "resource_action") {
            let key = text_at(effect, "/id");
            let expected = usize::from(text_at(effect, "/state/is") == "delivered");
            let found = records.iter().filter(|record| idempotency_key(record) == Some(key)).count();
            stage.check(found == expected, format!("the resource action {key} of {id} has left {found} times"));
            left += found;
        }
    }
    stage.check(left > 0, "no resource action has left");
    let place = stage.outgoing.place();
    line("left", format!("{left} resource actions, each once under its own key; they are {place}"));
    if let Some(record) = records.first() {
        line(
            "first",
            format!("topic {}, key {}, {}", text_at(record, "/topic"), text_at(record, "/key"), value(record)),
        );
    }
    Ok(())
}

fn idempotency_key(record: &Value) -> Option<&str> {
    let headers = record.pointer("/headers")?.as_array()?;
    let name = |header: &&Value| header.get(0).and_then(Value::as_str) == Some("signalbox-idempotency-key");
    headers.iter().find(name)?.get(1)?.as_str()
}

/// The action of a record, in a few words.
fn value(record: &Value) -> String {
    format!(
        "action on `{}`: {}",
        text_at(record, "/value/target"),
        record.pointer("/value/payload").unwrap_or(&Value::Null)
    )
}
