//! What hosts on one store know of each other, and of each other's decisions.

use std::time::Duration;

use serde_json::json;
use signalbox_model::{Outcome, ReviewVerdict, Timestamp};
use signalbox_store::{
    ChangedDecision, Config, DecisionRecord, Effect, EffectKind, EffectState, EffectUpdate, HostRecord, Store, Wider,
};

use crate::backends;
use crate::reviews::by;
use crate::samples::{object, record, with_effects};

async fn two_hosts() -> (Store, Store) {
    let backend = backends::serve().await;
    let open = || Store::open(Config::new(backend.clone()));
    (open().await.unwrap(), open().await.unwrap())
}

fn changed(record: &DecisionRecord) -> ChangedDecision {
    ChangedDecision { id: record.decision.id.clone(), business_id: record.decision.business_id.clone() }
}

/// A decision of now with an answer to the user who asked.
async fn answered(store: &Store, input_id: &str) -> DecisionRecord {
    let mut record = record("business", input_id, store.moment().await.unwrap());
    record.output.responses = vec![
        serde_json::from_value(json!({
            "id": format!("rsp-{input_id}"), "target": "websocket", "recipient": "ana", "content": {"text": "yes"},
            "timestamp": record.decision.created_at,
        }))
        .unwrap(),
    ];
    record
}

fn notification() -> EffectKind {
    EffectKind::Notification {
        user_id: Some("ana".to_owned()),
        location_id: None,
        permission: None,
        wider: Wider::default(),
        content: object(json!({"news": "yes"})),
    }
}

async fn feed(store: &Store, from: Timestamp) -> Vec<ChangedDecision> {
    let page = store.changes_since(from, 100).await.unwrap();
    assert_eq!(page.more_from, None);
    page.changes.into_iter().map(|(_, changed)| changed).collect()
}

#[tokio::test]
async fn a_host_that_is_not_alone_announces_answers_by_the_write_that_stores_them() {
    let (here, there) = two_hosts().await;
    let from = here.moment().await.unwrap();
    here.commit_decision(&answered(&here, "alone").await).await.unwrap();
    here.announce_changes(true);
    let silent = record("business", "silent", here.moment().await.unwrap());
    here.commit_decision(&silent).await.unwrap();
    let mut announced = Vec::new();
    for number in 0..20 {
        let record = answered(&here, &format!("in-{number}")).await;
        here.commit_decision(&record).await.unwrap();
        announced.push(record);
    }
    let expected: Vec<_> = announced.iter().map(changed).collect();
    assert_eq!(feed(&there, from).await, expected, "in their order, over all partitions");
    assert_eq!(there.changed_decisions(&expected).await.unwrap(), announced);
    let last = announced.last().unwrap();
    assert_eq!(feed(&there, last.decision.created_at).await, [changed(last)]);
}

#[tokio::test]
async fn a_long_feed_is_read_in_parts_without_a_gap() {
    let (here, there) = two_hosts().await;
    here.announce_changes(true);
    let mut from = here.moment().await.unwrap();
    let mut expected = Vec::new();
    for number in 0..50 {
        let record = answered(&here, &format!("in-{number}")).await;
        here.commit_decision(&record).await.unwrap();
        expected.push(changed(&record));
    }
    let mut found: Vec<ChangedDecision> = Vec::new();
    loop {
        let part = there.changes_since(from, 3).await.unwrap();
        for (_, changed) in part.changes {
            if !found.contains(&changed) {
                found.push(changed);
            }
        }
        let Some(next) = part.more_from else { break };
        assert!(next > from, "each part goes on");
        from = next;
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_reaches_people_after_the_decision_is_a_new_change() {
    let (here, there) = two_hosts().await;
    here.announce_changes(true);
    let from = here.moment().await.unwrap();
    let effects = vec![
        Effect::pending("news", notification()),
        Effect::pending("other", EffectKind::CancelSchedule { name: "none".to_owned() }),
    ];
    let with_news = with_effects(record("business", "in-1", from), effects);
    here.commit_decision(&with_news).await.unwrap();
    let mut reviewed = record("business", "in-2", from);
    reviewed.decision.outcome = Outcome::ReviewPending;
    here.commit_decision(&reviewed).await.unwrap();
    assert!(feed(&there, from).await.is_empty(), "people see nothing of them yet");
    let deliver = async |effect_id: &str| {
        let update = EffectUpdate { effect_id: effect_id.to_owned(), state: EffectState::delivered(from) };
        here.update_effects(&with_news.decision.id, "business", &[update]).await.unwrap();
    };
    deliver("other").await;
    assert!(feed(&there, from).await.is_empty(), "nobody sees it");
    deliver("news").await;
    here.resolve_review(&reviewed.decision.id, "business", &by("ana", ReviewVerdict::Approve)).await.unwrap();
    assert_eq!(feed(&there, from).await, [changed(&with_news), changed(&reviewed)]);
}

#[tokio::test]
async fn hosts_see_each_other_until_they_leave() {
    let (here, there) = two_hosts().await;
    assert!(here.other_hosts().await.unwrap().is_empty());
    here.renew_host(1, false, false).await.unwrap();
    there.renew_host(7, true, false).await.unwrap();
    let seen = HostRecord { instance: there.instance().to_owned(), beat: 7, announces: true, left: false };
    assert_eq!(here.other_hosts().await.unwrap(), [seen]);
    assert_eq!(there.other_hosts().await.unwrap().first().map(|host| (host.beat, host.announces)), Some((1, false)));
    there.renew_host(8, true, true).await.unwrap();
    assert!(here.other_hosts().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_business_can_be_followed_where_hosts_announce_nothing() {
    let (here, there) = two_hosts().await;
    let from = here.moment().await.unwrap();
    let (first, second) = (answered(&here, "in-1").await, answered(&here, "in-2").await);
    for record in [&second, &first] {
        here.commit_decision(record).await.unwrap();
    }
    assert_eq!(there.decisions_from("business", from, 10).await.unwrap(), [first.clone(), second.clone()]);
    let after = first.decision.created_at + Duration::from_nanos(1);
    assert_eq!(there.decisions_from("business", after, 10).await.unwrap(), [second]);
}
