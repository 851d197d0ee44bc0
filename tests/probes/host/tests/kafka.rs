use anyhow::Result;
use serde_json::json;
use signalbox_capabilities::PublishableTopics;
use signalbox_store::EffectKind;

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

#[tokio::test]
async fn a_record_for_a_topic_that_is_granted_and_mapped_is_stored_with_the_decision() -> Result<()> {
    let large = "x".repeat(256 * 1024 + 1);
    let calls = json!([
        {"call": "publish", "topic": "orders", "key": "k", "value": "v"},
        {"call": "publish", "topic": "orders", "key": "k", "value": large},
        {"call": "publish", "topic": "orders", "key": large, "value": "v"},
    ]);
    for topics in
        [PublishableTopics::Mapped([("orders".to_owned(), "prod.orders".to_owned())].into()), PublishableTopics::All]
    {
        let world = World::with("kafka", |options| options.topics = topics).await?;
        let record = world.decide_calls("alpha", None, calls.clone()).await?;
        let results = World::results(&record)?;
        assert_eq!(results[0], json!({"ok": null}));
        assert_eq!((&results[1]["error"], &results[2]["error"]), (&json!("Invalid"), &json!("Invalid")));
        let [effect] = record.effects.as_slice() else { panic!("one effect: {:?}", record.effects) };
        let headers = vec![("from".to_owned(), "probe".to_owned())];
        let (topic, key, value) = ("orders".to_owned(), Some("k".to_owned()), b"v".to_vec());
        assert_eq!(effect.kind, EffectKind::KafkaRecord { topic, key, value, headers });
    }
    let world = World::with("kafka", |options| options.topics = PublishableTopics::Mapped([].into())).await?;
    assert_eq!(world.calls(json!([calls[0]])).await?[0]["error"], "NotConfigured");
    Ok(())
}
