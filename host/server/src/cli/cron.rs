mod list;

pub use list::next_ticks;

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;
use signalbox_model::{LONGEST_PLACE, decision_id, excerpt};
use signalbox_store::{Fire, FireClaim, Schedule, Store};

use super::{Configured, decisions, output};
use crate::shutdown;

/// Shows schedules and runs, pauses or resumes them, also while hosts run on the same store.
///
/// Schedules of bundles are called bundle/NAME; a schedule that a plugin made has the name that the plugin gave it.
///
/// Examples:
///
///   signalbox cron list --business trattoria-roma
///   signalbox cron run trattoria-roma bundle/daily-summary
///   signalbox cron pause trattoria-roma bundle/daily-summary
///   signalbox cron resume trattoria-roma bundle/daily-summary
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Options),
    /// Lets a schedule tick once now, paused or not; a running host fires it within cron.scan-interval.
    ///
    /// Example: signalbox cron run trattoria-roma bundle/daily-summary
    Run(One),
    /// Keeps a schedule from ticking until it is resumed. Ticks that fall into the pause are not made up for.
    ///
    /// Example: signalbox cron pause trattoria-roma bundle/daily-summary
    Pause(One),
    /// Lets a paused schedule tick again.
    ///
    /// Example: signalbox cron resume trattoria-roma bundle/daily-summary
    Resume(One),
}

/// The longest name that a business or schedule can have, in bytes.
const LONGEST_ARGUMENT: usize = 256;

/// One schedule.
#[derive(Debug, Args)]
struct One {
    /// The business.
    #[arg(value_name = "BUSINESS")]
    business: String,
    /// The schedule, as `signalbox cron list` names it.
    #[arg(value_name = "NAME")]
    name: String,
    /// Prints JSON for programs.
    #[arg(long)]
    json: bool,
}

/// Runs one of the `cron` commands.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let config = configured.load()?.config;
    super::wait_for(async {
        let store = decisions::open(&config).await?;
        match &options.command {
            Command::List(options) => list::run(&store, options).await,
            Command::Run(one) => run_now(&store, one).await,
            Command::Pause(one) => {
                find(&store, one).await?;
                let schedule = store.pause_schedule(&one.business, &one.name, Timestamp::now()).await?;
                tell(one, &schedule, "is paused")
            }
            Command::Resume(one) => {
                find(&store, one).await?;
                let schedule = store.resume_schedule(&one.business, &one.name, Timestamp::now()).await?;
                tell(one, &schedule, "ticks again")
            }
        }
    })
}

/// Stores a claim whose lease has expired, so that the next host that scans the store takes the tick up.
async fn run_now(store: &Store, one: &One) -> anyhow::Result<ExitCode> {
    let schedule = find(store, one).await?;
    let now = Timestamp::now();
    let fire = Fire {
        business_id: one.business.clone(),
        name: one.name.clone(),
        nominal: now,
        generation: schedule.generation,
        owner: "signalbox cron run".to_owned(),
        lease_until: now,
    };
    match store.claim_fire(&fire).await? {
        FireClaim::Won => {}
        FireClaim::Lost | FireClaim::Stale => bail!("schedule {} has just changed; run the command again", one.name),
    }
    let (input_id, decision_id) = (fire.input_id(), decision_id(&one.business, &fire.input_id()));
    if one.json {
        output::json(&json!({
            "businessId": one.business, "schedule": one.name, "nominal": now,
            "inputId": input_id, "decisionId": decision_id,
        }))?;
    } else {
        output::line(&format!(
            "{} of {} ticks as soon as a running host looks (cron.scan-interval)\n  see it with: \
             signalbox decisions show {decision_id}",
            one.name, one.business
        ))?;
    }
    Ok(shutdown::DONE)
}

async fn find(store: &Store, one: &One) -> anyhow::Result<Schedule> {
    for (what, text) in [("BUSINESS", &one.business), ("NAME", &one.name)] {
        if text.is_empty() || text.len() > LONGEST_ARGUMENT {
            bail!(
                "{what} has to have 1 to {LONGEST_ARGUMENT} bytes; `signalbox cron list` shows the schedules that there are"
            );
        }
    }
    if let Some(schedule) = store.schedule(&one.business, &one.name).await? {
        return Ok(schedule);
    }
    let known = store.schedules(&one.business).await?;
    let names: Vec<&str> = known.iter().map(|schedule| schedule.definition.name.as_str()).collect();
    let shown = |text: &str| output::printable(&excerpt(text, LONGEST_PLACE));
    let (name, business) = (shown(&one.name), shown(&one.business));
    if names.is_empty() {
        bail!("there is no schedule {name}: business {business} has none, or no host has started with its bundle yet");
    }
    bail!("business {business} has no schedule {name}; it has {}", output::printable(&names.join(", ")))
}

fn tell(one: &One, schedule: &Schedule, what: &str) -> anyhow::Result<ExitCode> {
    if one.json {
        output::json(&list::shown(schedule, Timestamp::now()))?;
    } else {
        output::line(&format!("{} of {} {what}", one.name, one.business))?;
    }
    Ok(shutdown::DONE)
}
