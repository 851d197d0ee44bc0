//! The row of a day's complaints, for the daily summary.

use jiff::civil::Date;
use restaurant::complaint::{Complaint, Severity, Subject};
use restaurant::place;
use restaurant::summary::Complaints;
use signalbox_sdk::dynamodb::Condition;
use signalbox_sdk::prelude::*;

/// The table of this plugin.
const TABLE: &str = "complaints";
/// How often a day is read again that other decisions change at the same time.
const ATTEMPTS: u32 = 4;

/// The complaints of one day at one place.
#[derive(Default, Deserialize, Serialize)]
struct Day {
    complaints: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
struct Entry {
    /// The decision about it, so that no complaint is counted twice.
    decision: String,
    subject: Subject,
    severity: Severity,
}

/// Stores a complaint for the summary. It must reach a person even when it cannot be stored, so a failure is only
/// logged.
pub fn record(context: &Context, complaint: &Complaint) {
    if let Err(failure) = try_record(context, complaint) {
        warn!(failure = failure, "the complaint is not in today's summary");
    }
}

fn try_record(context: &Context, complaint: &Complaint) -> Result<(), Failure> {
    let date = place::now(context)?.date().to_string();
    for _attempt in 0..ATTEMPTS {
        let (mut day, condition) = match dynamodb::get::<Day>(TABLE, place::partition(context), &date)? {
            Some(row) => (row.item, Condition::Version(row.version)),
            None => (Day::default(), Condition::Absent),
        };
        if day.complaints.iter().any(|entry| entry.decision == context.decision_id) {
            return Ok(());
        }
        let Complaint { subject, severity, .. } = *complaint;
        day.complaints.push(Entry { decision: context.decision_id.clone(), subject, severity });
        match dynamodb::put(TABLE, place::partition(context), &date, &day, condition) {
            Ok(_version) => return Ok(()),
            Err(dynamodb::Error::ConditionFailed) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::retry(format!("{date} was changed by others {ATTEMPTS} times in a row")))
}

/// Node `count-complaints`: counts yesterday's and today's complaints at every place.
pub fn count(context: &Context) -> Result<Step, Failure> {
    let today = place::now(context)?.date();
    let mut counted = Complaints::default();
    for partition in place::partitions(context) {
        counted.today += of_day(partition, today)?.len();
        let yesterday = today.yesterday().map_err(Failure::fatal)?;
        let entries = of_day(partition, yesterday)?;
        counted.yesterday += entries.len();
        counted.grave_yesterday += entries.iter().filter(|entry| entry.severity > Severity::Minor).count();
    }
    Ok(Step::new().update("complaints", &counted)?)
}

fn of_day(partition: &str, date: Date) -> Result<Vec<Entry>, dynamodb::Error> {
    let row = dynamodb::get::<Day>(TABLE, partition, &date.to_string())?;
    Ok(row.map(|row| row.item.complaints).unwrap_or_default())
}
