use anyhow::Result;
use serde_json::json;

use super::world::World;

const SCRIPT: &str = r#"
[[models.default]]
when = { contains = ["table"] }
reply = "a table it is"

[[models.default]]
when = { matches = "^json$" }
reply-json = { guests = 4 }

[[models.default]]
when = { contains = ["garbled"] }
reply = "no json at all"

[[models.default]]
when = { contains = ["slow"] }
reply = "late"
delay = "1h"

[[models.default]]
when = { contains = ["limit"] }
error = "rate-limited"

[[models.default]]
when = { contains = ["key"] }
error = "misconfigured"

[[models.default]]
when = { contains = ["secret"] }
error = "refused"

[[models.default]]
otherwise = true
error = "unavailable"
"#;

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::with("llm", |options| options.script = Some(SCRIPT.to_owned())).await?;
    let results = world
        .calls(json!([
            {"call": "complete", "model": "default", "user": "a table for four"},
            {"call": "complete", "model": "default", "user": "json", "schema": {"type": "object"}},
            {"call": "complete", "model": "default", "user": "garbled", "schema": {"type": "object"}},
            {"call": "complete", "model": "default", "user": "slow", "timeout": 20},
            {"call": "complete", "model": "default", "user": "limit"},
            {"call": "complete", "model": "default", "user": "anything else"},
            {"call": "complete", "model": "expensive", "user": "a table"},
            {"call": "complete", "model": "default", "user": "key"},
            {"call": "complete", "model": "default", "user": "secret"},
            {"call": "complete", "model": "default", "user": "json", "schema": {"type": "array"}},
        ]))
        .await?;
    assert_eq!(results[0], json!({"ok": "a table it is"}));
    assert_eq!(results[1], json!({"ok": {"guests": 4}}));
    for (index, case, retryable) in [
        (2, "MalformedAnswer", true),
        (3, "Timeout", true),
        (4, "RateLimited", true),
        (5, "Unavailable", true),
        (6, "Denied", false),
        (7, "Misconfigured", false),
        (8, "Refused", false),
        (9, "MalformedAnswer", true),
    ] {
        assert_eq!(results[index]["error"], case, "{}", results[index]);
        assert_eq!(results[index]["retryable"], retryable, "{}", results[index]);
    }
    Ok(())
}

#[tokio::test]
async fn without_a_configured_model_the_plugin_is_told() -> Result<()> {
    let world = World::start("llm").await?;
    let results = world.calls(json!([{"call": "complete", "model": "default", "user": "a table"}])).await?;
    assert_eq!(results[0]["error"], "NotConfigured");
    Ok(())
}

#[tokio::test]
async fn tokens_are_counted_with_the_decision() -> Result<()> {
    let world = World::with("llm", |options| options.script = Some(SCRIPT.to_owned())).await?;
    let calls = json!([{"call": "complete", "model": "default", "user": "a table for four"}]);
    let record = world.decide_calls("alpha", None, calls).await?;
    let tokens = record.output.metadata.tokens;
    assert!(tokens.input > 0 && tokens.output > 0, "{tokens:?}");
    Ok(())
}
