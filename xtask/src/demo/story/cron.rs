use anyhow::Result;

use super::{BISTRO, Expected, Stage, line};
use crate::demo::host;
use crate::demo::person::text_at;

const SCHEDULE: &str = "bundle/daily-summary";
const SUMMARY: Expected = Expected {
    business: BISTRO,
    code: "summary.daily",
    outcome: "decided",
    source: "cron",
    nodes: &["count-bookings", "count-complaints", "summary"],
};

pub fn tell(stage: &mut Stage<'_>) -> Result<()> {
    let decision_id = host::tick(stage.folder, BISTRO, SCHEDULE)?;
    line(
        "tick",
        format!("signalbox cron run {BISTRO} {SCHEDULE}; by itself it ticks at 08:00 in the bistro's time zone"),
    );
    let news = stage.coordinator.hear("notification", |frame| text_at(frame, "/decisionId") == decision_id)?;
    let text = text_at(&news, "/content/text");
    line("broadcast", format!("“{text}”"));
    stage.check(!text.is_empty(), "the summary says nothing");
    stage.decision(&decision_id, &SUMMARY)?;
    Ok(())
}
