//! Effects that a newer version of the host has stored, and that this one does not know.

use serde_json::json;
use signalbox_store::{Effect, EffectKind, EffectState};

use super::{World, action, decision, delivered, memory, only_queue, to_user};

fn fax() -> EffectKind {
    EffectKind::Unknown(json!({"fax": {"to": "dan", "pages": 3}}))
}

#[tokio::test]
async fn any_number_of_effects_of_a_newer_version_keeps_none_from_leaving_and_stays_for_it() {
    let store = memory().await;
    let mut left = Vec::new();
    for number in 0..150 {
        let parked = EffectState::Unknown(json!({"is": "parked", "behind": "the bar"}));
        let mut record = decision(&format!("d{number:03}"), vec![fax(), action("telepathy", "dan", json!({}))]);
        record.effects.push(Effect { state: parked, ..Effect::pending("parked", to_user("dan")) });
        store.commit_decision(&record).await.unwrap();
        left.push(record);
    }
    let due = decision("due", vec![to_user("dan")]);
    store.commit_decision(&due).await.unwrap();
    let world = World::start(&store, only_queue()).await;
    let dan = world.connect("dan", "manager");
    world.settled(&due, delivered).await;
    world.end().await;
    drop(dan);
    for record in left {
        let now = store.decision(&record.decision.id, "trattoria").await.unwrap().unwrap();
        assert_eq!(now.effects, record.effects);
    }
}

#[tokio::test]
async fn an_effect_of_a_newer_version_beside_others_is_left_and_the_others_leave() {
    let store = memory().await;
    let record = decision("d1", vec![fax(), to_user("dan")]);
    store.commit_decision(&record).await.unwrap();
    let world = World::start(&store, only_queue()).await;
    world.settled(&record, |state| delivered(state) || *state == EffectState::Pending).await;
    let marker = decision("d2", vec![to_user("dan")]);
    store.commit_decision(&marker).await.unwrap();
    world.relay.committed(&std::sync::Arc::new(marker.clone()));
    world.settled(&marker, delivered).await;
    world.end().await;
    let now = store.decision("d1", "trattoria").await.unwrap().unwrap();
    assert_eq!((&now.effects[0].kind, &now.effects[0].state), (&fax(), &EffectState::Pending));
    assert!(delivered(&now.effects[1].state));
    let pending = store.pending_decisions(signalbox_model::Timestamp::now(), 10).await.unwrap();
    assert_eq!(pending.len(), 1, "a newer host finds it");
}
