//! Requests to external services, through the host's egress guard. Grant: one line per service, for example
//! `http = ["https://api.example.com/v1/", "POST https://hooks.example.com/orders"]`. A line without a method allows
//! GET and HEAD.
//!
//! ```
//! use signalbox_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Weather {
//!     rain: f64,
//! }
//!
//! fn terrace_open() -> Result<bool, Failure> {
//!     let response = http::Request::get("https://api.example.com/v1/weather").send()?;
//!     Ok(response.status == 200 && response.json::<Weather>()?.rain < 0.2)
//! }
//! # testing::Host::new()
//! #     .http_response(http::Method::Get, "https://api.example.com/v1/weather", 200, r#"{"rain":0.1}"#)
//! #     .enter(|| assert!(terrace_open().unwrap()));
//! ```

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::JsonError;
use crate::contract::http as contract;

pub use crate::bindings::capabilities::signalbox::http::http::{Method, Response};

crate::error::capability_error! {
    /// Why a request got no answer. Any status is an answer.
    http with json {
        /// Outgoing requests are switched off. A retry will not help.
        NotConfigured => stop "outgoing requests are switched off",
        /// The grant, the operator's list or the guard against private addresses forbids it. A retry will not help.
        Denied(reason: String) => stop "the request is not allowed: {reason}",
        /// The URL, a header or the body is malformed or too large. A retry will not help.
        Invalid(reason: String) => stop "the request is malformed: {reason}",
        /// No connection could be made, or it broke. A retry may help.
        Unavailable(reason: String) => retry "the service cannot be reached: {reason}",
        /// The answer is larger than one call may give, or this decision has used up its limit of answers. A retry will
        /// not help: ask for less.
        Exhausted(reason: String) => stop "there is no room for the answer: {reason}",
        /// No complete answer within the time. A retry may help.
        Timeout => retry "the service did not answer in time",
        /// The answer is larger than 1 MiB. A retry will not help.
        TooLarge => stop "the answer is larger than 1 MiB",
    }
}

/// A request to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Request(contract::Request);

impl Request {
    /// A request to an absolute URL.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self(contract::Request { method, url: url.into(), headers: Vec::new(), body: None, timeout: None })
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    /// A POST request. It acts at once, carries an idempotency key, and never runs in replay or shadow.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::Post, url)
    }

    /// One more header. A secret is written as `{{secret:NAME}}` in its value; the host inserts the secret.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// The body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = Some(body.into());
        self
    }

    /// A JSON body with its content type.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, JsonError> {
        let body = crate::json::encode("body", value)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// The time limit of the whole exchange; never longer than the decision has left.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Sends it. Redirects are not followed.
    pub fn send(self) -> Result<Response, Error> {
        Ok(contract::send(&self.0)?)
    }
}

impl Response {
    /// The body as a type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        crate::json::decode_bytes("body", &self.body)
    }

    /// The first header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}
