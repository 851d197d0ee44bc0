use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use signalbox_store::{DecisionQuery, DecisionRecord, Order, Store};

use super::filter::Filter;
use super::list;
use crate::cli::output;
use crate::cli::table::shorten;
use crate::config::Config;
use crate::shutdown;

/// Decisions become visible a little out of order; each query looks back this far, so that none is missed.
const OVERLAP: Duration = Duration::from_secs(10);
const PAGE: u32 = 100;

/// Follows decisions as they are made, until it is interrupted.
///
/// Example: signalbox decisions tail --business trattoria-roma
#[derive(Debug, Args)]
pub struct Options {
    /// Only this business; may be repeated. Without it every business of the directory.
    #[arg(long, value_name = "ID")]
    business: Vec<String>,
    /// Starts with the newest decisions, this many of each business.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    last: u32,
    /// How often the store is asked, in milliseconds.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..))]
    every_ms: u64,
    #[command(flatten)]
    filter: Filter,
    /// Prints JSON for programs: one whole record a line.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, store: &Store, options: &Options) -> anyhow::Result<ExitCode> {
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    if !options.json {
        output::line(&line(["TIME (UTC)", "DECISION", "CODE", "OUTCOME", "MESSAGE"].map(str::to_owned)))?;
    }
    for business in super::businesses(config, &options.business)? {
        let place = Place::at_the_end(store, &business, options).await?;
        places.insert(business, place);
    }
    let mut ticks = tokio::time::interval(Duration::from_millis(options.every_ms));
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(shutdown::DONE),
            _ = ticks.tick() => {
                for (business, place) in &mut places {
                    place.advance(store, business, options).await?;
                }
            }
        }
    }
}

/// How far the decisions of one business have been shown.
#[derive(Default)]
struct Place {
    cursor: Option<String>,
    /// The ids of decisions that the next query may return again.
    shown: HashSet<String>,
}

impl Place {
    async fn at_the_end(store: &Store, business: &str, options: &Options) -> anyhow::Result<Self> {
        let query = DecisionQuery {
            business_id: business.to_owned(),
            before: None,
            after: None,
            limit: PAGE,
            order: Order::NewestFirst,
        };
        let newest = store.decisions(&query).await?.items;
        let mut place = Self::default();
        for record in newest.iter().take(options.last as usize).rev() {
            show(record, options)?;
        }
        place.cursor = newest.first().map(DecisionRecord::cursor);
        place.shown = newest.into_iter().map(|record| record.decision.id).collect();
        Ok(place)
    }

    async fn advance(&mut self, store: &Store, business: &str, options: &Options) -> anyhow::Result<()> {
        let mut seen = HashSet::new();
        let mut page = store.missed_since(business, self.cursor.as_deref(), OVERLAP, PAGE).await?.page;
        loop {
            for record in &page.items {
                if !self.shown.contains(&record.decision.id) {
                    show(record, options)?;
                }
                seen.insert(record.decision.id.clone());
                self.cursor = Some(record.cursor());
            }
            let Some(next) = page.cursor else { break };
            page = store.decisions_since(business, Some(&next), Duration::ZERO, PAGE).await?;
        }
        // Only the decisions that the next query can return again have to be remembered.
        if !seen.is_empty() {
            self.shown = seen;
        }
        Ok(())
    }
}

fn show(record: &DecisionRecord, options: &Options) -> anyhow::Result<()> {
    match options.filter.matches(record) {
        false => Ok(()),
        true if options.json => output::json_line(record),
        true => output::line(&line(list::cells(record))),
    }
}

/// Columns of a fixed width, because later lines are unknown when a line is printed.
fn line([time, id, code, outcome, message]: [String; 5]) -> String {
    let message = shorten(&message, 60);
    let (id, code, message) = (output::cell(&id, 36), output::cell(&code, 24), output::cell(&message, 0));
    format!("{time:<19}  {id}  {code}  {outcome:<14}  {message}").trim_end().to_owned()
}
