use anyhow::Result;
use serde_json::json;

use super::{CLINIC, Expected, Stage, line};
use crate::demo::person::text_at;

const APPROVED: Expected = Expected {
    business: CLINIC,
    code: "results.critical",
    outcome: "approved",
    source: "external_api",
    nodes: &["results"],
};

pub fn tell(stage: &mut Stage<'_>, decision_id: &str) -> Result<()> {
    let ours = |frame: &serde_json::Value| text_at(frame, "/decisionId") == decision_id;
    stage.doctor.send(&json!({
        "type": "review", "id": "demo-review", "businessId": CLINIC, "decisionId": decision_id,
        "verdict": "approve", "note": "call today",
    }))?;
    stage.doctor.hear("ack", ours)?;
    line("approved", format!("by {} with the note “call today”", stage.doctor.name));

    let ended = |frame: &serde_json::Value| ours(frame) && text_at(frame, "/state") == "resolved";
    let told = stage.coordinator.hear("review", ended)?;
    let by = text_at(&told, "/resolution/by");
    line("others", format!("{} learns that {by} was first", stage.coordinator.name));
    stage.check(by == stage.doctor.name, format!("the review was ended by `{by}`"));

    // The notice was withheld until now.
    let notice = stage.patient.hear("notification", ours)?;
    line("patient", format!("{} reads: “{}”", stage.patient.name, text_at(&notice, "/content/text")));
    let stored = stage.decision(decision_id, &APPROVED)?;
    for (place, expected) in [("by", stage.doctor.name), ("verdict", "approve"), ("note", "call today")] {
        let found = text_at(&stored, &format!("/review/resolution/{place}"));
        stage.check(found == expected, format!("the record's review has {place} `{found}`"));
    }
    Ok(())
}
