//! Calls every function of `signalbox:cron`.

use signalbox_sdk::cron::{Error, Schedule, ScheduleStatus};
use signalbox_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
enum Call {
    Schedule { name: String, expression: String },
    Cancel { name: String },
    Status { name: String },
    List,
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::Schedule { name, expression } => {
            probe::outcome(cron::schedule(Schedule::expression(name, expression)), Error::retryable)
        }
        Call::Cancel { name } => probe::outcome(cron::cancel(&name), Error::retryable),
        Call::Status { name } => {
            let found = cron::status(&name);
            probe::outcome(found.map(|found| found.as_ref().map(status)), Error::retryable)
        }
        Call::List => {
            let all = cron::list();
            probe::outcome(all.map(|all| all.iter().map(status).collect::<Vec<_>>()), Error::retryable)
        }
    })
}

fn status(status: &ScheduleStatus) -> Value {
    json!({ "name": status.name, "timezone": status.timezone, "next": status.next, "paused": status.paused })
}
