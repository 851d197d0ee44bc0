//! Records that cannot be read do not stop the reading of others.

use std::time::Duration;

use serde_json::{Value, json};
use signalbox_model::Timestamp;
use signalbox_store::{DecisionQuery, DecisionRecord, Effect, Order, Store, StoreError};

use crate::fires::fire;
use crate::raw::{Raw, on_every_backend};
use crate::reviews::under_review;
use crate::samples::{accepted, action, message_model, minute, unique};
use crate::schedules::definition;

/// More records than a page can have.
const MANY: usize = 150;

/// Stores many items before the item with a key. They equal it except for their keys, and one attribute that cannot be
/// read.
async fn before(raw: &Raw, table: &str, key: [(&str, &str); 2], unreadable: &str, moments: &[&str], at: &str) {
    let item = raw.get(table, key).await;
    for number in 0..MANY {
        let mut bad = item.clone();
        let id = format!("bad{number:03}");
        bad[key[1].0] = json!({ "S": id });
        if key[0].0 == "id" {
            bad["id"] = json!({ "S": id });
            bad[key[1].0] = item[key[1].0].clone();
        }
        for moment in moments.iter().filter(|moment| item.get(**moment).is_some()) {
            bad[*moment] = json!({ "S": format!("{at}#{id}") });
        }
        bad[unreadable] = json!({ "S": r#"{"decision": "a secret of a guest"}"# });
        raw.put(table, bad).await;
    }
}

const EARLIER: &str = "2026-11-23T16:00:00.000000000Z";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_decisions_that_cannot_be_read_hide_nothing_that_is_due_listed_or_missed() {
    on_every_backend(async |store, raw| {
        let business = unique("business");
        let effects = vec![Effect::pending("a", action("a", None)), Effect::withheld("b", action("b", None))];
        let mut good = under_review(&business, 1, Some(minute(30)), effects);
        good.decision.business_type = unique("type");
        store.commit_decision(&good).await.unwrap();
        let key = [("id", good.decision.id.as_str()), ("businessId", business.as_str())];
        let moments = ["createdMoment", "dueMoment", "reviewMoment", "reviewExpiryMoment"];
        before(raw, "decisions", key, "body", &moments, EARLIER).await;
        let good = std::slice::from_ref(&good);
        let own = |records: Vec<DecisionRecord>| -> Vec<DecisionRecord> {
            records.into_iter().filter(|record| record.decision.business_id == business).collect()
        };
        assert_eq!(own(store.pending_decisions(minute(59), 100).await.unwrap()), good);
        assert_eq!(own(store.expired_reviews(minute(59), 100).await.unwrap()), good);
        assert_eq!(store.pending_reviews(&business, None, 20).await.unwrap().items, good);
        let query =
            |order| DecisionQuery { business_id: business.clone(), before: None, after: None, limit: 20, order };
        assert_eq!(store.decisions(&query(Order::OldestFirst)).await.unwrap().items, good);
        let newest = store.decisions(&query(Order::NewestFirst)).await.unwrap();
        assert_eq!(newest.items, good);
        let further = DecisionQuery { before: newest.cursor, ..query(Order::NewestFirst) };
        let end = store.decisions(&further).await.unwrap();
        assert!(end.items.is_empty() && end.cursor.is_none(), "an empty page is the last one");
        let missed = store.missed_since(&business, None, Duration::ZERO, 20).await.unwrap().page;
        assert_eq!((missed.items.as_slice(), missed.left_out), (good, MANY));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_decisions_that_cannot_be_read_hide_no_similar_one() {
    on_every_backend(async |store, raw| {
        let business = unique("business");
        let mut good = under_review(&business, 1, None, Vec::new());
        good.decision.business_type = unique("type");
        store.commit_decision(&good).await.unwrap();
        let key = [("id", good.decision.id.as_str()), ("businessId", business.as_str())];
        before(raw, "decisions", key, "body", &["createdMoment"], "2026-11-23T18:00:00.000000000Z").await;
        let decision = &good.decision;
        let similar = store.similar_decisions(&decision.business_type, &decision.decision_code, 20).await.unwrap();
        assert_eq!(similar, std::slice::from_ref(decision));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_inputs_ticks_schedules_and_models_that_cannot_be_read_hide_no_others() {
    on_every_backend(async |store, raw| {
        let business = unique("business");
        let input = accepted(&business, "in-1", minute(1));
        store.accept_input(&input).await.unwrap();
        before(raw, "inputs", [("businessId", &business), ("id", "in-1")], "body", &["dueMoment"], EARLIER).await;
        let pending = store.pending_inputs(100).await.unwrap();
        assert!(pending.contains(&input), "{} pending", pending.len());
        let (error, state) = (store.input_state(&business, "bad001").await, store.input_state(&business, "in-1").await);
        let error = error.unwrap_err();
        assert!(matches!(&error, StoreError::Unreadable { what, .. } if what.contains("bad001")), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(state.unwrap().unwrap().accepted, input);

        store.put_schedule(&definition(&business, "zz"), minute(1)).await.unwrap();
        let schedule = store.schedule(&business, "zz").await.unwrap().unwrap();
        let tick = fire(&schedule, minute(8), "host-1");
        store.claim_fire(&tick).await.unwrap();
        let name = format!("{}:{business}2:zz", business.len());
        let key = [("schedule", name.as_str()), ("nominal", "2026-11-23T17:08:00.000000000Z")];
        before(raw, "fires", key, "generation", &["dueMoment"], EARLIER).await;
        let fires = store.unfinished_fires(Timestamp::MAX, 100).await.unwrap();
        assert!(fires.contains(&tick), "{} ticks", fires.len());

        listed_before(raw, "schedules", [("businessId", &business), ("name", "zz")]).await;
        assert_eq!(store.schedules(&business).await.unwrap(), std::slice::from_ref(&schedule));
        assert!(every_schedule(store).await.contains(&schedule));

        let model = message_model(&business, "9", "Bună");
        store.put_message_model(&model).await.unwrap();
        listed_before(raw, "message-models", [("decisionCode", &business), ("variant", "1:90:0:0:")]).await;
        assert_eq!(store.message_models(&business).await.unwrap(), std::slice::from_ref(&model));
        let page = store.all_message_models(None, 20).await.unwrap();
        assert!(page.items.contains(&model) || page.cursor.is_some());
    })
    .await;
}

/// Like [`before`], for an item in the list of all items of a table.
async fn listed_before(raw: &Raw, table: &str, key: [(&str, &str); 2]) {
    let item = raw.get(table, key).await;
    for number in 0..MANY {
        let mut bad: Value = item.clone();
        bad[key[1].0] = json!({ "S": format!("bad{number:03}") });
        bad["listKey"] = json!({ "S": format!("0:{number:03}") });
        bad["body"] = json!({ "S": "{}" });
        raw.put(table, bad).await;
    }
}

async fn every_schedule(store: &Store) -> Vec<signalbox_store::Schedule> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.all_schedules(cursor.as_deref(), 20).await.unwrap();
        assert!(!page.items.is_empty() || page.cursor.is_none(), "an empty page is the last one");
        all.extend(page.items);
        cursor = page.cursor;
        if cursor.is_none() {
            return all;
        }
    }
}
