//! Node `count-bookings`: counts today's bookings and yesterday's takings, at every place.

use restaurant::summary::Bookings;
use restaurant::tables::Day;
use restaurant::{hours, place};
use signalbox_sdk::prelude::*;

use crate::day::TABLE;

/// Runs the node.
pub fn run(context: &Context) -> Result<Step, Failure> {
    let today = place::now(context)?.date();
    let yesterday = today.yesterday().map_err(Failure::fatal)?;
    let (mut counted, mut first) = (Bookings::default(), None::<u32>);
    for partition in place::partitions(context) {
        let day = of_day(partition, &today.to_string())?;
        counted.today += day.standing().count();
        counted.guests += day.standing().map(|booking| booking.guests).sum::<u32>();
        counted.cancelled += day.bookings.len() - day.standing().count();
        first = day.standing().map(|booking| booking.minute).chain(first).min();
        let day = of_day(partition, &yesterday.to_string())?;
        counted.bills_yesterday += day.bills.len();
        counted.takings_yesterday += day.bills.iter().map(|bill| bill.total_minor).sum::<u64>();
    }
    counted.first = first.map(hours::clock);
    Ok(Step::new().update("bookings", &counted)?)
}

fn of_day(partition: &str, date: &str) -> Result<Day, dynamodb::Error> {
    Ok(dynamodb::get::<Day>(TABLE, partition, date)?.map(|row| row.item).unwrap_or_default())
}
