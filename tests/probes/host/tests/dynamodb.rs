use anyhow::Result;
use serde_json::{Value, json};
use signalbox_capabilities::AnswerLimits;
use signalbox_model::Outcome;
use signalbox_store::{RowCondition, RowKey, RowScope};

use super::world::World;

fn get(table: &str, sort: &str) -> Value {
    json!({"call": "get", "table": table, "partition": "p", "sort": sort})
}

fn put(table: &str, sort: &str, item: Value, when: Value) -> Value {
    json!({"call": "put", "table": table, "partition": "p", "sort": sort, "item": item, "when": when})
}

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let world = World::start("dynamodb").await?;
    let results = world
        .calls(json!([
            get("rows", "a"),
            put("rows", "a", json!({"n": 1}), json!("absent")),
            put("rows", "a", json!({"n": 2}), json!("absent")),
            put("rows", "a", json!({"n": 2}), json!({"version": 1})),
            put("rows", "b", json!({"n": 3}), Value::Null),
            get("rows", "a"),
            {"call": "query", "table": "rows", "partition": "p", "limit": 1},
            {"call": "delete", "table": "rows", "partition": "p", "sort": "b"},
            {"call": "delete", "table": "rows", "partition": "p", "sort": "b"},
            get("readable", "a"),
            put("readable", "a", json!({"n": 1}), Value::Null),
            get("somebody-elses", "a"),
            put("rows", "", json!({"n": 1}), Value::Null),
        ]))
        .await?;
    assert_eq!(results[0], json!({"ok": null}));
    assert_eq!(results[1], json!({"ok": 1}));
    assert_eq!(results[2]["error"], "ConditionFailed");
    assert_eq!(results[3], json!({"ok": 2}));
    assert_eq!(results[4], json!({"ok": 1}));
    assert_eq!(results[5]["ok"]["item"], json!({"n": 2}));
    assert_eq!(results[5]["ok"]["version"], 2);
    assert_eq!(results[6]["ok"]["rows"].as_array().map(Vec::len), Some(1));
    assert!(results[6]["ok"]["cursor"].is_string(), "{}", results[6]);
    assert_eq!(results[7], json!({"ok": true}));
    assert_eq!(results[8], json!({"ok": false}));
    assert_eq!(results[9], json!({"ok": null}));
    assert_eq!(results[10]["error"], "Denied");
    assert_eq!(results[11]["error"], "Denied");
    assert_eq!(results[12]["error"], "Invalid");
    Ok(())
}

#[tokio::test]
async fn a_businesss_rows_are_out_of_reach_for_another() -> Result<()> {
    let world = World::start("dynamodb").await?;
    let write = json!([put("rows", "a", json!({"secret": "alpha's"}), json!("absent"))]);
    assert_eq!(world.calls_at("alpha", None, write).await?[0], json!({"ok": 1}));
    let read = json!([get("rows", "a"), {"call": "query", "table": "rows", "partition": "p"}]);
    let results = world.calls_at("beta", None, read).await?;
    assert_eq!(results[0], json!({"ok": null}));
    assert_eq!(results[1]["ok"]["rows"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_cursor_leads_through_the_whole_partition_once() -> Result<()> {
    let world = World::start("dynamodb").await?;
    let writes: Vec<Value> = (0..7).map(|n| put("rows", &format!("row-{n}"), json!({"n": n}), Value::Null)).collect();
    world.calls(json!(writes)).await?;
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let query = json!([{"call": "query", "table": "rows", "partition": "p", "limit": 3, "cursor": cursor}]);
        let page = world.calls(query).await?.remove(0);
        seen.extend(page["ok"]["rows"].as_array().unwrap().iter().map(|row| row["item"]["n"].clone()));
        cursor = page["ok"]["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(json!(seen), json!([0, 1, 2, 3, 4, 5, 6]));
    Ok(())
}

/// A world with little room for answers, in which the probe has 40 rows of 100 KB for business `alpha`.
async fn with_many_rows() -> Result<World> {
    let limits = AnswerLimits { per_call: 1 << 20, per_decision: 4 << 20, per_business: 6 << 20, per_host: 12 << 20 };
    let world = World::with("dynamodb", |options| options.answers = limits).await?;
    let scope = RowScope { business_id: "alpha".to_owned(), plugin: "probe".to_owned(), table: "rows".to_owned() };
    let item = json!({ "text": "x".repeat(100_000) }).to_string();
    for number in 0..40 {
        let key = RowKey { partition: "p".to_owned(), sort: format!("{number:02}") };
        world.store.put_row(&scope, &key, &item, RowCondition::Always, &format!("key-{number}")).await?;
    }
    Ok(world)
}

#[tokio::test]
async fn a_guest_that_reads_on_and_on_is_told_to_stop_and_the_host_holds_no_more_than_it_may() -> Result<()> {
    let world = with_many_rows().await?;
    let read_on = json!([{"call": "read-on", "table": "rows", "partition": "p", "times": 200}]);
    let neighbour = async {
        for _ in 0..5 {
            let answer = world.calls_at("beta", None, json!([get("rows", "a")])).await?;
            assert_eq!(answer[0], json!({"ok": null}), "the neighbour is answered");
        }
        anyhow::Ok(())
    };
    let (record, neighbour) = tokio::join!(world.decide_calls("alpha", None, read_on), neighbour);
    neighbour?;
    let record = record?;
    let result = &World::results(&record)?[0];
    assert_eq!(result["refused"]["error"], "Exhausted", "{result}");
    assert_eq!(result["refused"]["retryable"], false);
    assert!(result["most"].as_u64() < Some(11), "a page ends before it is larger than an answer: {result}");
    assert!((3..=4).contains(&result["pages"].as_u64().unwrap_or_default()), "{result}");
    assert_eq!(world.answers.held(), 0, "a decision that is over holds nothing");
    let journal = world.store.journal(&record.output.metadata.journal_id).await?.unwrap_or_default();
    assert!(journal.len() < 5 << 20, "the journal has {} bytes", journal.len());
    Ok(())
}

#[tokio::test]
async fn a_guest_that_asks_on_after_it_was_told_to_stop_fails_in_words() -> Result<()> {
    let world = with_many_rows().await?;
    let record = world.decide_calls("alpha", None, json!([{"call": "ask-on", "table": "rows"}])).await?;
    assert_eq!(record.decision.outcome, Outcome::Failed);
    assert!(
        record.decision.reasoning.contains("the journal of one decision may hold"),
        "{}",
        record.decision.reasoning
    );
    assert_eq!(world.answers.held(), 0);
    assert_eq!(world.calls(json!([get("rows", "none")])).await?[0], json!({"ok": null}), "the next one is made");
    Ok(())
}

#[tokio::test]
async fn pages_that_end_early_lead_through_the_whole_partition() -> Result<()> {
    let world = with_many_rows().await?;
    let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, Value::Null);
    loop {
        let query = json!([{"call": "query", "table": "rows", "partition": "p", "cursor": cursor}]);
        let record = world.decide_calls("alpha", None, query).await?;
        // The probe's answer is too large for a decision; the journal has it.
        let journal = world.store.journal(&record.output.metadata.journal_id).await?.unwrap_or_default();
        let journal: Value = serde_json::from_slice(&journal)?;
        let page = &journal[0]["answer"]["ok"];
        seen.extend(page["rows"].as_array().unwrap().iter().map(|row| row["key"]["sort"].clone()));
        (cursor, pages) = (page["cursor"].clone(), pages + 1);
        if cursor.is_null() {
            break;
        }
    }
    let all: Vec<String> = (0..40).map(|number| format!("{number:02}")).collect();
    assert_eq!((json!(seen), pages >= 4), (json!(all), true));
    Ok(())
}
