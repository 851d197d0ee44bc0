use anyhow::Result;
use serde_json::json;
use signalbox_store::{EffectKind, EffectState, Wider};

use super::world::World;

const GRANT: &str = "grants = { websocket = [\"send\", \"broadcast\"] }";

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("websocket").await?;
    let calls = json!([
        {"call": "send", "user": "ion", "content": {"hello": "ion"}},
        {"call": "broadcast", "permission": "review", "content": {"hello": "all"}},
        {"call": "send", "user": "ion", "content": "no object"},
        {"call": "send", "user": "ion", "content": {"long": "x".repeat(64 * 1024)}},
    ]);
    let record = world.decide_calls("alpha", None, calls).await?;
    let results = World::results(&record)?;
    assert_eq!(results[0], json!({"ok": null}));
    assert_eq!(results[1], json!({"ok": null}));
    assert_eq!((&results[2]["error"], &results[3]["error"]), (&json!("Invalid"), &json!("Invalid")));

    // Accepted notifications are stored with the decision, in order; refused ones are not.
    let [first, second] = record.effects.as_slice() else { panic!("two effects: {:?}", record.effects) };
    let EffectKind::Notification { user_id, content, .. } = &first.kind else { panic!("{first:?}") };
    assert_eq!((user_id.as_deref(), &content["hello"]), (Some("ion"), &json!("ion")));
    let EffectKind::Notification { user_id, permission, .. } = &second.kind else { panic!("{second:?}") };
    assert_eq!((user_id.as_deref(), permission.as_deref()), (None, Some("review")));
    assert!(record.effects.iter().all(|effect| effect.state == EffectState::Pending));
    Ok(())
}

#[tokio::test]
async fn a_broadcast_belongs_to_the_decisions_place_and_its_staff_unless_a_grant_widens_it() -> Result<()> {
    let calls = || {
        json!([
            {"call": "broadcast", "content": {"n": 0}},
            {"call": "broadcast", "location": "north", "content": {"n": 1}},
            {"call": "broadcast", "location": "south", "content": {"n": 2}},
            {"call": "broadcast", "everywhere": true, "content": {"n": 3}},
            {"call": "broadcast", "everyone": true, "content": {"n": 4}},
            {"call": "broadcast", "permission": "message", "content": {"n": 5}},
            {"call": "broadcast", "location": "moon", "content": {"n": 6}},
        ])
    };
    let audiences = |record: &signalbox_store::DecisionRecord| {
        let kinds = record.effects.iter().map(|effect| match &effect.kind {
            EffectKind::Notification { location_id, permission, wider, content, .. } => {
                (content["n"].as_u64(), location_id.clone(), permission.clone(), *wider)
            }
            other => panic!("{other:?}"),
        });
        kinds.collect::<Vec<_>>()
    };
    let (north, staff) = (Some("north".to_owned()), Some("decisions".to_owned()));
    let plain = Wider::default();

    let world = World::start("websocket").await?;
    let record = world.decide_calls("alpha", Some("north"), calls()).await?;
    let results = World::results(&record)?;
    for (index, grant) in [(2, "other-places"), (3, "other-places"), (4, "everyone"), (5, "everyone")] {
        let refused = &results[index];
        assert_eq!((&refused["error"], &refused["retryable"]), (&json!("Denied"), &json!(false)), "{refused}");
        assert!(refused.to_string().contains(&format!("broadcast-{grant}")), "it names the grant: {refused}");
    }
    assert_eq!(results[6]["error"], "Invalid");
    let own = (north.clone(), staff.clone(), plain);
    let expected = [0, 1].map(|n| (Some(n), own.0.clone(), own.1.clone(), own.2));
    assert_eq!(audiences(&record), expected);

    let all = GRANT.replace("\"]", "\", \"broadcast-other-places\", \"broadcast-everyone\"]");
    let world = World::with("websocket", |options| options.replace = Some((GRANT.to_owned(), all))).await?;
    let record = world.decide_calls("alpha", Some("north"), calls()).await?;
    let (south, message) = (Some("south".to_owned()), Some("message".to_owned()));
    let everyone = Wider { everyone: true, ..plain };
    let everywhere = Wider { every_place: true, ..plain };
    let expected = [
        (Some(0), north.clone(), staff.clone(), plain),
        (Some(1), north.clone(), staff.clone(), plain),
        (Some(2), south, staff.clone(), plain),
        (Some(3), None, staff, everywhere),
        (Some(4), north.clone(), None, everyone),
        (Some(5), north, message, plain),
    ];
    assert_eq!(audiences(&record), expected);
    Ok(())
}
