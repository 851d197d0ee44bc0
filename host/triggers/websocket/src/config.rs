use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use signalbox_http::BrowserOrigin;
use signalbox_model::{HumanDuration, HumanSize};

/// `[websocket]`: connections of coordinators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct WebSocketConfig {
    /// Origins that browsers may connect from, for example `https://console.example.com`: written as a browser sends
    /// them. A connection without an `Origin` header comes from no browser and passes.
    pub allowed_origins: Vec<BrowserOrigin>,
    /// WebSocket connections at a time; more are answered 503.
    pub max_connections: usize,
    /// Those of them that have not authenticated, of which one address may have half; more are answered 503.
    pub max_unauthenticated: usize,
    /// Connections of one user at a time; more are closed with 4409.
    pub connections_per_user: usize,
    /// The largest message; larger ones close the connection with 1009, and so does one of so many pieces that it takes
    /// twice that on the wire.
    pub message_size: HumanSize,
    /// How long a new connection may take to authenticate.
    pub auth_timeout: HumanDuration,
    /// How long before its token expires a client is reminded.
    pub expiry_notice: HumanDuration,
    /// How often the host pings.
    pub ping_interval: HumanDuration,
    /// How long a client may take to answer a ping.
    pub pong_timeout: HumanDuration,
    /// What may wait to be written to one connection; a client that reads too slowly for it is closed with 4008.
    pub outbox_size: HumanSize,
    /// How long one write may make no progress before the client counts as too slow.
    pub write_timeout: HumanDuration,
    /// Messages of one connection that are being decided or wait for it.
    pub in_flight: usize,
    /// Frames of one user each second, over time.
    pub frames_per_second: NonZeroU32,
    /// Frames of one user at once.
    pub burst: NonZeroU32,
    /// Errors within `error-window` that a client may cause before it is closed with 4429.
    pub max_errors: usize,
    /// See `max-errors`.
    pub error_window: HumanDuration,
    /// WebSocket pings and pongs of one connection within `error-window`; a client that sends more is closed with 4429.
    pub max_pings: u32,
    /// Decisions that one resume looks through; a client that missed more is told so.
    pub resume_limit: usize,
    /// How far a resume looks back before its cursor, because decisions become visible a little out of order.
    pub resume_overlap: HumanDuration,
    /// Over which time the closes of a drain are spread at most; a hundred connections need a second.
    pub drain_spread: HumanDuration,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            max_connections: 10_000,
            max_unauthenticated: 1_000,
            connections_per_user: 10,
            message_size: HumanSize(64 * 1024),
            auth_timeout: HumanDuration::secs(5),
            expiry_notice: HumanDuration::secs(60),
            ping_interval: HumanDuration::secs(25),
            pong_timeout: HumanDuration::secs(10),
            outbox_size: HumanSize(1024 * 1024),
            write_timeout: HumanDuration::secs(5),
            in_flight: 8,
            frames_per_second: const { NonZeroU32::new(20).unwrap() },
            burst: const { NonZeroU32::new(40).unwrap() },
            max_errors: 50,
            error_window: HumanDuration::secs(10),
            max_pings: 100,
            resume_limit: 10_000,
            resume_overlap: HumanDuration::secs(5),
            drain_spread: HumanDuration::secs(10),
        }
    }
}
