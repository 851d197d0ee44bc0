use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use signalbox_model::{Content, Timestamp};

use super::api::ReviewClient;
use crate::cli::connection::Connection;
use crate::cli::table::TextTable;
use crate::cli::{Configured, output};
use crate::shutdown;

const COLUMNS: [&str; 7] = ["CREATED (UTC)", "DECISION", "BUSINESS", "CODE", "EXPIRES (UTC)", "ACTIONS", "MESSAGE"];

/// Lists the decisions that wait for a person and that this user may review, the one that waits longest first.
///
/// The command asks the running host's API, at the address of its WebSocket. `signalbox decisions show ID` shows all of
/// one decision.
///
/// Example: signalbox review list --business trattoria-roma --limit 5
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    connection: Connection,
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

/// The part of a decision that a line shows.
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

pub async fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let businesses = match &options.business {
        Some(business) => vec![business.clone()],
        None => options.connection.businesses()?,
    };
    let api = ReviewClient::new(&options.connection, &options.connection.host(configured)?)?;
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
    let mut table = TextTable::new(&COLUMNS);
    for item in found {
        table.add(row(serde_json::from_value(item).context("the host lists a decision without what belongs to it")?));
    }
    table.print()?;
    if more {
        output::line("… and more; --limit shows them")?;
    }
    Ok(shutdown::DONE)
}

fn row(waiting: Waiting) -> [String; 7] {
    let Content { text, data, .. } = &waiting.content;
    let data = || data.as_ref().and_then(|data| serde_json::to_string(data).ok());
    [
        output::moment(waiting.created_at),
        waiting.decision_id,
        waiting.location_id.map_or(waiting.business_id.clone(), |place| format!("{}/{place}", waiting.business_id)),
        waiting.decision_code,
        waiting.expires_at.map_or_else(|| "never".to_owned(), output::moment),
        waiting.actions.len().to_string(),
        text.clone().or_else(data).unwrap_or_default(),
    ]
}
