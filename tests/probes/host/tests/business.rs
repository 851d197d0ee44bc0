use anyhow::Result;
use serde_json::json;

use super::world::World;

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("business").await?;
    let results = world
        .calls(json!([
            {"call": "get-info"},
            {"call": "get-location", "id": "north"},
            {"call": "get-location", "id": "moon"},
            {"call": "get-setting", "path": "hours.monday"},
            {"call": "get-setting", "path": "hours.never"},
        ]))
        .await?;
    assert_eq!(results[0]["ok"]["id"], "alpha");
    assert_eq!(results[0]["ok"]["type"], "probe-business");
    assert_eq!(results[0]["ok"]["locations"][0]["id"], "north");
    assert_eq!(results[1]["ok"]["name"], "North");
    assert_eq!(results[2], json!({"ok": null}));
    assert_eq!(results[3], json!({"ok": "9-17"}));
    assert_eq!(results[4], json!({"ok": null}));
    Ok(())
}

#[tokio::test]
async fn a_setting_of_the_place_wins_over_the_businesss() -> Result<()> {
    let world = World::start("business").await?;
    let calls = json!([{"call": "get-setting", "path": "hours.monday"}]);
    let results = world.calls_at("alpha", Some("north"), calls).await?;
    assert_eq!(results[0], json!({"ok": "closed"}));
    Ok(())
}
