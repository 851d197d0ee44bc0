//! Records of an earlier version are used as they are.

use std::path::Path;
use std::time::Duration;

use dynoxide::Database;
use serde_json::{Value, json};
use signalbox_model::{Outcome, ReviewVerdict, Timestamp};
use signalbox_store::{
    Accepted, AcceptedInput, Backend, Config, DecisionRecord, Put, Resolved, Store, StoreError, tables,
};
use tokio::net::TcpListener;

use crate::backends::Endpoint;
use crate::reviews::by;
use crate::samples::{accepted, message_model, minute, record};

/// The key attributes of the indexes that were added since.
const NEW_ATTRIBUTES: [&str; 5] = ["reviewMoment", "reviewQueue", "reviewExpiryMoment", "changeShard", "changeMoment"];

/// The table of decisions before the version that added reviews.
fn old_table() -> Value {
    let table = tables("signalbox-").into_iter().find(|table| table.name == "signalbox-decisions").unwrap();
    let mut created = serde_json::to_value(table).unwrap()["CreateTable"].take();
    for (list, name, new, left) in [
        ("GlobalSecondaryIndexes", "IndexName", ["by-review", "by-review-expiry", "by-change", "", ""], 3),
        ("AttributeDefinitions", "AttributeName", NEW_ATTRIBUTES, 6),
    ] {
        let entries = created[list].as_array_mut().unwrap();
        entries.retain(|entry| !new.contains(&entry[name].as_str().unwrap()));
        assert_eq!(entries.len(), left, "{list}");
    }
    created
}

/// A decision that waits for a person, as it was stored before reviews had records.
fn old_decision(record: &DecisionRecord) -> Value {
    let body = json!({ "decision": record.decision, "output": record.output, "reply": record.reply });
    let effects = json!([{
        "id": "act_1",
        "kind": { "kafkaRecord": { "topic": "t", "value": "eA==", "headers": [] } },
        "state": { "is": "withheld" },
        "attempts": 0,
    }]);
    let text = |value: &str| json!({ "S": value });
    json!({
        "TableName": "signalbox-decisions",
        "Item": {
            "id": text(&record.decision.id),
            "businessId": text(&record.decision.business_id),
            "createdMoment": text(&format!("2026-11-23T17:01:00.000000000Z#{}", record.decision.id)),
            "typeAndCode": text("10:restaurant17:booking.confirmed"),
            "writer": text("01HZZZZZZZZZZZZZZZZZZZZZZZ"),
            "body": text(&body.to_string()),
            "effects": text(&effects.to_string()),
            "revision": { "N": "1" },
        },
    })
}

fn waiting() -> DecisionRecord {
    let mut record = record("business", "in-1", minute(1));
    record.decision.outcome = Outcome::ReviewPending;
    record
}

fn fill(database: &Database) {
    database.create_table(serde_json::from_value(old_table()).unwrap()).unwrap();
    database.put_item(serde_json::from_value(old_decision(&waiting())).unwrap()).unwrap();
}

async fn serve(database: Database) -> Backend {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    Backend::Endpoint { url, region: "us-east-1".to_owned(), access_key: None, secret: None }
}

async fn takes_over(backend: Backend) {
    let store = Store::open(Config::new(backend.clone())).await.unwrap();
    let old = waiting().decision;
    let found = store.decision(&old.id, "business").await.unwrap().unwrap();
    assert_eq!((&found.decision, &found.review), (&old, &None));
    let resolved = store.resolve_review(&old.id, "business", &by("ana", ReviewVerdict::Approve)).await.unwrap();
    assert!(matches!(resolved, Resolved::Done(_)), "{resolved:?}");
    assert_eq!(store.pending_decisions(Timestamp::MAX, 10).await.unwrap().len(), 1);
    let mut new = record("business", "in-3", minute(3));
    new.decision.outcome = Outcome::ReviewPending;
    store.commit_decision(&new).await.unwrap();
    assert_eq!(store.pending_reviews("business", None, 10).await.unwrap().items, [new]);
    let again = Store::open(Config { create_tables: false, ..Config::new(backend) }).await.unwrap();
    again.check().await.unwrap();
}

#[tokio::test]
async fn a_table_of_an_earlier_version_over_http_gets_the_new_indexes() {
    let database = Database::memory().unwrap();
    fill(&database);
    takes_over(serve(database).await).await;
}

#[tokio::test]
async fn a_file_of_an_earlier_version_gets_the_new_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signalbox.db");
    fill(&Database::new(path.to_str().unwrap()).unwrap());
    takes_over(Backend::Embedded { path: Some(Path::to_owned(&path)) }).await;
}

#[tokio::test]
async fn a_table_at_the_endpoint_gets_the_indexes_that_it_lacks() {
    let Some(endpoint) = Endpoint::from_env() else {
        println!("skipped: SIGNALBOX_TEST_DYNAMODB names no endpoint");
        return;
    };
    let store = endpoint.open().await;
    let record = waiting();
    store.commit_decision(&record).await.unwrap();
    for index in ["by-review", "by-review-expiry"] {
        endpoint.remove_decisions_index(index).await;
    }
    assert!(store.pending_reviews("business", None, 10).await.is_err(), "the index is gone");
    let store = endpoint.open().await;
    assert_eq!(store.pending_reviews("business", None, 10).await.unwrap().items, [record]);
    assert!(store.expired_reviews(minute(9), 10).await.unwrap().is_empty());
    endpoint.remove_tables().await;
}

#[tokio::test]
async fn processes_that_add_the_indexes_at_once_do_not_disturb_each_other() {
    let database = Database::memory().unwrap();
    fill(&database);
    let backend = serve(database).await;
    let opening: Vec<_> = (0..4).map(|_| tokio::spawn(Store::open(Config::new(backend.clone())))).collect();
    for opened in opening {
        let store = opened.await.unwrap().unwrap();
        assert!(store.pending_reviews("business", None, 10).await.unwrap().items.is_empty());
    }
}

#[tokio::test]
async fn a_missing_index_is_named_when_it_may_not_be_added() {
    let database = Database::memory().unwrap();
    for table in tables("signalbox-") {
        let create = match table.name.as_str() {
            "signalbox-decisions" => old_table(),
            _ => serde_json::to_value(table).unwrap()["CreateTable"].take(),
        };
        database.create_table(serde_json::from_value(create).unwrap()).unwrap();
    }
    let config = Config { create_tables: false, ..Config::new(serve(database).await) };
    let error = Store::open(config).await.unwrap_err();
    let StoreError::WrongTable { table, problem } = &error else { panic!("{error}") };
    assert!(table == "signalbox-decisions" && problem.contains("by-review"), "{error}");
}

#[tokio::test]
async fn a_review_of_an_earlier_version_is_read_without_what_was_not_kept_then() {
    let database = Database::memory().unwrap();
    let store = Store::open(Config::new(serve(database.clone()).await)).await.unwrap();
    let record = waiting();
    let review = json!({
        "requestedAt": record.decision.created_at,
        "resolution": {"by": "ana", "at": minute(20), "verdict": "reject", "note": "no", "inputId": "in-review-ana"},
    });
    let mut old = old_decision(&record);
    old["Item"]["review"] = json!({ "S": review.to_string() });
    database.put_item(serde_json::from_value(old).unwrap()).unwrap();
    let found = store.decision(&record.decision.id, "business").await.unwrap().unwrap();
    assert_eq!(found.decision.outcome, Outcome::Rejected);
    let end = found.review.clone().unwrap().resolution.unwrap();
    assert_eq!((end.by.as_str(), end.source, end.fingerprint), ("ana", None, None));
    let again = store.resolve_review(&record.decision.id, "business", &by("ana", ReviewVerdict::Reject)).await.unwrap();
    assert_eq!(again, Resolved::Done(Box::new(found)));
}

#[tokio::test]
async fn inputs_of_an_earlier_version_are_read_and_told_apart_from_reused_ids() {
    let database = Database::memory().unwrap();
    let store = Store::open(Config::new(serve(database.clone()).await)).await.unwrap();
    let input = accepted("business", "in-1", minute(1));
    let body = serde_json::to_string(&input).unwrap();
    assert!(!body.contains("fingerprint"), "{body}");
    let expires = Timestamp::now().as_second() + 3_600;
    let old = json!({
        "TableName": "signalbox-inputs",
        "Item": {
            "businessId": { "S": "business" },
            "id": { "S": "in-1" },
            "writer": { "S": "01HZZZZZZZZZZZZZZZZZZZZZZZ" },
            "body": { "S": body },
            "expiresAt": { "N": expires.to_string() },
        },
    });
    database.put_item(serde_json::from_value(old).unwrap()).unwrap();
    assert_eq!(store.accept_input(&input).await.unwrap(), Accepted::Duplicate);
    let other = AcceptedInput { fingerprint: Some("aa".to_owned()), ..input.clone() };
    assert_eq!(store.accept_input(&other).await.unwrap(), Accepted::Conflict);
    let state = store.input_state("business", "in-1").await.unwrap().unwrap();
    assert_eq!(state.accepted, input);
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    let finished = Timestamp::from_second(expires).unwrap().checked_sub(week).unwrap();
    assert_eq!(state.finished_at, Some(finished));
}

#[tokio::test]
async fn a_model_of_an_earlier_version_is_listed_once_it_is_stored_again_and_keeps_its_usage() {
    let database = Database::memory().unwrap();
    let table = tables("signalbox-").into_iter().find(|table| table.name == "signalbox-message-models").unwrap();
    let mut old = serde_json::to_value(table).unwrap()["CreateTable"].take();
    old["AttributeDefinitions"]
        .as_array_mut()
        .unwrap()
        .retain(|entry| ["decisionCode", "variant"].contains(&entry["AttributeName"].as_str().unwrap()));
    old.as_object_mut().unwrap().remove("GlobalSecondaryIndexes");
    database.create_table(serde_json::from_value(old).unwrap()).unwrap();
    let model = message_model("code", "1.0", "Bună");
    let text = |value: &str| json!({ "S": value });
    let item = json!({
        "TableName": "signalbox-message-models",
        "Item": {
            "decisionCode": text("code"),
            "variant": text("3:1.00:0:0:"),
            "body": text(&serde_json::to_string(&model).unwrap()),
            "usageCount": { "N": "5" },
        },
    });
    database.put_item(serde_json::from_value(item).unwrap()).unwrap();
    let store = Store::open(Config::new(serve(database).await)).await.unwrap();
    assert_eq!(store.message_models("code").await.unwrap()[0].usage_count, 5);
    assert!(store.all_message_models(None, 10).await.unwrap().items.is_empty());
    assert_eq!(store.put_message_model(&model).await.unwrap(), Put::Unchanged);
    let listed = store.all_message_models(None, 10).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].message_template.as_str(), listed[0].usage_count), ("Bună", 5));
}

#[tokio::test]
async fn a_finished_input_is_remembered_for_seven_days() {
    let database = Database::memory().unwrap();
    let store = Store::open(Config::new(serve(database.clone()).await)).await.unwrap();
    store.accept_input(&accepted("business", "in-1", minute(1))).await.unwrap();
    let before = Timestamp::now();
    store.finish_input("in-1", "business").await.unwrap();
    let read = json!({
        "TableName": "signalbox-inputs",
        "Key": { "businessId": { "S": "business" }, "id": { "S": "in-1" } },
    });
    let item = database.get_item(serde_json::from_value(read).unwrap()).unwrap();
    let item = serde_json::to_value(item).unwrap();
    let expires: i64 = item["Item"]["expiresAt"]["N"].as_str().unwrap().parse().unwrap();
    assert!(expires >= before.as_second() + 7 * 24 * 60 * 60, "{expires}");
}
