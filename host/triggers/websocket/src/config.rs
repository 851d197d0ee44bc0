use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use signalbox_http::BrowserOrigin;
use signalbox_model::{HumanDuration, HumanSize};

/// `[websocket]`: limits of WebSocket connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct WebSocketConfig {
    /// The origins of the web pages that may connect from a browser, for example `https://console.example.com`, written
    /// as a browser sends them. A connection without an `Origin` header does not come from a browser, and the host
    /// accepts it.
    pub allowed_origins: Vec<BrowserOrigin>,
    /// The most WebSocket connections at the same time. The host answers further ones with 503.
    pub max_connections: usize,
    /// The most WebSocket connections at the same time that have not authenticated. One address may have half of them.
    /// The host answers further ones with 503.
    pub max_unauthenticated: usize,
    /// The most WebSocket connections of one user at the same time. The host closes further ones with code 4409.
    pub connections_per_user: usize,
    /// The largest WebSocket message that a client may send. The host closes a connection that sends a larger one with
    /// code 1009. It does the same when a message comes in so many fragments that it takes twice this size on the wire.
    pub message_size: HumanSize,
    /// How long a client may take to authenticate after it has connected.
    pub auth_timeout: HumanDuration,
    /// How long before its token expires a client gets the frame `tokenExpiring`.
    pub expiry_notice: HumanDuration,
    /// How often the host sends a WebSocket ping to each client.
    pub ping_interval: HumanDuration,
    /// How long a client may take to answer a WebSocket ping before the host closes the connection with code 4010.
    pub pong_timeout: HumanDuration,
    /// The most bytes that may wait to be written to one connection. The host closes the connection with code 4008 when
    /// the client reads so slowly that more would wait.
    pub outbox_size: HumanSize,
    /// How long one write to a connection may make no progress before the host closes the connection with code 4008.
    pub write_timeout: HumanDuration,
    /// The most messages and reviews of one connection that the host may be deciding or have in its queue at the same
    /// time. The host refuses further ones with `too_many_in_flight`.
    pub in_flight: usize,
    /// The most frames that one user may send each second, on average. The host refuses further ones with
    /// `too_many_frames`.
    pub frames_per_second: NonZeroU32,
    /// The most frames that one user may send at once, after a time without frames.
    pub burst: NonZeroU32,
    /// The most errors that a client may cause within `error-window` before the host closes the connection with code
    /// 4429.
    pub max_errors: usize,
    /// The time within which the host counts errors for `max-errors`, and WebSocket pings and pongs for `max-pings`.
    pub error_window: HumanDuration,
    /// The most WebSocket pings and pongs that one connection may send within `error-window`. The host closes a
    /// connection that sends more with code 4429.
    pub max_pings: u32,
    /// The most decisions that the host reads for one `resume`. If a client has missed more, the host tells it with
    /// `recovered: false`.
    pub resume_limit: usize,
    /// How far before its cursor a `resume` begins, because decisions may become visible slightly out of order. A time
    /// below 5 s counts as 5 s. The host always adds 20 s, because the clocks of hosts may differ.
    pub resume_overlap: HumanDuration,
    /// The longest time over which the host spreads the closing of its WebSocket connections when it shuts down. For
    /// every 100 connections the host uses at most 1 s.
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
