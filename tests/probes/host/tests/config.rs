use anyhow::Result;
use serde_json::json;

use super::world::World;

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("config").await?;
    let results = world
        .calls(json!([
            {"call": "get", "path": "language"},
            {"call": "get", "path": "limits.party-size"},
            {"call": "get", "path": "limits.nothing"},
            {"call": "get", "path": ""},
            {"call": "all"},
        ]))
        .await?;
    assert_eq!(results[0], json!({"ok": "ro"}));
    assert_eq!(results[1], json!({"ok": 8}));
    assert_eq!(results[2], json!({"ok": null}));
    assert_eq!(results[3], json!({"ok": null}));
    assert_eq!(results[4]["ok"]["days"], json!(["monday", "friday"]));
    Ok(())
}
