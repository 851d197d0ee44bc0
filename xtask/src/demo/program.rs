use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use ureq::Agent;

/// Far longer than any request of the stories takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// An external program that calls the host over HTTP.
pub struct Program {
    agent: Agent,
    url: String,
}

/// The host's answer.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    /// Whether the answer repeats the one to an earlier request.
    pub replayed: bool,
}

impl Program {
    /// A program that calls the host at `url`.
    pub fn new(url: &str) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(DEADLINE))
            // A refusal is an answer too, and not an error.
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .new_agent();
        Self { agent, url: url.to_owned() }
    }

    /// Posts JSON unchanged, with these headers.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer> {
        let mut request = self.agent.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.send(body).with_context(|| format!("POST {path} was not answered"))?;
        let text = response.body_mut().read_to_string()?;
        Ok(Answer {
            status: response.status().as_u16(),
            body: serde_json::from_str(&text).with_context(|| format!("POST {path} was answered `{text}`"))?,
            replayed: response.headers().contains_key("idempotency-replayed"),
        })
    }
}
