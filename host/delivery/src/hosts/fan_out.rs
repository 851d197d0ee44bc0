//! What hosts tell each other over Kafka: that a decision has something new for people.
//!
//! A record names the decision and does not hold it. The host that hears of it reads the decision from the store, by
//! the same path as a decision from the feed: the rules of who sees what are in one place, a record is small whatever
//! the answer's size, and a host whose people do not belong to the business reads nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use signalbox_kafka::{KafkaHints, KafkaTail, TailState};
use signalbox_store::{ChangedDecision, Store};

use crate::metrics::FAN_OUT_RECORDS;

/// The largest record that is read; larger ones are from a version that does something else.
const LARGEST: usize = 64 * 1024;

/// Whether other hosts' records arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanOutState {
    /// They do not.
    Lost,
    /// They do.
    Reading,
}

/// A record between hosts. Records and fields of newer versions are skipped.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FanOutRecord {
    kind: String,
    host: String,
    #[serde(default)]
    business_id: String,
    #[serde(default)]
    decision_id: String,
}

/// The kind of a record that names a decision with something new for people.
const CHANGED: &str = "changed";

/// Where the host tells the others. Cheap to clone.
#[derive(Clone)]
pub struct FanOut {
    sender: Arc<dyn FanOutSender>,
    store: Store,
}

/// Sends records to all hosts without waiting; records may be lost.
pub trait FanOutSender: Send + Sync {
    /// Sends a record; false when it is lost already. Records with the same key keep their order.
    fn send(&self, key: &str, value: &[u8]) -> bool;
}

impl FanOutSender for KafkaHints {
    fn send(&self, key: &str, value: &[u8]) -> bool {
        Self::send(self, key, value)
    }
}

impl FanOut {
    /// Tells others by `sender`.
    pub fn new(sender: Arc<dyn FanOutSender>, store: Store) -> Self {
        Self { sender, store }
    }

    /// Tells the other hosts of a decision that is new, or new for people. A host that is alone tells nothing.
    pub(crate) fn changed(&self, business_id: &str, decision_id: &str) {
        if !self.store.announces_changes() {
            return;
        }
        let record = FanOutRecord {
            kind: CHANGED.to_owned(),
            host: self.store.instance().to_owned(),
            business_id: business_id.to_owned(),
            decision_id: decision_id.to_owned(),
        };
        let sent = serde_json::to_vec(&record).is_ok_and(|value| self.sender.send(business_id, &value));
        let result = if sent { "sent" } else { "lost" };
        ::metrics::counter!(FAN_OUT_RECORDS, "result" => result).increment(1);
    }
}

/// What other hosts tell.
pub struct FanOutReader {
    tail: KafkaTail,
    instance: String,
}

/// What a reader has heard.
pub(super) enum Heard {
    /// A decision has changed.
    Changed(ChangedDecision),
    /// Records may be missing, or no longer be: the feed is to be read.
    Gap,
}

impl FanOutReader {
    /// Reads the records of other hosts than this one.
    pub fn new(tail: KafkaTail, store: &Store) -> Self {
        Self { tail, instance: store.instance().to_owned() }
    }

    /// Whether records arrive.
    pub fn state(&self) -> FanOutState {
        match *self.tail.state.borrow() {
            TailState::Lost => FanOutState::Lost,
            TailState::Reading => FanOutState::Reading,
        }
    }

    /// The next thing that another host tells. It may be cancelled.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            let value = tokio::select! {
                value = self.tail.records.recv() => value,
                changed = self.tail.state.changed() => {
                    if changed.is_ok() {
                        return Heard::Gap;
                    }
                    None
                }
                () = self.tail.gaps.notified() => return Heard::Gap,
            };
            match value {
                Some(value) => {
                    if let Some(changed) = self.read(&value) {
                        return Heard::Changed(changed);
                    }
                }
                // The reading thread has ended, which it does only with this reader.
                None => std::future::pending().await,
            }
        }
    }

    /// Something that has been told already.
    pub(super) fn try_next(&mut self) -> Option<ChangedDecision> {
        loop {
            let value = self.tail.records.try_recv().ok()?;
            if let Some(changed) = self.read(&value) {
                return Some(changed);
            }
        }
    }

    fn read(&self, value: &[u8]) -> Option<ChangedDecision> {
        if value.len() > LARGEST {
            return None;
        }
        let FanOutRecord { kind, host, business_id, decision_id } = serde_json::from_slice(value).ok()?;
        let is_ours = host == self.instance;
        let is_complete = !business_id.is_empty() && !decision_id.is_empty();
        (kind == CHANGED && !is_ours && is_complete).then_some(ChangedDecision { id: decision_id, business_id })
    }
}
