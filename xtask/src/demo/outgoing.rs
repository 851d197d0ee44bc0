//! Where the demo's resource actions go: to the file that stands in for Kafka, or to a topic of a real Apache Kafka.

use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::folder::DemoFolder;
use super::host;
use crate::services::{self, Up};
use crate::workspace::{Workspace, shown};

/// The topic is read to its end: a consumer that gets nothing for this long has all of it.
const END_OF_TOPIC: &str = "3000";

/// What the line of each record begins with.
const FIRST_HEADER: &str = "signalbox-idempotency-key:";

/// Where resource actions go.
pub enum Outgoing<'a> {
    /// The development sink.
    File,
    /// A topic of this cluster.
    Kafka(KafkaCluster<'a>),
}

/// A real Apache Kafka. One that was started for the demo ends with it.
pub struct KafkaCluster<'a> {
    workspace: &'a Workspace,
    brokers: String,
    /// What the topics and the group of this run end with: the cluster may have served earlier runs.
    run: String,
    started: Vec<&'static str>,
}

impl Outgoing<'_> {
    /// In words, after "is" or "are".
    pub fn place(&self) -> String {
        match self {
            Self::File => "in the file that stands in for Kafka".to_owned(),
            Self::Kafka(cluster) => format!("on the topic {} of Apache Kafka at {}", cluster.topic(), cluster.brokers),
        }
    }

    /// What the host's configuration says about it.
    pub fn configuration(&self) -> String {
        let Self::Kafka(cluster) = self else { return String::new() };
        let KafkaCluster { brokers, run, .. } = cluster;
        let topic = cluster.topic();
        format!(
            "\n[kafka]\nbrokers = [\"{brokers}\"]\ngroup-id = \"demo-{run}\"\n\
             dead-letter-topic = \"demo.dead-letters.{run}\"\nresource-actions-topic = \"{topic}\"\n"
        )
    }

    /// The records that have left, each with `topic`, `key`, `headers` and `value`.
    pub fn records(&self, folder: &DemoFolder) -> Result<Vec<Value>> {
        match self {
            Self::File => host::sink_records(folder),
            Self::Kafka(cluster) => cluster.records(),
        }
    }
}

impl<'a> KafkaCluster<'a> {
    /// The cluster, which is started if it does not run.
    pub fn start(workspace: &'a Workspace) -> Result<Self> {
        let up = services::up(workspace, Some(&["kafka"]))?;
        let brokers = up.variable("SIGNALBOX_TEST_KAFKA").context("Apache Kafka has no address")?.to_owned();
        let Up { started, .. } = up;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { workspace, brokers, run: now.as_millis().to_string(), started })
    }

    fn topic(&self) -> String {
        format!("demo.resource-actions.{}", self.run)
    }

    /// The records of the topic, read with Kafka's own console consumer.
    fn records(&self) -> Result<Vec<Value>> {
        let topic = self.topic();
        let mut consumer = services::kafka_tool(self.workspace, "org.apache.kafka.tools.consumer.ConsoleConsumer")?;
        consumer.args(["--bootstrap-server", &self.brokers, "--topic", &topic, "--from-beginning"]);
        consumer.args(["--timeout-ms", END_OF_TOPIC]);
        consumer.args(["--property", "print.headers=true", "--property", "print.key=true"]);
        let output = consumer.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("`{}` cannot be started", shown(&consumer)))?;
        if !output.status.success() {
            let complained = String::from_utf8_lossy(&output.stderr);
            bail!("`{}` failed ({}) and printed:\n{complained}", shown(&consumer), output.status);
        }
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        // Kafka's tools write their log lines to the standard output too.
        let lines = printed.lines().filter(|line| line.starts_with(FIRST_HEADER));
        let records = lines.map(|line| record(&topic, line));
        records
            .collect::<Option<_>>()
            .with_context(|| format!("`{}` printed what is no record:\n{printed}", shown(&consumer)))
    }
}

impl Drop for KafkaCluster<'_> {
    fn drop(&mut self) {
        if self.started.is_empty() {
            return;
        }
        if let Err(error) = services::down(self.workspace, Some(&self.started)) {
            eprintln!("Apache Kafka cannot be ended: {error:#}");
        }
    }
}

/// A line of the console consumer: headers, key and value, with tabs between them.
fn record(topic: &str, line: &str) -> Option<Value> {
    let mut parts = line.splitn(3, '\t');
    let headers: Vec<_> = parts.next()?.split(',').filter_map(|header| header.split_once(':')).collect();
    let key = parts.next()?;
    let value: Value = serde_json::from_str(parts.next()?).ok()?;
    Some(json!({"topic": topic, "key": key, "headers": headers, "value": value}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_console_consumer_is_a_record() {
        let line =
            "signalbox-idempotency-key:act_1,signalbox-execute-at:2026-01-01T12:00:00Z\tbistro\t{\"id\":\"act_1\"}";
        let expected = json!({
            "topic": "t", "key": "bistro", "value": {"id": "act_1"},
            "headers": [["signalbox-idempotency-key", "act_1"], ["signalbox-execute-at", "2026-01-01T12:00:00Z"]],
        });
        assert_eq!(record("t", line), Some(expected));
        assert_eq!(record("t", "no record"), None);
    }
}
