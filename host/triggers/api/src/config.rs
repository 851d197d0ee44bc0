use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use signalbox_http::BrowserOrigin;
use signalbox_model::{HumanDuration, HumanSize};

/// `[api]`: limits of requests to the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct ApiConfig {
    /// The origins of the web pages that may call the API from a browser, for example `https://console.example.com`,
    /// written as a browser sends them.
    pub allowed_origins: Vec<BrowserOrigin>,
    /// The largest body of a request. The host answers a larger one with 413.
    pub body_size: HumanSize,
    /// How long a client may take to send the body of a request.
    pub body_timeout: HumanDuration,
    /// The longest time that a request may wait for its decision. A request that asks for a longer time waits for this
    /// time.
    pub max_wait: HumanDuration,
    /// The most requests of any kind that one user may send to the API each second, on average. The host answers
    /// further ones with 429.
    pub requests_per_second: NonZeroU32,
    /// The most requests that one user may send to the API at once, after a time without requests.
    pub burst: NonZeroU32,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            body_size: HumanSize(256 * 1024),
            body_timeout: HumanDuration::secs(10),
            max_wait: HumanDuration::secs(30),
            requests_per_second: const { NonZeroU32::new(20).unwrap() },
            burst: const { NonZeroU32::new(40).unwrap() },
        }
    }
}
