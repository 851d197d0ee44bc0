use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use signalbox_model::{BusinessAccess, Content, Timestamp};

use super::Reviewer;
use crate::cli::decisions::shorten;
use crate::cli::output;
use crate::shutdown;

/// The largest page of the API.
const PAGE: usize = 100;

/// Lists the decisions that wait for a person and that this user may review, the one that waits longest first.
///
/// Asks the running host over its API, at the address of its WebSocket. `signalbox decisions show ID` tells the whole story
/// of one.
///
/// Example: signalbox review list --business trattoria-roma --limit 5
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    reviewer: Reviewer,
    /// Only this business; without it every business that the token names.
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Prints JSON for programs: a list, each as the API gives it.
    #[arg(long)]
    json: bool,
}

/// A part of the list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    items: Vec<Value>,
    #[serde(default)]
    next_cursor: Option<String>,
}

/// What a line shows of a decision.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    decision_id: String,
    business_id: String,
    #[serde(default)]
    location_id: Option<String>,
    decision_code: String,
    actions: Vec<Value>,
    content: Content,
    created_at: Timestamp,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

pub async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let businesses = match &options.business {
        Some(business) => vec![business.clone()],
        None => businesses(&options.reviewer.token)?,
    };
    let api = Api::new(&options.reviewer)?;
    let limit = usize::try_from(options.limit)?;
    let mut found = Vec::new();
    for business in &businesses {
        // One more than is shown, to know whether there are more.
        found.extend(api.reviews(business, limit + 1).await?);
    }
    let created = |item: &Value| item.get("createdAt")?.as_str()?.parse::<Timestamp>().ok();
    found.sort_by_key(created);
    let more = found.len() > limit;
    found.truncate(limit);
    if options.json {
        output::json(&found)?;
        return Ok(shutdown::DONE);
    }
    if found.is_empty() {
        output::line("nothing waits for a review")?;
        return Ok(shutdown::DONE);
    }
    output::line(HEADER)?;
    for item in found {
        output::line(&row(
            &serde_json::from_value(item).context("the host lists a decision without what belongs to it")?
        ))?;
    }
    if more {
        output::line("… and more; --limit shows them")?;
    }
    Ok(shutdown::DONE)
}

/// Those that the token names. Only the host can say whether it holds.
fn businesses(token: &str) -> anyhow::Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Claims {
        #[serde(default)]
        businesses: BTreeMap<String, BusinessAccess>,
    }
    let claims: Claims = jsonwebtoken::dangerous::insecure_decode_claims(token.trim())
        .context("the token is no JWT that names businesses")?;
    if claims.businesses.is_empty() {
        bail!("the token names no business; choose one with --business");
    }
    Ok(claims.businesses.into_keys().collect())
}

/// The host's API.
struct Api<'a> {
    client: reqwest::Client,
    base: Url,
    token: &'a str,
}

impl<'a> Api<'a> {
    fn new(reviewer: &'a Reviewer) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(reviewer.timeout))
            .redirect(reqwest::redirect::Policy::none())
            // As the other review commands, which know no proxy either.
            .no_proxy()
            .build()?;
        Ok(Self { client, base: base(&reviewer.url)?, token: reviewer.token.trim() })
    }

    /// The first of a business's decisions that wait, at most so many.
    async fn reviews(&self, business: &str, limit: usize) -> anyhow::Result<Vec<Value>> {
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
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v1", "businesses", business, "reviews"]);
        }
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        let request = self.client.get(url).bearer_auth(self.token);
        let base = &self.base;
        let response = request.send().await.with_context(|| format!("asking {base}; is the host running?"))?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("reading the answer of {base}"))?;
        if status.is_success() {
            return serde_json::from_str(&text).with_context(|| format!("{base} does not answer as Signalbox does"));
        }
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        let told = |name: &str| problem.get(name).and_then(Value::as_str).map(output::printable);
        match (told("detail"), told("code")) {
            (Some(detail), Some(code)) => bail!("reviews of {business}: {detail} ({code})"),
            _ => bail!("{base} answered {status} about the reviews of {business}"),
        }
    }
}

/// Where the API is: beside the WebSocket.
fn base(url: &str) -> anyhow::Result<Url> {
    let mut base = Url::parse(url).with_context(|| format!("`{url}` is no address"))?;
    let scheme = match base.scheme() {
        "ws" | "http" => "http",
        "wss" | "https" => "https",
        _ => bail!("`{url}` is not ws://, wss://, http:// or https://"),
    };
    let path = base.path().trim_end_matches('/');
    let path = path.strip_suffix("/ws").unwrap_or(path).to_owned();
    base.set_path(&path);
    // Between these schemes a change is always possible.
    let _ = base.set_scheme(scheme);
    Ok(base)
}

const HEADER: &str = "CREATED               DECISION                              BUSINESS              PLACE         CODE                         EXPIRES               ACTIONS  MESSAGE";

fn row(waiting: &Waiting) -> String {
    let moment = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let Content { text, data, .. } = &waiting.content;
    let message = text.clone().or_else(|| data.as_ref().and_then(|data| serde_json::to_string(data).ok()));
    let line = format!(
        "{:<20}  {:<36}  {:<20}  {:<12}  {:<27}  {:<20}  {:>7}  {}",
        moment(waiting.created_at),
        waiting.decision_id,
        waiting.business_id,
        waiting.location_id.as_deref().unwrap_or("-"),
        waiting.decision_code,
        waiting.expires_at.map_or_else(|| "never".to_owned(), moment),
        waiting.actions.len(),
        shorten(&message.unwrap_or_default(), 60),
    );
    output::printable(line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_found_beside_the_websocket() {
        let cases = [
            ("ws://127.0.0.1:8080/ws", "http://127.0.0.1:8080/"),
            ("wss://desk.example.com/signalbox/ws", "https://desk.example.com/signalbox"),
            ("https://desk.example.com", "https://desk.example.com/"),
        ];
        for (given, expected) in cases {
            assert_eq!(base(given).unwrap().as_str(), expected, "{given}");
        }
        for bad in ["over there", "ftp://desk.example.com/ws"] {
            assert!(base(bad).is_err(), "{bad}");
        }
    }
}
