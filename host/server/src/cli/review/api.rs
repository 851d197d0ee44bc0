use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::connection::{Connection, HostAddress};
use crate::cli::output;

/// The largest page that the API gives.
const PAGE: usize = 100;

/// One page of the list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    items: Vec<Value>,
    #[serde(default)]
    next_cursor: Option<String>,
}

/// A client of the host's API for reviews.
pub struct ReviewClient<'a> {
    client: reqwest::Client,
    base: Url,
    token: &'a str,
}

impl<'a> ReviewClient<'a> {
    /// A client that sends requests as the connection's user.
    pub fn new(connection: &'a Connection, host: &HostAddress) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(connection.timeout))
            .redirect(reqwest::redirect::Policy::none())
            // No proxy, as in the other commands that talk to the host.
            .no_proxy()
            .build()?;
        Ok(Self { client, base: host.api_url()?, token: connection.token()? })
    }

    /// The decisions of a business that wait longest for a person, at most `limit`.
    pub async fn reviews(&self, business: &str, limit: usize) -> anyhow::Result<Vec<Value>> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.page(business, limit.min(PAGE), cursor.as_deref()).await?;
            found.extend(page.items);
            cursor = page.next_cursor;
            if found.len() >= limit || cursor.is_none() {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }

    async fn page(&self, business: &str, limit: usize, cursor: Option<&str>) -> anyhow::Result<Page> {
        let mut url = self.url(&["v1", "businesses", business, "reviews"]);
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        self.answered(self.client.get(url), &format!("reviews of {business}")).await
    }

    /// Sends a review of a decision; returns the decision after the review.
    pub async fn review(&self, business: &str, decision: &str, id: &str, body: &Value) -> anyhow::Result<Value> {
        let url = self.url(&["v1", "businesses", business, "reviews", decision]);
        let request = self.client.post(url).header("Idempotency-Key", id).json(body);
        self.answered(request, &format!("review of {decision} in {business}")).await
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The body of a successful answer; any other answer becomes an error that names `about`.
    async fn answered<T: DeserializeOwned>(&self, request: RequestBuilder, about: &str) -> anyhow::Result<T> {
        let base = &self.base;
        let response = request.bearer_auth(self.token).send().await;
        let response = response.with_context(|| format!("asking {base}; is the host running?"))?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("reading the answer of {base}"))?;
        if status.is_success() {
            return serde_json::from_str(&text).with_context(|| format!("{base} does not answer as Signalbox does"));
        }
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        let told = |name: &str| problem.get(name).and_then(Value::as_str).map(output::printable);
        match (told("detail"), told("code")) {
            (Some(detail), Some(code)) => bail!("{about}: {detail} ({code})"),
            _ => bail!("{about}: {base} answered {status}"),
        }
    }
}
