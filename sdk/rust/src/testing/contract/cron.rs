//! Schedules are kept as effects; those in force are the ones that the test gave.

use super::current;
use crate::Json;
pub use crate::bindings::capabilities::signalbox::cron::cron::{Error, ScheduleRequest, ScheduleStatus};
use crate::testing::Effect;

pub fn schedule(request: &ScheduleRequest) -> Result<(), Error> {
    let ScheduleRequest { name, timing, payload, .. } = request.clone();
    let subject = name.clone();
    add("schedule", subject, Effect::Schedule { name, timing, payload: payload.map(Json::from_text) })
}

pub fn cancel(name: &str) -> Result<(), Error> {
    add("cancel", name.to_owned(), Effect::Cancel { name: name.to_owned() })
}

pub fn status(name: &str) -> Result<Option<ScheduleStatus>, Error> {
    Ok(read("status", name)?.into_iter().find(|status| status.name == name))
}

pub fn list() -> Result<Vec<ScheduleStatus>, Error> {
    let mut all = read("list", "")?;
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

fn add(function: &'static str, subject: String, effect: Effect) -> Result<(), Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("cron", function, subject);
    fail_if_told!(memory, cron);
    if !memory.granted("cron", "schedule") {
        return Err(Error::Denied("the grant `schedule` is missing".to_owned()));
    }
    memory.effects.push(effect);
    Ok(())
}

fn read(function: &'static str, subject: &str) -> Result<Vec<ScheduleStatus>, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("cron", function, subject);
    fail_if_told!(memory, cron);
    if !memory.granted("cron", "read") && !memory.granted("cron", "schedule") {
        return Err(Error::Denied("the grant `read` is missing".to_owned()));
    }
    Ok(memory.schedules.clone())
}
