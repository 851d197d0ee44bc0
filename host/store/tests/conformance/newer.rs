//! A newer version has written to the tables, with fields and variants everywhere that this version does not know. This
//! version serves these records, and keeps the unknown parts when it writes them back.

use serde_json::{Value, json};
use signalbox_model::{JsonObject, Outcome, ReviewVerdict, Timestamp};
use signalbox_store::{
    AcceptedInput, Claim, DecisionQuery, DecisionRecord, Delivery, DeliveryAnswer, Effect, EffectState, EffectUpdate,
    Fire, FireClaim, FireEnd, Order, Put, Resolved, RowCondition, ScheduleDefinition, ScheduleTiming, Store,
};
use std::time::Duration;

use crate::fires::fire;
use crate::raw::{Raw, document, on_every_backend};
use crate::reviews::{by, under_review};
use crate::samples::{
    accepted, action, kafka_record, message_model, minute, record, row_key, scope, unique, with_effects, with_session,
};
use crate::schedules::definition;

/// The keys whose values have no fixed fields: free JSON, maps, and enums that name their variant by a key.
const FREE: [&str; 9] = ["payload", "settings", "permissions", "kind", "timing", "source", "data", "plugin", "result"];

/// Adds a field to every object whose fields the host defines.
fn grow(value: &mut Value) {
    fn walk(value: &mut Value, key: &str) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, key)),
            Value::Object(fields) => {
                fields.iter_mut().for_each(|(key, value)| walk(value, key));
                if !FREE.contains(&key) {
                    fields.insert("newerField".to_owned(), json!({ "deep": [1, null] }));
                }
            }
            _ => {}
        }
    }
    walk(value, "");
}

fn has_grown(value: &Value) -> bool {
    value["newerField"] == json!({ "deep": [1, null] })
}

fn kept(item: &Value) -> bool {
    item["newerAttribute"]["S"] == "kept"
}

fn decision_key(record: &DecisionRecord) -> [(&str, &str); 2] {
    [("id", &record.decision.id), ("businessId", &record.decision.business_id)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_with_fields_of_a_newer_version_is_served_and_keeps_them() {
    on_every_backend(async |store, raw| {
        let business = unique("business");
        let effects = vec![Effect::withheld("a", action("a", None)), Effect::withheld("b", kafka_record(b"x"))];
        let record = with_session(under_review(&business, 1, Some(minute(30)), effects), json!({"a": 1}), minute(59));
        store.commit_decision(&record).await.unwrap();
        for name in ["body", "effects", "review"] {
            raw.rewrite("decisions", decision_key(&record), name, grow).await;
        }
        let body = raw.get("decisions", decision_key(&record)).await["body"].clone();
        // Every read and every list returns it.
        let id = &record.decision.id;
        assert_eq!(store.decision(id, &business).await.unwrap().as_ref(), Some(&record));
        let query = DecisionQuery {
            business_id: business.clone(),
            before: None,
            after: None,
            limit: 10,
            order: Order::NewestFirst,
        };
        assert_eq!(store.decisions(&query).await.unwrap().items, std::slice::from_ref(&record));
        assert_eq!(store.pending_reviews(&business, None, 10).await.unwrap().items, std::slice::from_ref(&record));
        let missed = store.missed_since(&business, None, Duration::ZERO, 10).await.unwrap().page;
        assert_eq!((missed.items.as_slice(), missed.left_out), (std::slice::from_ref(&record), 0));
        // It can be reviewed, and its effects can be delivered.
        let resolved = store.resolve_review(id, &business, &by("ana", ReviewVerdict::Approve)).await.unwrap();
        assert!(matches!(resolved, Resolved::Done(_)), "{resolved:?}");
        let delivered = EffectState::delivered(minute(40));
        let update = EffectUpdate { effect_id: "a".to_owned(), state: delivered.clone() };
        let after = store.update_effects(id, &business, &[update]).await.unwrap();
        assert_eq!(after.effects[0].state, delivered);
        // The written item still has what the newer version wrote.
        let item = raw.get("decisions", decision_key(&record)).await;
        assert!(kept(&item) && item["body"] == body);
        let (effects, review) = (document(&item, "effects"), document(&item, "review"));
        assert!(has_grown(&review) && review["resolution"]["by"] == "ana", "{review}");
        assert_eq!(effects[0]["state"]["is"], "delivered");
        assert_eq!(effects[1]["state"]["is"], "pending");
        for (effect, kind) in [(&effects[0], "action"), (&effects[1], "kafkaRecord")] {
            assert!(has_grown(effect) && has_grown(&effect["kind"][kind]), "{effect}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_with_variants_of_a_newer_version_is_shown_as_it_is_and_keeps_them() {
    on_every_backend(async |store, raw| {
        let business = unique("business");
        let effects = ["a", "b", "c"].map(|id| Effect::pending(id, action(id, None)));
        let record = with_effects(record(&business, "in-1", minute(1)), effects.to_vec());
        store.commit_decision(&record).await.unwrap();
        let key = decision_key(&record);
        raw.rewrite("decisions", key, "body", |body| {
            body["reply"] = json!({ "kind": "fax", "number": 7 });
            body["decision"]["outcome"] = json!("postponed");
            body["decision"]["context"]["input"]["source"] = json!("carrier_pigeon");
            body["decision"]["context"]["input"]["type"] = json!("telepathy");
            body["output"]["metadata"]["path"][0]["result"] = json!({ "skipped": { "why": "night" } });
            let content = json!({ "text": "a" });
            body["output"]["responses"] = json!([{
                "id": "rsp_1", "target": "fax", "recipient": "ana", "content": content, "timestamp": minute(1)
            }]);
        })
        .await;
        raw.rewrite("decisions", key, "effects", |effects| {
            effects[0]["kind"] = json!({ "fax": { "to": "1", "pages": [1.5, null] } });
            effects[1]["state"] = json!({ "is": "parked", "behind": "a" });
            effects[2]["kind"]["action"]["type"] = json!("telepathy");
            effects[2]["kind"]["action"]["priority"] = json!("urgent");
        })
        .await;
        let before = raw.get("decisions", key).await;
        let read = store.decision(&record.decision.id, &business).await.unwrap().unwrap();
        let shown = serde_json::to_value(&read).unwrap();
        let body = document(&before, "body");
        for part in ["decision", "output", "reply"] {
            assert_eq!(shown[part], body[part], "{part}");
        }
        assert_eq!(shown["effects"], document(&before, "effects"));
        assert!(read.effects.iter().all(|effect| !effect.state.is_final()));
        assert_eq!(read.effects.iter().map(|effect| effect.kind.is_known()).collect::<Vec<_>>(), [false, true, false]);
        // It may be due for a newer version, so it is found.
        let ids =
            |records: Vec<DecisionRecord>| records.into_iter().map(|record| record.decision.id).collect::<Vec<_>>();
        let due = ids(store.pending_decisions(minute(59), 100).await.unwrap());
        assert!(due.contains(&record.decision.id));
        // This version does not change the effects that only a newer version understands; it changes the others.
        let dropped = EffectState::Dropped { reason: "no".to_owned() };
        let update = |id: &str| EffectUpdate { effect_id: id.to_owned(), state: dropped.clone() };
        store.update_effects(&record.decision.id, &business, &[update("b"), update("c")]).await.unwrap();
        let after = raw.get("decisions", key).await;
        let (was, is) = (document(&before, "effects"), document(&after, "effects"));
        assert_eq!((&is[0], &is[1]), (&was[0], &was[1]));
        assert_eq!((&is[2]["kind"], &is[2]["state"]["is"]), (&was[2]["kind"], &json!("dropped")));
        assert_eq!(after["body"], before["body"]);
        // Nothing is left for this version to deliver, so the decision is where the newer version looks for waiting
        // effects.
        store.update_effects(&record.decision.id, &business, &[update("a")]).await.unwrap();
        let last = raw.get("decisions", key).await;
        assert!(kept(&last) && last["queue"] == before["queue"] && last["dueMoment"] == before["dueMoment"], "{last}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_of_a_newer_version_ends_the_review_and_is_shown_as_it_is() {
    on_every_backend(async |store, raw| {
        let business = unique("business");
        let record = under_review(&business, 1, None, vec![Effect::withheld("a", action("a", None))]);
        store.commit_decision(&record).await.unwrap();
        raw.rewrite("decisions", decision_key(&record), "review", |review| {
            let end = json!({ "by": "ana", "at": minute(2), "verdict": "escalate", "inputId": "in-9", "to": "bea" });
            review["resolution"] = end;
        })
        .await;
        let id = &record.decision.id;
        let read = store.decision(id, &business).await.unwrap().unwrap();
        assert_eq!(serde_json::to_value(read.decision.outcome).unwrap(), "escalate");
        assert_ne!(read.decision.outcome, Outcome::ReviewPending);
        let late = store.resolve_review(id, &business, &by("bea", ReviewVerdict::Approve)).await.unwrap();
        assert!(matches!(late, Resolved::AlreadyResolved(_)), "{late:?}");
        assert!(store.pending_reviews(&business, None, 10).await.unwrap().items.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_of_a_newer_version_is_recovered_as_it_is_and_keeps_what_is_not_known() {
    on_every_backend(async |store, raw| {
        let business = unique("business");
        let inputs = ["in-1", "in-2"].map(|id| accepted(&business, id, minute(1)));
        for input in &inputs {
            store.accept_input(input).await.unwrap();
            raw.rewrite("inputs", [("businessId", &business), ("id", &input.input.id)], "body", grow).await;
        }
        raw.rewrite("inputs", [("businessId", &business), ("id", "in-2")], "body", |body| {
            body["input"]["type"] = json!("telepathy");
            body["reply"] = json!({ "kind": "fax", "number": 7 });
        })
        .await;
        let pending = own_inputs(store, &business).await;
        assert_eq!(pending[0], inputs[0]);
        assert!(pending[0].input.is_known() && !pending[1].input.is_known());
        assert_eq!(serde_json::to_value(pending[1].input.input_type).unwrap(), "telepathy");
        assert_eq!(serde_json::to_value(&pending[1].reply).unwrap(), json!({ "kind": "fax", "number": 7 }));
        for id in ["in-1", "in-2"] {
            let key = [("businessId", business.as_str()), ("id", id)];
            let body = raw.get("inputs", key).await["body"].clone();
            assert_eq!(store.begin_attempt(id, &business).await.unwrap(), Some(1));
            store.end_attempts(id, &business).await.unwrap();
            store.finish_input(id, &business).await.unwrap();
            let item = raw.get("inputs", key).await;
            assert!(kept(&item) && item["body"] == body, "{item}");
        }
        assert!(own_inputs(store, &business).await.is_empty());
    })
    .await;
}

async fn own_inputs(store: &Store, business: &str) -> Vec<AcceptedInput> {
    let all = store.pending_inputs(100).await.unwrap();
    all.into_iter().filter(|accepted| accepted.input.business_id == business).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_of_a_newer_version_is_listed_paused_and_put_again_and_keeps_what_is_not_known() {
    on_every_backend(async |store, raw| {
        let business = unique("business");
        let plain = definition(&business, "daily");
        store.put_schedule(&plain, minute(1)).await.unwrap();
        let key = [("businessId", business.as_str()), ("name", "daily")];
        raw.rewrite("schedules", key, "body", grow).await;
        assert_eq!(store.schedule(&business, "daily").await.unwrap().unwrap().definition, plain);
        assert_eq!(store.put_schedule(&plain, minute(2)).await.unwrap(), Put::Unchanged, "it says the same here");
        let fields = async || {
            let item = raw.get("schedules", key).await;
            let body = document(&item, "body");
            (kept(&item), has_grown(&body), has_grown(&body["definition"]), body)
        };
        store.pause_schedule(&business, "daily", minute(3)).await.unwrap();
        let (kept_attribute, body_has, definition_has, body) = fields().await;
        assert!(kept_attribute && body_has && definition_has && body["paused"] == true, "{body}");
        // Another definition replaces the unknown fields of the definition; the schedule's own unknown fields stay.
        let other = ScheduleDefinition { timing: ScheduleTiming::At(minute(50)), ..plain };
        assert_eq!(store.put_schedule(&other, minute(4)).await.unwrap(), Put::Replaced);
        let (kept_attribute, body_has, definition_has, body) = fields().await;
        assert!(kept_attribute && body_has && !definition_has && body["paused"] == true, "{body}");
        // A timing that this version does not know is not guessed.
        raw.rewrite("schedules", key, "body", |body| {
            body["definition"]["timing"] = json!({ "tide": { "harbour": "Constanța" } });
            body["definition"]["overlap"] = json!("merge");
            body["definition"]["catchUp"] = json!({ "some": { "share": 0.5 } });
            body["definition"]["source"] = json!({ "operator": { "name": "ana" } });
        })
        .await;
        let before = document(&raw.get("schedules", key).await, "body");
        let read = store.schedules(&business).await.unwrap().remove(0);
        assert!(!read.definition.is_known() && other.is_known());
        assert_eq!(serde_json::to_value(&read.definition.timing).unwrap(), before["definition"]["timing"]);
        let resumed = store.resume_schedule(&business, "daily", minute(5)).await.unwrap();
        assert!(!resumed.paused);
        let after = document(&raw.get("schedules", key).await, "body");
        assert_eq!((&after["definition"], &after["paused"]), (&before["definition"], &json!(false)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ticks_deliveries_models_sessions_and_rows_keep_the_attributes_of_a_newer_version() {
    on_every_backend(async |store, raw| {
        let business = unique("business");
        a_tick_keeps_them(store, raw, &business).await;
        a_delivery_keeps_them(store, raw, &business).await;
        a_model_keeps_them(store, raw).await;
        a_session_keeps_them(store, raw, &business).await;
        a_row_keeps_them(store, raw, &business).await;
    })
    .await;
}

async fn mark(raw: &Raw, table: &str, key: [(&str, &str); 2]) {
    let mut item = raw.get(table, key).await;
    item["newerAttribute"] = json!({ "S": "kept" });
    raw.put(table, item).await;
}

async fn a_tick_keeps_them(store: &Store, raw: &Raw, business: &str) {
    store.put_schedule(&definition(business, "daily"), minute(1)).await.unwrap();
    let schedule = store.schedule(business, "daily").await.unwrap().unwrap();
    let tick = fire(&schedule, minute(8), "host-1");
    assert_eq!(store.claim_fire(&tick).await.unwrap(), FireClaim::Won);
    let name = format!("{}:{business}5:daily", business.len());
    let key = [("schedule", name.as_str()), ("nominal", "2026-11-23T17:08:00.000000000Z")];
    mark(raw, "fires", key).await;
    let found = store.unfinished_fires(Timestamp::MAX, 100).await.unwrap();
    let found: Vec<Fire> = found.into_iter().filter(|fire| fire.business_id == business).collect();
    let (claim, taken) = store.reclaim_fire(&found[0], "host-2", minute(20)).await.unwrap();
    assert_eq!(claim, FireClaim::Won);
    store.finish_fire(&taken, FireEnd::Skipped).await.unwrap();
    assert!(kept(&raw.get("fires", key).await));
}

async fn a_delivery_keeps_them(store: &Store, raw: &Raw, business: &str) {
    let delivery = Delivery {
        business_id: business.to_owned(),
        id: "dlv_1".to_owned(),
        fingerprint: "aa".to_owned(),
        received_at: Timestamp::now(),
    };
    assert_eq!(store.claim_delivery(&delivery).await.unwrap(), Claim::Open);
    let key = [("businessId", business), ("id", "dlv_1")];
    mark(raw, "inputs", key).await;
    let answer = DeliveryAnswer { status: 202, content_type: "text/plain".to_owned(), body: b"ok".to_vec() };
    store.answer_delivery(&delivery, &answer).await.unwrap();
    assert_eq!(store.claim_delivery(&delivery).await.unwrap(), Claim::Answered(answer));
    assert!(kept(&raw.get("inputs", key).await));
}

async fn a_model_keeps_them(store: &Store, raw: &Raw) {
    let model = message_model(&unique("code"), "1.0", "Bună");
    store.put_message_model(&model).await.unwrap();
    let key = [("decisionCode", model.decision_code.as_str()), ("variant", "3:1.00:0:0:")];
    raw.rewrite("message-models", key, "body", grow).await;
    assert_eq!(store.message_models(&model.decision_code).await.unwrap(), std::slice::from_ref(&model));
    assert_eq!(store.put_message_model(&model).await.unwrap(), Put::Unchanged);
    let other = message_model(&model.decision_code, "1.0", "Bună ziua");
    assert_eq!(store.put_message_model(&other).await.unwrap(), Put::Replaced);
    store.count_usage(&other, 1, minute(2)).await.unwrap();
    let item = raw.get("message-models", key).await;
    let body = document(&item, "body");
    assert!(kept(&item) && has_grown(&body) && body["messageTemplate"] == "Bună ziua", "{body}");
}

async fn a_session_keeps_them(store: &Store, raw: &Raw, business: &str) {
    let says = |input: &str, data: Value| {
        with_session(record(business, input, minute(1)), data, Timestamp::now() + Duration::from_secs(600))
    };
    store.commit_decision(&says("in-1", json!({ "n": 1 }))).await.unwrap();
    let key = [("businessId", business), ("userId", "user-1")];
    mark(raw, "sessions", key).await;
    store.commit_decision(&says("in-2", json!({ "n": 2 }))).await.unwrap();
    let remembered: JsonObject = store.session(business, "user-1").await.unwrap().unwrap();
    assert_eq!(remembered["n"], 2);
    assert!(kept(&raw.get("sessions", key).await));
}

async fn a_row_keeps_them(store: &Store, raw: &Raw, business: &str) {
    let (scope, row) = (scope(business), row_key("p", "s"));
    let put = async |item: &str, key: &str| store.put_row(&scope, &row, item, RowCondition::Always, key).await.unwrap();
    assert_eq!(put("{}", "k1").await, 1);
    let partition = format!("{}:{business}4:book12:reservations1:p", business.len());
    let key = [("partition", partition.as_str()), ("sort", "s")];
    raw.rewrite("rows", key, "writes", grow).await;
    assert_eq!(put(r#"{"a":1}"#, "k2").await, 2);
    assert_eq!(put("{}", "k1").await, 1, "a repeated write is still known");
    let item = raw.get("rows", key).await;
    let writes = document(&item, "writes");
    assert!(kept(&item) && has_grown(&writes[0]) && writes[1]["key"] == "k2", "{item}");
    assert!(store.delete_row(&scope, &row, RowCondition::Always, "k3").await.unwrap());
    let left = raw.get("rows", key).await;
    assert!(kept(&left) && left.get("item").is_none() && left.get("version").is_none(), "{left}");
    assert_eq!(store.row(&scope, &row).await.unwrap(), None);
    assert_eq!(put("{}", "k4").await, 1);
    assert!(raw.get("rows", key).await.get("expiresAt").is_none(), "a row that is there again does not expire");
}
