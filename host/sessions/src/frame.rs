//! Every frame of the protocol `signalbox.v1`, as text. `docs/guide/websocket.md` shows each with an example.

mod client;
mod review;
mod server;

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use serde::Serialize;

pub use client::{AuthFrame, ClientFrame, FrameError, MessageFrame, PingFrame, ResumeFrame};
pub use review::{ReviewFrame, ReviewState, ReviewView};
pub use server::{
    AckState, ClientLimits, DecisionSummary, Heartbeat, OtherInput, ServerFrame, count_answers, response_frames,
};

/// A frame as it is sent; clones share the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    bytes: Bytes,
    key: Option<FrameKey>,
}

/// Tells whether two frames are the same answer, notification or state of a review, sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameKey(u64);

impl FrameKey {
    /// The key of what these texts identify.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let mut hasher = DefaultHasher::new();
        parts.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Encoded {
    /// A frame of this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { bytes: Bytes::from(text.into()), key: None }
    }

    /// A frame of this value as JSON.
    pub fn json(frame: &impl Serialize) -> Self {
        // A frame consists of strings, numbers and JSON objects, whose serialisation cannot fail.
        Self { bytes: Bytes::from(serde_json::to_vec(frame).unwrap_or_default()), key: None }
    }

    /// A frame to a client, with its key.
    pub fn of(frame: &ServerFrame) -> Self {
        Self { key: frame.key(), ..Self::json(frame) }
    }

    /// What identifies its content; none for frames that are never sent twice.
    pub fn key(&self) -> Option<FrameKey> {
        self.key
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, which are UTF-8.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl fmt::Display for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes))
    }
}
