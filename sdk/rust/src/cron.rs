//! Schedules of this business, made by its plugins. [`schedule`] and [`cancel`] are effects, [`status`] and [`list`]
//! are reads. Grant: `cron = ["schedule"]`, or `cron = ["read"]` for the reads alone.

use serde::Serialize;

use crate::contract::cron as contract;
use crate::{JsonError, Moment};

pub use crate::bindings::capabilities::signalbox::cron::cron::{ScheduleStatus, Timing};

crate::error::capability_error! {
    /// Why a schedule cannot be made or read.
    cron with json {
        /// No scheduler is configured. A retry will not help.
        NotConfigured => stop "no scheduler is configured",
        /// The grant does not cover this. A retry will not help.
        Denied(reason: String) => stop "the grant does not cover this: {reason}",
        /// The name, expression, time zone or payload is malformed, or never ticks. A retry will not help.
        Invalid(reason: String) => stop "the schedule is malformed: {reason}",
        /// The business has, or this decision has made, as many schedules as plugins may make. A retry will not help,
        /// cancelling a schedule may.
        LimitReached(reason: String) => stop "there is no room for the schedule: {reason}",
        /// The expression ticks more often than a plugin's schedule may, or a decision that a tick asks for makes one
        /// that ticks sooner than that. A retry will not help.
        TooOften(reason: String) => stop "the schedule ticks too often: {reason}",
        /// The store does not answer. A retry may help.
        Unavailable(reason: String) => retry "the store does not answer: {reason}",
        /// The answer is larger than one call may give, or this decision has used up its limit of answers. A retry will
        /// not help: ask for less.
        Exhausted(reason: String) => stop "there is no room for the answer: {reason}",
    }
}

/// A schedule to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule(contract::ScheduleRequest);

impl Schedule {
    /// Ticks once, at a moment. Scheduling again under the same name replaces the schedule.
    pub fn at(name: impl Into<String>, moment: Moment) -> Self {
        Self::new(name, Timing::At(moment.to_string()))
    }

    /// Ticks by a cron expression of 5 fields (minute, hour, day of month, month, day of week).
    pub fn expression(name: impl Into<String>, expression: impl Into<String>) -> Self {
        Self::new(name, Timing::Expression(expression.into()))
    }

    fn new(name: impl Into<String>, timing: Timing) -> Self {
        Self(contract::ScheduleRequest { name: name.into(), timing, timezone: None, payload: None })
    }

    /// IANA time zone; the business's otherwise.
    pub fn timezone(mut self, timezone: impl Into<String>) -> Self {
        self.0.timezone = Some(timezone.into());
        self
    }

    /// Arrives as `content.data` of the input; it must be written as a JSON object.
    pub fn payload<T: Serialize + ?Sized>(mut self, payload: &T) -> Result<Self, JsonError> {
        self.0.payload = Some(crate::json::encode("payload", payload)?);
        Ok(self)
    }
}

/// Adds a schedule to the decision's effects.
pub fn schedule(schedule: Schedule) -> Result<(), Error> {
    Ok(contract::schedule(&schedule.0)?)
}

/// Adds a cancellation to the decision's effects. Cancelling a schedule that does not exist is no error.
pub fn cancel(name: &str) -> Result<(), Error> {
    Ok(contract::cancel(name)?)
}

/// One schedule; none when the business has no such schedule.
pub fn status(name: &str) -> Result<Option<ScheduleStatus>, Error> {
    Ok(contract::status(name)?)
}

/// All schedules of the business, by name.
pub fn list() -> Result<Vec<ScheduleStatus>, Error> {
    Ok(contract::list()?)
}
