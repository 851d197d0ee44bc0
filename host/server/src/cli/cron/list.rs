use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use signalbox_model::CronExpression;
use signalbox_store::{Schedule, ScheduleTiming, Store};

use crate::cli::output;
use crate::shutdown;

const PAGE: u32 = 100;
/// How many ticks of each schedule are shown.
const SHOWN: usize = 3;

/// Lists schedules with their next ticks, on the clock of their time zone, and their last tick, by business and name.
///
/// Example: signalbox cron list --business trattoria-roma
#[derive(Debug, Args)]
pub struct Options {
    /// Only this business; may be repeated. Without it every business that has schedules.
    #[arg(long, value_name = "ID")]
    business: Vec<String>,
    /// Prints JSON for programs: a list with each schedule's definition, next ticks and last tick.
    #[arg(long)]
    json: bool,
}

pub async fn run(store: &Store, options: &Options) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let schedules = read(store, &options.business).await?;
    if options.json {
        output::json(&schedules.iter().map(|schedule| shown(schedule, now)).collect::<Vec<_>>())?;
    } else if schedules.is_empty() {
        output::line("no schedules; a bundle declares them under [inputs.cron], and plugins make them")?;
    } else {
        output::line(HEADER)?;
        for schedule in &schedules {
            output::line(&row(schedule, now))?;
        }
    }
    Ok(shutdown::DONE)
}

/// A schedule as JSON: as it is stored, with its next tick, and its next ticks in its own time zone.
pub fn shown(schedule: &Schedule, now: Timestamp) -> Value {
    let mut value = serde_json::to_value(schedule).unwrap_or_else(|_| json!({}));
    if let Some(fields) = value.as_object_mut() {
        fields.insert("next".to_owned(), json!(next(schedule, now)));
        fields.insert("nextTicks".to_owned(), json!(next_of(schedule, now)));
    }
    value
}

async fn read(store: &Store, businesses: &[String]) -> anyhow::Result<Vec<Schedule>> {
    let mut schedules = Vec::new();
    for business in businesses {
        schedules.extend(store.schedules(business).await?);
    }
    if !businesses.is_empty() {
        return Ok(schedules);
    }
    let mut cursor = None;
    loop {
        let page = store.all_schedules(cursor.as_deref(), PAGE).await?;
        schedules.extend(page.items);
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(schedules);
        }
    }
}

/// The next ticks of an expression, each in its time zone, as `2026-12-01T08:00:00+02:00`.
pub fn next_ticks(expression: &CronExpression, zone: &TimeZone, now: Timestamp, count: usize) -> Vec<String> {
    let mut after = now;
    let next = std::iter::from_fn(|| {
        after = expression.next_after(after, zone)?;
        Some(on_clock(after, zone))
    });
    next.take(count).collect()
}

fn on_clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The next ticks of a schedule in its own time zone; none when the schedule is paused or over.
fn next_of(schedule: &Schedule, now: Timestamp) -> Vec<String> {
    let definition = &schedule.definition;
    let Some(zone) = signalbox_model::time_zone(&definition.timezone) else { return Vec::new() };
    match &definition.timing {
        _ if schedule.paused => Vec::new(),
        ScheduleTiming::At(_) => next(schedule, now).map(|at| on_clock(at, &zone)).into_iter().collect(),
        ScheduleTiming::Expression(text) => {
            text.parse().map(|expression| next_ticks(&expression, &zone, now, SHOWN)).unwrap_or_default()
        }
        ScheduleTiming::Unknown(_) => Vec::new(),
    }
}

/// The nominal time of the next tick; none when the schedule is paused or over.
fn next(schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    let definition = &schedule.definition;
    let next = match &definition.timing {
        ScheduleTiming::At(at) => Some(*at).filter(|at| schedule.handled_until.is_none_or(|handled| handled < *at)),
        ScheduleTiming::Expression(text) => {
            let expression: CronExpression = text.parse().ok()?;
            expression.next_after(now, &signalbox_model::time_zone(&definition.timezone)?)
        }
        ScheduleTiming::Unknown(_) => None,
    };
    next.filter(|_| !schedule.paused)
}

const HEADER: &str = "BUSINESS              SCHEDULE                        TIMING                ZONE                  NEXT                       LAST                  STATE";

fn row(schedule: &Schedule, now: Timestamp) -> String {
    let definition = &schedule.definition;
    let timing = match &definition.timing {
        ScheduleTiming::At(at) => time(Some(*at)),
        ScheduleTiming::Expression(text) => text.clone(),
        ScheduleTiming::Unknown(timing) => timing.to_string(),
    };
    let mut ticks = next_of(schedule, now).into_iter();
    let line = format!(
        "{}  {}  {}  {}  {:<25}  {:<20}  {}",
        output::cell(&definition.business_id, 20),
        output::cell(&definition.name, 30),
        output::cell(&timing, 20),
        output::cell(&definition.timezone, 20),
        ticks.next().unwrap_or_else(|| "-".to_owned()),
        time(schedule.last.as_ref().map(|last| last.fired_at)),
        if schedule.paused { "paused" } else { "active" },
    );
    let then: Vec<String> = ticks.collect();
    let then = if then.is_empty() { String::new() } else { format!("\n{:<20}  then {}", "", then.join(", ")) };
    output::printable(&format!("{}{then}", line.trim_end()))
}

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
