//! Whom a broadcast reaches.

use std::sync::Arc;

use serde_json::json;
use signalbox_store::{EffectKind, Wider};

use super::{Person, World, action, broadcast, connect_at, content, decision, delivered, memory, only_queue};

/// A broadcast as it was stored before broadcasts had places of their own and grants: to nobody in particular.
fn old_broadcast() -> EffectKind {
    serde_json::from_value(json!({"notification": {"content": content()}})).unwrap()
}

#[tokio::test]
async fn a_broadcast_reaches_nobody_outside_its_place_and_without_its_permission() {
    let store = memory().await;
    let world = World::start(&store, only_queue()).await;
    let here = connect_at(&world.sessions, "here", "manager", Some(&["bar"]));
    let elsewhere = connect_at(&world.sessions, "elsewhere", "manager", Some(&["terrace"]));
    let both = connect_at(&world.sessions, "both", "manager", Some(&["terrace", "bar"]));
    let guest = connect_at(&world.sessions, "guest", "coordinator", None);
    let (plain, everyone) = (Wider::default(), Wider { everyone: true, ..Wider::default() });
    let everywhere = Wider { every_place: true, ..Wider::default() };
    let kinds = vec![
        broadcast(None, None, plain),
        old_broadcast(),
        action("notification", "business", json!({})),
        broadcast(None, Some("review"), plain),
        broadcast(Some("terrace"), None, plain),
        broadcast(None, None, everyone),
        broadcast(None, None, everywhere),
    ];
    let heard = async |id: &str, place: Option<&str>| {
        let mut record = decision(id, kinds.clone());
        record.decision.location_id = place.map(str::to_owned);
        store.commit_decision(&record).await.unwrap();
        world.relay.committed(&Arc::new(record.clone()));
        world.settled(&record, delivered).await;
        let numbers = |person: &Person| -> Vec<String> {
            let frames = person.heard().into_iter().filter(|frame| frame["type"] == "notification");
            let mut ids: Vec<_> =
                frames.map(|frame| frame["id"].as_str().unwrap()[id.len() + 1..].to_owned()).collect();
            ids.sort();
            ids
        };
        [&here, &elsewhere, &both, &guest].map(numbers)
    };
    let [here_heard, elsewhere_heard, both_heard, guest_heard] = heard("d1", Some("bar")).await;
    assert_eq!(here_heard, ["0", "1", "2", "3", "5", "6"]);
    assert_eq!(elsewhere_heard, ["4", "6"]);
    assert_eq!(both_heard, ["0", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(guest_heard, ["5"]);
    // Without a place it is about all of them.
    let [here_heard, elsewhere_heard, both_heard, guest_heard] = heard("d2", None).await;
    assert_eq!((here_heard, elsewhere_heard), (vec!["6".to_owned()], vec!["4".to_owned(), "6".to_owned()]));
    assert_eq!(both_heard, ["0", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(guest_heard, ["5"]);
    world.end().await;
}
