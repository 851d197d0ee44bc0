use anyhow::Result;
use serde_json::json;

use super::world::World;

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("cron").await?;
    let results = world
        .calls(json!([
            {"call": "schedule", "name": "daily", "expression": "0 8 * * *"},
            {"call": "cancel", "name": "daily"},
            {"call": "status", "name": "daily"},
            {"call": "list"},
        ]))
        .await?;
    assert_eq!(results.len(), 4);
    for result in results {
        assert_eq!(result["error"], "NotConfigured", "{result}");
        assert_eq!(result["retryable"], false, "{result}");
    }
    Ok(())
}
