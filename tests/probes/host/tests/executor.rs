//! Guarantees for a decision as a whole, with any guest.

use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};
use signalbox_executor::{NodeEvent, Phase, Progress};
use tokio::sync::mpsc;

use super::world::World;

/// Reports when a node starts.
struct Started(mpsc::Sender<String>);

impl Progress for Started {
    fn node(&self, event: NodeEvent) {
        if event.phase == Phase::Started {
            self.0.try_send(event.node.to_string()).ok();
        }
    }
}

#[tokio::test]
async fn a_swap_during_a_decision_keeps_its_generation() -> Result<()> {
    let world = World::start("failures").await?;
    let (sender, mut started) = mpsc::channel(8);
    let first = world.say_watched("in_nap", "nap", Arc::new(Started(sender)));
    let swap = async {
        assert_eq!(started.recv().await.as_deref(), Some("nap"));
        world.publish("failures", ("version = \"1.0.0\"", "version = \"1.0.1\"")).await
    };
    let (first, swapped) = tokio::join!(first, swap);
    swapped?;
    let (first, next) = (first?, world.say("hello").await?);
    assert_eq!(first.output.metadata.bundle_version, "1.0.0");
    assert_eq!(next.output.metadata.bundle_version, "1.0.1");
    assert_ne!(first.output.metadata.generation, next.output.metadata.generation);
    Ok(())
}

#[tokio::test]
async fn an_input_decided_twice_at_once_is_recorded_once_and_writes_once() -> Result<()> {
    let world = World::start("dynamodb").await?;
    let content = json!({"data": {"calls": [
        {"call": "put", "table": "rows", "partition": "p", "sort": "s", "item": {"n": 1}, "when": "absent"},
    ]}});
    let (one, other) = tokio::join!(
        world.decide("in_twice", "alpha", None, content.clone()),
        world.decide("in_twice", "alpha", None, content),
    );
    let (one, other) = (one?, other?);
    assert_eq!(one, other, "both are answered from the one record");
    assert_eq!(World::results(&one)?, [json!({"ok": 1})]);
    let row = world.calls(json!([{"call": "get", "table": "rows", "partition": "p", "sort": "s"}])).await?;
    assert_eq!(row[0]["ok"]["version"], 1, "the repeated write was answered as the first time");
    Ok(())
}

#[tokio::test]
async fn the_journal_holds_every_call_in_order() -> Result<()> {
    let world = World::start("dynamodb").await?;
    let calls = json!([
        {"call": "put", "table": "rows", "partition": "p", "sort": "s", "item": {"n": 1}},
        {"call": "get", "table": "rows", "partition": "p", "sort": "s"},
        {"call": "get", "table": "forbidden", "partition": "p", "sort": "s"},
    ]);
    let record = world.decide_calls("alpha", None, calls).await?;
    let journal = world.store.journal(&record.output.metadata.journal_id).await?.expect("the decision has a journal");
    let journal: Vec<Value> = serde_json::from_slice(&journal)?;
    let functions: Vec<&str> = journal.iter().filter_map(|entry| entry["function"].as_str()).collect();
    assert_eq!(functions, ["put", "get", "get"], "{journal:?}");
    assert!(journal[2]["answer"]["err"]["denied"].is_string(), "{}", journal[2]);
    Ok(())
}

#[tokio::test]
async fn a_decision_that_failed_is_found_again_and_not_made_again() -> Result<()> {
    let world = World::start("failures").await?;
    let first = world.say_as("in_panic", "panic").await?;
    let again = world.say_as("in_panic", "panic").await?;
    assert_eq!(first, again);
    Ok(())
}
