use anyhow::Result;
use serde_json::json;
use signalbox_capabilities::PublishableTopics;
use signalbox_store::EffectKind;

use super::world::World;

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::with("effects", |options| options.topics = PublishableTopics::All).await?;
    let order = json!({"order": "o-1", "receiver": "https://receiver.example/", "size": 5});
    let record = world.decide("in-1", "alpha", None, json!({"data": order})).await?;
    assert_eq!(record.decision.decision_code, "probe.ordered", "{}", record.decision.reasoning);
    let kinds: Vec<_> = record.effects.iter().map(|effect| &effect.kind).collect();
    let actions = kinds.iter().filter(|kind| matches!(kind, EffectKind::Action(_))).count();
    let records =
        kinds.iter().filter(|kind| matches!(kind, EffectKind::KafkaRecord { value, .. } if value == b"o-1  "));
    assert_eq!((actions, records.count(), kinds.len()), (3, 1, 4));
    Ok(())
}
