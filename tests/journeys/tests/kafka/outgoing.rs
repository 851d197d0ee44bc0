//! Resource actions on their way to Kafka, read as the services that own the resources read them.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use signalbox_tests_support::{DEADLINE, Host, Kafka, MockKafka, Setup, bundle};

use crate::all_decisions;
use crate::webhooks::SECRET;

const ACTIONS: &str = "resource-actions";
const BISTRO: &str = "bistro-central";
const BOOKING: &str = "Aș vrea o masă pentru 2 persoane mâine la 12:30";

/// Names a Python that has `confluent-kafka`; `cargo xtask test --real` makes one.
const PYTHON: &str = "SIGNALBOX_TEST_PYTHON";

/// A record as its reader sees it.
#[derive(Debug)]
struct Record {
    key: String,
    headers: Vec<(String, String)>,
    value: Value,
}

impl Record {
    fn idempotency_key(&self) -> &str {
        let own = self.headers.iter().find(|(name, _)| name == "signalbox-idempotency-key");
        own.map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// The restaurant, whose bookings are resource actions. A host that dies delays its effects for a few seconds.
fn restaurant(kafka: &Kafka) -> Result<Setup> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/restaurant");
    let keys = format!(
        "[kafka]\nbrokers = [{}]\ngroup-id = {}\nresource-actions-topic = {}\ndead-letter-topic = {}\n\
         [delivery]\nlease = \"4s\"\nscan-interval = \"100ms\"\n\
         [webhooks.secrets]\nRESERVATIONS_WEBHOOK = [{{ file = \"hook\" }}]\n",
        json!(kafka.brokers()),
        json!(kafka.name("signalbox")),
        json!(kafka.name(ACTIONS)),
        json!(kafka.name("dead-letters"))
    );
    let setup = Setup::new()?.business_folder(&example.join("business"))?.bundle(bundle("plugins/restaurant")?);
    fs::write(setup.path().join("hook"), SECRET)?;
    Ok(setup.llm(&fs::read_to_string(example.join("llm.toml"))?)?.config(&keys))
}

/// Books a table, and returns the decision's id once the booking is answered.
async fn book(host: &Host, user: &str) -> Result<String> {
    let answer = host.coordinator(user, BISTRO).await?.ask(BISTRO, BOOKING).await?;
    let id = text_at(&answer, "/decisionId").to_owned();
    anyhow::ensure!(!id.is_empty(), "no decision is named by {answer}");
    Ok(id)
}

/// The text at a place; empty when there is none.
fn text_at<'a>(value: &'a Value, place: &str) -> &'a str {
    crate::text_at(value, place).unwrap_or_default()
}

/// The resource actions of a decision, by their ids, each with its state.
fn actions(record: &Value) -> BTreeMap<String, String> {
    let effects = record["effects"].as_array().into_iter().flatten();
    let actions = effects.filter(|effect| text_at(effect, "/kind/action/type") == "resource_action");
    actions.map(|effect| (text_at(effect, "/id").to_owned(), text_at(effect, "/state/is").to_owned())).collect()
}

/// The ids of a decision's resource actions, once all of them have left.
async fn left(host: &Host, decision: &str) -> Result<BTreeSet<String>> {
    let waiting = async {
        loop {
            let record = host.decision(decision).await?.with_context(|| format!("there is no decision {decision}"))?;
            let actions = actions(&record);
            if actions.values().all(|state| state == "delivered") {
                return anyhow::Ok(actions.into_keys().collect());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.with_context(|| format!("actions of {decision} do not leave"))?
}

/// The first records of the topic: with the stock client of another language where there is one, else with rdkafka.
async fn read(kafka: &Kafka, count: usize) -> Result<Vec<Record>> {
    let Some(python) = env::var_os(PYTHON) else {
        let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default());
        let records = kafka.read(ACTIONS, count).await?.into_iter().map(|read| {
            Ok(Record { key: text(read.key)?, headers: read.headers, value: serde_json::from_str(&text(read.value)?)? })
        });
        return records.collect();
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("read_records.py");
    let mut command = tokio::process::Command::new(python);
    command.arg(script).args([&kafka.brokers(), &kafka.name(ACTIONS), &count.to_string()]);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.context("Python cannot be started")?;
    if !output.status.success() {
        bail!("Python's client failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let records = String::from_utf8(output.stdout)?;
    let record = |line: &str| -> Result<Record> {
        let read: Value = serde_json::from_str(line)?;
        Ok(Record {
            key: text_at(&read, "/key").to_owned(),
            headers: serde_json::from_value(read.get("headers").cloned().unwrap_or_default())?,
            value: serde_json::from_str(text_at(&read, "/value"))?,
        })
    };
    records.lines().map(record).collect()
}

#[tokio::test]
async fn a_stock_client_reads_the_resource_action_of_the_restaurants_booking() -> Result<()> {
    let kafka = Kafka::start()?;
    kafka.topic(ACTIONS, 2).await?;
    let host = restaurant(&kafka)?.start().await?;
    let decision = book(&host, "ana").await?;
    let ids = left(&host, &decision).await?;
    assert!(!ids.is_empty(), "the booking has a resource action");
    let stored = host.decision(&decision).await?.context("the decision is in the store")?;
    for record in read(&kafka, ids.len()).await? {
        assert_eq!(record.key, BISTRO);
        let id = record.idempotency_key();
        assert!(ids.contains(id), "{record:?}");
        let header = |name: &str| record.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        for (name, expected) in [
            ("signalbox-decision-id", decision.as_str()),
            ("signalbox-decision-code", text_at(&stored, "/decision/decisionCode")),
            ("signalbox-business-id", BISTRO),
            ("signalbox-business-type", "restaurant"),
            ("signalbox-correlation-id", text_at(&stored, "/decision/context/input/correlationId")),
            ("signalbox-priority", text_at(&record.value, "/priority")),
            ("content-type", "application/json"),
        ] {
            assert_eq!(header(name), Some(expected), "{name} of {record:?}");
        }
        assert_eq!(text_at(&record.value, "/id"), id);
        assert_eq!(text_at(&record.value, "/decision/id"), decision);
        assert!(record.value["payload"].is_object(), "{record:?}");
    }
    Ok(())
}

/// The brokers take the record and their confirmation is on its way when the host dies.
#[tokio::test]
async fn a_host_that_dies_between_the_record_and_its_confirmation_sends_it_again_under_the_same_key() -> Result<()> {
    let kafka = MockKafka::start()?;
    kafka.topic(ACTIONS, 1).await?;
    let mut host = restaurant(&kafka)?.start().await?;
    // The producer has said hello to the brokers before these become slow.
    let first = left(&host, &book(&host, "ana").await?).await?;
    kafka.delay_answers(Duration::from_secs(600))?;
    kafka.count_requests();
    let decision = book(&host, "ion").await?;
    let taken = async {
        while kafka.produced() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, taken).await.context("the record never comes")?;
    host.kill().await?;
    kafka.delay_answers(Duration::ZERO)?;
    host.restart().await?;
    let second = left(&host, &decision).await?;
    // The first attempt of the second booking, and what the next process has sent.
    let records = read(&kafka, first.len() + 2 * second.len()).await?;
    let of = |ids: &BTreeSet<String>| records.iter().filter(|record| ids.contains(record.idempotency_key())).count();
    assert_eq!(of(&first), first.len(), "what was confirmed is not sent again");
    assert_eq!(of(&second), 2 * second.len(), "{records:?}");
    Ok(())
}

#[tokio::test]
async fn kill_9_while_resource_actions_leave_loses_none_and_sends_none_under_two_keys() -> Result<()> {
    let kafka = Kafka::start()?;
    kafka.topic(ACTIONS, 2).await?;
    let mut host = restaurant(&kafka)?.start().await?;
    let mut clients = Vec::new();
    for user in ["ana", "ion", "mia", "dan"] {
        let mut client = host.coordinator(user, BISTRO).await?;
        client.say(BISTRO, BOOKING).await?;
        clients.push(client);
    }
    // The first booking is acknowledged: the others are being made, stored and sent.
    let answered = clients[0].expect("response").await?;
    host.kill().await?;
    host.restart().await?;
    left(&host, text_at(&answered, "/decisionId")).await?;
    let mut ids = BTreeSet::new();
    for decision in all_decisions(&host, BISTRO).await? {
        ids.extend(left(&host, text_at(&decision, "/id")).await?);
    }
    assert!(!ids.is_empty());
    // Each at least once. A marker says where the end of the topic is.
    let marker = left(&host, &book(&host, "eva").await?).await?;
    let mut keys = BTreeSet::new();
    let mut count = ids.len() + marker.len();
    while !marker.is_subset(&keys) || !ids.is_subset(&keys) {
        keys = read(&kafka, count).await?.iter().map(|record| record.idempotency_key().to_owned()).collect();
        count += 1;
    }
    assert_eq!(keys, ids.union(&marker).cloned().collect(), "and none under another key");
    Ok(())
}
