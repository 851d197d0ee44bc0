use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use signalbox_http::BrowserOrigin;
use signalbox_model::{HumanDuration, HumanSize};

/// `[api]`: requests of programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct ApiConfig {
    /// Origins whose pages may call the API from a browser, for example `https://console.example.com`: written as a
    /// browser sends them.
    pub allowed_origins: Vec<BrowserOrigin>,
    /// The largest body; larger ones are answered 413.
    pub body_size: HumanSize,
    /// How long a body may take to arrive.
    pub body_timeout: HumanDuration,
    /// The longest that a request may wait for its decision; one that asks for more waits so long.
    pub max_wait: HumanDuration,
    /// Requests of any kind of one user each second, over time; more are answered 429.
    pub requests_per_second: NonZeroU32,
    /// Requests of one user at once.
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
