use std::process::ExitCode;

use clap::Args;
use signalbox_model::{DecisionModel, Outcome, Timestamp};
use signalbox_store::{DecisionQuery, DecisionRecord, Order, Store};

use super::filter::{self, Filter};
use crate::cli::output;
use crate::cli::table::TextTable;
use crate::config::Config;
use crate::shutdown;

/// How many of a business's decisions are searched for matching ones, beginning with the newest.
const MOST_LOOKED_AT: usize = 10_000;
const PAGE: u32 = 100;

/// Lists the newest decisions, a line each.
///
/// Examples:
///
///   signalbox decisions list --business trattoria-roma --limit 5
///   signalbox decisions list --outcome failed --since 2h
///   signalbox decisions list --code booking. --user ana --effects waiting
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// Only this business; may be repeated. Without it every business of the directory.
    #[arg(long, value_name = "ID")]
    business: Vec<String>,
    /// How many at most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Only decisions made since then: a duration (2h), a day in UTC (2026-11-30) or a moment (2026-11-30T18:00:00Z).
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// Prints JSON for programs: a list of whole records, the newest first.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, store: &Store, options: &Options) -> anyhow::Result<ExitCode> {
    let since = options.since.as_deref().map(|text| filter::since(text, Timestamp::now())).transpose()?;
    let businesses = super::businesses(config, &options.business)?;
    let (mut records, mut looked_at_all) = (Vec::new(), true);
    for business_id in &businesses {
        let (found, all) = search(store, business_id, since, options).await?;
        records.extend(found);
        looked_at_all &= all;
    }
    records.sort_by_key(|record| std::cmp::Reverse(record.decision.created_at));
    records.truncate(options.limit as usize);
    if options.json {
        output::json(&records)?;
    } else if records.is_empty() && options.filter.is_everything() && since.is_none() {
        output::line("no decisions yet")?;
    } else if records.is_empty() {
        output::line("no decision is as the options say")?;
    } else {
        table(&records, businesses.len() > 1).print()?;
    }
    if !looked_at_all && records.len() < options.limit as usize {
        output::problem(&format!("note: only the newest {MOST_LOOKED_AT} decisions of each business were looked at\n"));
    }
    Ok(shutdown::DONE)
}

/// The newest decisions that match, and whether all decisions were searched.
async fn search(
    store: &Store,
    business_id: &str,
    since: Option<Timestamp>,
    options: &Options,
) -> anyhow::Result<(Vec<DecisionRecord>, bool)> {
    let filter = &options.filter;
    let page = if filter.is_everything() { options.limit } else { PAGE };
    let (mut found, mut looked_at, mut before) = (Vec::new(), 0, None);
    loop {
        let query = DecisionQuery {
            business_id: business_id.to_owned(),
            before,
            after: None,
            limit: page,
            order: Order::NewestFirst,
        };
        let part = store.decisions(&query).await?;
        looked_at += part.items.len();
        for record in part.items {
            if since.is_some_and(|since| record.decision.created_at < since) {
                return Ok((found, true));
            }
            if filter.matches(&record) {
                found.push(record);
            }
        }
        before = part.cursor;
        if found.len() >= options.limit as usize || before.is_none() {
            return Ok((found, true));
        }
        if looked_at >= MOST_LOOKED_AT {
            return Ok((found, false));
        }
    }
}

fn table(records: &[DecisionRecord], with_business: bool) -> TextTable {
    let business = with_business.then_some("BUSINESS");
    let columns: Vec<&str> =
        ["TIME (UTC)", "DECISION"].into_iter().chain(business).chain(["CODE", "OUTCOME", "MESSAGE"]).collect();
    let mut table = TextTable::new(&columns);
    for record in records {
        let [time, id, code, outcome, message] = cells(record);
        let business = with_business.then(|| record.decision.business_id.clone());
        table.add([time, id].into_iter().chain(business).chain([code, outcome, message]));
    }
    table
}

/// The cells of a decision's line.
pub fn cells(record: &DecisionRecord) -> [String; 5] {
    let decision = &record.decision;
    let content = &decision.context.input.content;
    let data = || content.data.as_ref().and_then(|data| serde_json::to_string(data).ok());
    [
        output::moment(decision.created_at),
        decision.id.clone(),
        decision.decision_code.clone(),
        outcome_of(decision),
        content.text.clone().or_else(data).unwrap_or_default(),
    ]
}

/// The outcome; a failed decision that is a dead letter is marked as one.
pub fn outcome_of(decision: &DecisionModel) -> String {
    if decision.is_dead_letter() { "dead-letter".to_owned() } else { outcome(decision.outcome) }
}

pub fn outcome(outcome: Outcome) -> String {
    let name = match outcome {
        Outcome::Decided => "decided",
        Outcome::ReviewPending => "review-pending",
        Outcome::Approved => "approved",
        Outcome::Edited => "edited",
        Outcome::Rejected => "rejected",
        Outcome::Failed => "failed",
        Outcome::Unknown(name) => return name.to_string(),
    };
    name.to_owned()
}
