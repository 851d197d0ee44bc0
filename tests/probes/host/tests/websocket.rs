use anyhow::Result;
use serde_json::json;
use signalbox_store::{EffectKind, EffectState};

use super::world::World;

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("websocket").await?;
    let calls = json!([
        {"call": "send", "user": "ion", "content": {"hello": "ion"}},
        {"call": "broadcast", "permission": "review", "content": {"hello": "all"}},
        {"call": "send", "user": "ion", "content": "no object"},
    ]);
    let record = world.decide_calls("alpha", None, calls).await?;
    let results = World::results(&record)?;
    assert_eq!(results[0], json!({"ok": null}));
    assert_eq!(results[1], json!({"ok": null}));
    assert_eq!(results[2]["error"], "Invalid");

    // What was accepted is stored with the decision, in order; what was refused is not.
    let [first, second] = record.effects.as_slice() else { panic!("two effects: {:?}", record.effects) };
    let EffectKind::Notification { user_id, content, .. } = &first.kind else { panic!("{first:?}") };
    assert_eq!((user_id.as_deref(), &content["hello"]), (Some("ion"), &json!("ion")));
    let EffectKind::Notification { user_id, permission, .. } = &second.kind else { panic!("{second:?}") };
    assert_eq!((user_id.as_deref(), permission.as_deref()), (None, Some("review")));
    assert!(record.effects.iter().all(|effect| effect.state == EffectState::Pending));
    Ok(())
}
