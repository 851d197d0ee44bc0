use std::process::ExitCode;

use clap::Args;
use signalbox_model::Outcome;
use signalbox_store::{DecisionQuery, DecisionRecord, Order, Store};

use crate::cli::output;
use crate::config::Config;
use crate::shutdown;

/// Lists the newest decisions, a line each.
///
/// Example: signalbox decisions list --business trattoria-roma --limit 5
#[derive(Debug, Args)]
pub struct Options {
    /// Only this business; may be repeated. Without it every business of the directory.
    #[arg(long, value_name = "ID")]
    business: Vec<String>,
    /// How many at most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Prints JSON for programs: a list of whole records, the newest first.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, store: &Store, options: &Options) -> anyhow::Result<ExitCode> {
    let mut records = Vec::new();
    for business_id in super::businesses(config, &options.business)? {
        let query =
            DecisionQuery { business_id, before: None, after: None, limit: options.limit, order: Order::NewestFirst };
        records.extend(store.decisions(&query).await?.items);
    }
    records.sort_by_key(|record| std::cmp::Reverse(record.decision.created_at));
    records.truncate(options.limit as usize);
    if options.json {
        output::json(&records)?;
    } else if records.is_empty() {
        output::line("no decisions yet")?;
    } else {
        output::line(HEADER)?;
        for record in &records {
            output::line(&row(record))?;
        }
    }
    Ok(shutdown::DONE)
}

pub const HEADER: &str = "TIME                  DECISION                              BUSINESS              CODE                         CONFIDENCE  OUTCOME         MESSAGE";

/// A decision on one line.
pub fn row(record: &DecisionRecord) -> String {
    let decision = &record.decision;
    let time = decision.created_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let content = &decision.context.input.content;
    let message =
        content.text.clone().or_else(|| content.data.as_ref().and_then(|data| serde_json::to_string(data).ok()));
    let line = format!(
        "{time:<20}  {:<36}  {:<20}  {:<27}  {:>10.2}  {:<14}  {}",
        decision.id,
        decision.business_id,
        decision.decision_code,
        decision.confidence,
        outcome(decision.outcome),
        shorten(&message.unwrap_or_default(), 60),
    );
    output::printable(line.trim_end())
}

pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Decided => "decided",
        Outcome::ReviewPending => "review-pending",
        Outcome::Approved => "approved",
        Outcome::Edited => "edited",
        Outcome::Rejected => "rejected",
        Outcome::Failed => "failed",
    }
}

/// On one line and no longer than that.
pub fn shorten(text: &str, limit: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}
