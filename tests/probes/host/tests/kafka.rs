use anyhow::Result;
use serde_json::json;

use super::world::World;

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("kafka").await?;
    let results = world
        .calls(json!([
            {"call": "publish", "topic": "orders", "key": "k", "value": "v"},
            {"call": "publish", "topic": "payments", "key": "k", "value": "v"},
        ]))
        .await?;
    assert_eq!(results[0]["error"], "NotConfigured");
    assert_eq!(results[1]["error"], "Denied");
    assert!(results[1]["text"].as_str().unwrap().contains("payments"), "{}", results[1]);
    Ok(())
}
