use anyhow::Result;
use serde_json::{Value, json};
use signalbox_model::MessageModel;

use super::world::World;

fn model(version: &str, locale: Option<&str>, template: &str) -> Result<MessageModel> {
    Ok(serde_json::from_value(json!({
        "decisionCode": "probe.greeting", "version": version, "messageTemplate": template, "parameters": ["name"],
        "locale": locale, "businessType": "probe-rag",
        "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z",
    }))?)
}

async fn world() -> Result<World> {
    let world = World::start("rag").await?;
    for model in [
        model("1.9", None, "Hello {{ name }}")?,
        model("1.10", None, "Good day {{ name }}")?,
        model("1.10", Some("ro"), "Bună ziua, {{ name }}")?,
    ] {
        world.store.put_message_model(&model).await?;
    }
    Ok(world)
}

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = world().await?;
    let results = world
        .calls(json!([
            {"call": "get-message-model", "code": "probe.greeting", "version": "1.9"},
            {"call": "get-message-model", "code": "probe.greeting", "locale": "ro"},
            {"call": "get-message-model", "code": "probe.nothing"},
            {"call": "list-message-model-versions", "code": "probe.greeting"},
            {"call": "find-similar-decisions", "code": "probe.nothing", "limit": 5},
            {"call": "find-similar-decisions", "code": "probe.nothing", "limit": 0},
            {"call": "get-context", "code": "probe.greeting"},
        ]))
        .await?;
    assert_eq!(results[0]["ok"]["template"], "Hello {{ name }}");
    assert_eq!(results[1]["ok"]["template"], "Bună ziua, {{ name }}");
    assert_eq!(results[2], json!({"ok": null}));
    let versions: Vec<&Value> = results[3]["ok"].as_array().unwrap().iter().map(|model| &model["version"]).collect();
    assert_eq!(versions, ["1.10", "1.10", "1.9"], "newest first, number by number");
    assert_eq!(results[4], json!({"ok": []}));
    assert_eq!(results[5]["error"], "Invalid");
    assert_eq!(results[6]["ok"]["model"]["version"], "1.10");
    Ok(())
}

#[tokio::test]
async fn past_decisions_of_another_business_tell_no_reasoning() -> Result<()> {
    let world = world().await?;
    world.calls_at("alpha", None, json!([])).await?;
    world.calls_at("beta", None, json!([])).await?;
    let similar = json!([{"call": "find-similar-decisions", "code": "probe.called", "limit": 5}]);
    let results = world.calls_at("alpha", None, similar).await?;
    let found = results[0]["ok"].as_array().unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    for past in found {
        assert_eq!(past["code"], "probe.called");
        assert_eq!(past["reasoning"].as_str().unwrap().is_empty(), past["sameBusiness"] == json!(false), "{past}");
    }
    Ok(())
}
