use anyhow::Result;
use serde_json::json;

use super::world::World;

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("resources").await?;
    let results = world
        .calls(json!([
            {"call": "get", "resource-type": "table", "id": "7"},
            {"call": "find", "resource-type": "table"},
            {"call": "execute-action", "resource-type": "table", "id": "7", "action": "take", "payload": {"guests": 4}},
        ]))
        .await?;
    assert_eq!(results.len(), 3);
    for result in results {
        assert_eq!(result["error"], "NotConfigured", "{result}");
        assert_eq!(result["retryable"], false, "{result}");
    }
    Ok(())
}
