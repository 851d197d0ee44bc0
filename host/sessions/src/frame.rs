//! Every frame of the protocol `signalbox.v1`, as text. `docs/guide/websocket.md` shows each with an example.

mod client;
mod review;
mod server;

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

pub use client::{AuthFrame, ClientFrame, FrameError, MessageFrame, PingFrame, ResumeFrame};
pub use review::{ReviewFrame, ReviewState, ReviewView};
pub use server::{
    AckState, ClientLimits, DecisionSummary, Heartbeat, OtherInput, ServerFrame, count_answers, response_frames,
};

/// A frame as it is sent; clones share the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded(Bytes);

impl Encoded {
    /// A frame of this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Bytes::from(text.into()))
    }

    /// A frame of this value as JSON.
    pub fn json(frame: &impl Serialize) -> Self {
        // A frame consists of strings, numbers and JSON objects, whose serialisation cannot fail.
        Self(Bytes::from(serde_json::to_vec(frame).unwrap_or_default()))
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes, which are UTF-8.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl fmt::Display for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}
