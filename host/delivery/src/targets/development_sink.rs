//! A file in place of Kafka, for development.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signalbox_model::Timestamp;

use super::effect_record::{EffectRecord, KafkaTopics, UnmappedTopic};
use crate::{AttemptResult, DueEffect, EffectTarget};

/// The permission bits of group and others.
const OTHERS: u32 = 0o077;

/// Appends to a file what Kafka would have been given, one JSON object a line: a [`SinkEntry`]. An effect is delivered
/// once its line is on the disk.
pub struct DevelopmentSink {
    path: PathBuf,
    topics: KafkaTopics,
    /// One line is written at a time.
    writing: Arc<Mutex<()>>,
}

/// A line of the sink's file. Later versions may add fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SinkEntry {
    /// When the host wrote the line.
    pub written_at: Timestamp,
    /// The real topic; the logical name where none is configured for it.
    pub topic: String,
    /// The record's key.
    pub key: String,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The value when it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Any other value, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_base64: Option<String>,
}

impl SinkEntry {
    fn of(record: EffectRecord, now: Timestamp) -> Self {
        let EffectRecord { topic, key, headers, value } = record;
        let json: Option<Value> = serde_json::from_slice(&value).ok();
        // A field of the value null would be read as no value.
        let json = json.filter(|json| !json.is_null());
        let value_base64 = json.is_none().then(|| STANDARD.encode(&value));
        Self { written_at: now, topic, key, headers, value: json, value_base64 }
    }
}

impl DevelopmentSink {
    /// Makes the file and its folder where they are missing, and closes the file to other users: it holds what people
    /// wrote.
    pub fn open(path: impl Into<PathBuf>, topics: KafkaTopics) -> io::Result<Self> {
        let path = path.into();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        open_private(&path)?;
        Ok(Self { path, topics, writing: Arc::default() })
    }
}

#[async_trait]
impl EffectTarget for DevelopmentSink {
    fn name(&self) -> &'static str {
        "development-sink"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        let record = match EffectRecord::of(due, &self.topics, UnmappedTopic::KeepsItsName) {
            Ok(record) => record,
            Err(unsendable) => return AttemptResult::Refused { reason: unsendable.to_string() },
        };
        let (path, writing) = (self.path.clone(), self.writing.clone());
        let written = tokio::task::spawn_blocking(move || {
            let _one_at_a_time = writing.lock().unwrap_or_else(PoisonError::into_inner);
            append(&path, &SinkEntry::of(record, Timestamp::now()))
        });
        let error = match written.await {
            Ok(Ok(())) => return AttemptResult::Delivered,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let file = self.path.display();
        AttemptResult::Unavailable { reason: format!("the development sink {file} cannot be written: {error}") }
    }
}

/// The file is opened for each line, so that a developer may delete it while the host runs.
fn append(path: &Path, entry: &SinkEntry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    let mut file = open_private(path)?;
    if ends_within_a_line(&mut file)? {
        line.insert(0, b'\n');
    }
    file.write_all(&line)?;
    file.sync_all()
}

/// Whether an earlier write was cut off, for example because the disk was full.
fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn open_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let mode = file.metadata()?.mode() & 0o777;
    if mode & OTHERS != 0 {
        file.set_permissions(Permissions::from_mode(mode & !OTHERS))?;
    }
    Ok(file)
}
