use anyhow::{Context, Result};
use serde_json::Value;

use crate::{DEADLINE, Host, Token};

/// A program that calls a host's API.
#[derive(Debug)]
pub struct Caller {
    client: reqwest::Client,
    token: String,
}

impl Caller {
    /// A caller with this token.
    pub fn new(token: &Token) -> Result<Self> {
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build()?;
        Ok(Self { client, token: token.mint()? })
    }

    /// The status and body of a GET.
    pub async fn get(&self, host: &Host, path: &str) -> Result<(u16, Value)> {
        self.send(self.client.get(format!("{}{path}", host.url()))).await
    }

    /// The status and body of a POST with these headers.
    pub async fn post(&self, host: &Host, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<(u16, Value)> {
        let mut request = self.client.post(format!("{}{path}", host.url())).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<(u16, Value)> {
        let response = request.bearer_auth(&self.token).send().await.context("the host does not answer")?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).with_context(|| format!("{status} with `{text}`"))?))
    }
}
