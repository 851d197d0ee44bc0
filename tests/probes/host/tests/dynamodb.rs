use anyhow::Result;
use serde_json::{Value, json};

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
