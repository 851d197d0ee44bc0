//! Kafka from outside the process: records in, decisions out, through `kill -9` and SIGTERM.

mod fallback;
mod outgoing;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;
use signalbox_tests_support::{DEADLINE, Host, Kafka, MockKafka, Sent, Setup, bundle};
use tempfile::TempDir;

use super::decisions;

/// Short names; in the cluster every test has its own.
const TOPIC: &str = "orders";
const INPUTS: &str = "inputs";
const DEAD: &str = "dead-letters";
const GROUP: &str = "signalbox";

/// The bundle `probes/failures` with a topic; the folder is deleted with the returned value.
fn with_a_topic(topic: &str) -> Result<(TempDir, PathBuf)> {
    let folder = TempDir::new()?;
    for entry in fs::read_dir(bundle("probes/failures")?)? {
        let entry = entry?;
        fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
    }
    let manifest = folder.path().join("bundle.toml");
    let input = format!("[inputs.websocket]\n[inputs.kafka.orders]\ntopic = \"{topic}\"\n");
    let text = fs::read_to_string(&manifest)?.replace("[inputs.websocket]\n", &input);
    fs::write(&manifest, text)?;
    let path = folder.path().to_owned();
    Ok((folder, path))
}

fn reading(kafka: &Kafka, bundle: PathBuf) -> Result<Setup> {
    let keys = format!(
        "[kafka]\nbrokers = [{}]\ngroup-id = {}\ninputs-topic = {}\ndead-letter-topic = {}\n\
         commit-interval = \"50ms\"\nsession-timeout = \"6s\"",
        json!(kafka.brokers()),
        json!(kafka.name(GROUP)),
        json!(kafka.name(INPUTS)),
        json!(kafka.name(DEAD))
    );
    Ok(Setup::new()?
        .business("alpha", "probe-failures")?
        .business("beta", "probe-failures")?
        .bundle(bundle)
        .config(&keys))
}

/// The label of a topic's metrics.
fn topic_label(kafka: &Kafka, topic: &str) -> String {
    format!("topic=\"{}\"", kafka.name(topic))
}

async fn send_order(kafka: &Kafka, number: usize) -> Result<()> {
    let (key, value) = (format!("table-{}", number % 5), json!({"order": number}).to_string());
    let headers = [("business-id", "alpha")];
    kafka.send(TOPIC, Sent { key: Some(&key), value: Some(&value), headers: &headers, partition: None }).await?;
    Ok(())
}

/// Waits until a business has `count` decisions, and checks that there are no more.
async fn decided(host: &Host, business: &str, count: usize) -> Result<()> {
    let waiting = async {
        while decisions(host, business).await? < count {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, waiting).await.with_context(|| format!("{count} decisions of {business}"))??;
    anyhow::ensure!(decisions(host, business).await? == count);
    Ok(())
}

/// Waits until all records of the topic of orders are committed.
async fn committed(kafka: &Kafka, records: usize) -> Result<()> {
    let waiting = async {
        loop {
            let offsets = kafka.committed(GROUP, TOPIC, 2)?;
            if offsets.values().sum::<i64>() == i64::try_from(records)? {
                return anyhow::Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.context("not everything is committed")?
}

#[tokio::test]
async fn records_are_decided_and_what_never_can_be_is_put_aside() -> Result<()> {
    let kafka = Kafka::start()?;
    let (_folder, bundle) = with_a_topic(&kafka.name(TOPIC))?;
    kafka.topic(TOPIC, 2).await?;
    kafka.topic(INPUTS, 1).await?;
    let host = reading(&kafka, bundle)?.start().await?;
    send_order(&kafka, 1).await?;
    let input = json!({
        "id": "i-1", "source": "kafka", "businessId": "beta", "type": "api_request",
        "content": {"text": "bună ziua"}, "timestamp": "2026-11-23T08:00:00Z", "correlationId": "cor-i-1"
    });
    let value = input.to_string();
    kafka.send(INPUTS, Sent { key: Some("k"), value: Some(&value), ..Sent::default() }).await?;
    kafka.send(INPUTS, Sent { key: Some("k"), value: Some("poison"), ..Sent::default() }).await?;

    decided(&host, "alpha", 1).await?;
    decided(&host, "beta", 1).await?;
    // The order has no text, for which the bundle has no decision: it is recorded as failed, and becomes a dead letter
    // too.
    let dead = kafka.read(DEAD, 2).await?;
    let of = |reason: &str| dead.iter().find(|letter| letter.header("dead-letter-reason") == Some(reason));
    assert!(of("decision_failed").is_some(), "{dead:?}");
    let poison = of("value_no_json_object").context("the poison is put aside")?;
    let correlation = poison.header("correlation-id").unwrap().to_owned();
    host.log().wait_for("of the dead letter", |line| line.to_string().contains(&correlation)).await?;
    let line = host.log().wait_for("of the input", |line| {
        let line = line.to_string();
        line.contains("cor-i-1") && line.contains("input decided")
    });
    line.await?;
    let label = [&topic_label(&kafka, INPUTS), "result=\"dead_letter\""];
    assert_eq!(host.metric("signalbox_kafka_records_total", &label).await?, Some(1.0));
    let label = ["reason=\"value_no_json_object\""];
    assert_eq!(host.metric("signalbox_kafka_dead_letters_total", &label).await?, Some(1.0));
    Ok(())
}

#[tokio::test]
async fn kill_9_in_the_middle_of_many_records_loses_none_and_decides_each_once() -> Result<()> {
    let kafka = Kafka::start()?;
    let (_folder, bundle) = with_a_topic(&kafka.name(TOPIC))?;
    kafka.topic(TOPIC, 2).await?;
    let mut host = reading(&kafka, bundle)?.start().await?;
    for number in 0..60 {
        send_order(&kafka, number).await?;
    }
    let some = async {
        while decisions(&host, "alpha").await? == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, some).await.context("no record is ever decided")??;
    host.kill().await?;
    for number in 60..70 {
        send_order(&kafka, number).await?;
    }
    host.restart().await?;
    decided(&host, "alpha", 70).await?;
    committed(&kafka, 70).await
}

#[tokio::test]
async fn sigterm_commits_what_is_decided_and_leaves_the_group() -> Result<()> {
    let kafka = Kafka::start()?;
    let (_folder, bundle) = with_a_topic(&kafka.name(TOPIC))?;
    kafka.topic(TOPIC, 2).await?;
    let mut host = reading(&kafka, bundle)?.start().await?;
    for number in 0..10 {
        send_order(&kafka, number).await?;
    }
    decided(&host, "alpha", 10).await?;
    host.terminate()?;
    assert!(host.ended().await?.success(), "everything was finished");
    committed(&kafka, 10).await?;

    send_order(&kafka, 10).await?;
    host.restart().await?;
    decided(&host, "alpha", 11).await?;
    committed(&kafka, 11).await
}

#[tokio::test]
async fn without_brokers_a_host_starts_and_names_the_topics_that_are_not_read() -> Result<()> {
    let (_folder, bundle) = with_a_topic(TOPIC)?;
    let host = Setup::new()?.business("alpha", "probe-failures")?.bundle(bundle).start().await?;
    let line = host.log().wait_for("about the topic", |line| line.to_string().contains("no broker is configured"));
    assert!(line.await?.to_string().contains(TOPIC));
    assert_eq!(host.get("/readyz").await?.0, 200);
    Ok(())
}

/// With the mock cluster even where the environment has a real one, which does not stop when a test tells it to.
#[tokio::test]
async fn a_host_whose_brokers_are_away_is_ready_all_the_same_and_says_so() -> Result<()> {
    let kafka = MockKafka::start()?;
    let (_folder, bundle) = with_a_topic(&kafka.name(TOPIC))?;
    kafka.topic(TOPIC, 2).await?;
    kafka.down()?;
    let host = reading(&kafka, bundle)?.start().await?;
    host.log().wait_for("about the brokers", |line| line.to_string().contains("Kafka: ")).await?;
    assert_eq!(host.get("/readyz").await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn a_group_that_begins_at_the_end_misses_nothing_through_a_kill_9_and_its_lag_is_seen() -> Result<()> {
    let kafka = Kafka::start()?;
    let (_folder, bundle) = with_a_topic(&kafka.name(TOPIC))?;
    kafka.topic(TOPIC, 2).await?;
    for number in 0..5 {
        send_order(&kafka, number).await?;
    }
    let mut host = reading(&kafka, bundle)?.config("start-at = \"latest\"").start().await?;
    for partition in ["partition=\"0\"", "partition=\"1\""] {
        let seen = async {
            while host.metric("signalbox_kafka_lag", &[&topic_label(&kafka, TOPIC), partition]).await?.is_none() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(DEADLINE, seen).await.with_context(|| format!("no lag of {partition}"))??;
    }
    host.kill().await?;
    for number in 5..9 {
        send_order(&kafka, number).await?;
    }
    host.restart().await?;
    decided(&host, "alpha", 4).await?;
    committed(&kafka, 9).await
}

#[tokio::test]
async fn a_record_whose_decision_fails_is_a_dead_letter_and_counts_as_failed() -> Result<()> {
    let kafka = Kafka::start()?;
    let (_folder, bundle) = with_a_topic(&kafka.name(TOPIC))?;
    for topic in [TOPIC, INPUTS, DEAD] {
        kafka.topic(topic, 1).await?;
    }
    let host = reading(&kafka, bundle)?.start().await?;
    let input = json!({
        "id": "i-1", "source": "kafka", "userId": "u-1", "businessId": "beta", "type": "user_message",
        "content": {"text": "panic"}, "timestamp": "2026-11-23T08:00:00Z"
    });
    let value = input.to_string();
    kafka.send(INPUTS, Sent { key: Some("k"), value: Some(&value), ..Sent::default() }).await?;
    let dead = kafka.read(DEAD, 1).await?;
    assert_eq!(dead[0].header("dead-letter-reason"), Some("decision_failed"));
    assert_eq!(dead[0].value.as_deref(), Some(value.as_bytes()));
    decided(&host, "beta", 1).await?;
    let of_inputs = async |result: &str| {
        host.metric("signalbox_kafka_records_total", &[&topic_label(&kafka, INPUTS), &format!("result=\"{result}\"")])
            .await
    };
    let counted = async {
        while of_inputs("failed").await?.is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, counted).await.context("it is not counted")??;
    assert_eq!((of_inputs("failed").await?, of_inputs("decided").await?), (Some(1.0), None));
    Ok(())
}

#[tokio::test]
async fn a_bundle_that_may_publish_to_a_topic_that_is_not_mapped_is_not_loaded_and_the_key_to_add_is_named()
-> Result<()> {
    let kafka = Kafka::start()?;
    let setup = |topics: &str| -> Result<Setup> {
        let keys = format!("[kafka]\nbrokers = [{}]\n{topics}", json!(kafka.brokers()));
        let businesses = Setup::new()?.business("alpha", "probe-kafka")?.business("beta", "probe-failures")?;
        Ok(businesses.bundle(bundle("probes/kafka")?).bundle(bundle("probes/failures")?).config(&keys))
    };
    let host = setup("")?.start().await?;
    let (_, ready) = host.get("/readyz").await?;
    for part in ["bundle.toml:9:", "add `orders = ", "under [kafka.topics]"] {
        assert!(ready.contains(part), "{part} is missing in {ready}");
    }
    let host = setup("[kafka.topics]\norders = \"prod.orders\"\n")?.start().await?;
    assert!(host.get("/readyz").await?.1.contains("\"degraded\":false"));
    Ok(())
}
