use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::json;
use standardwebhooks::Webhook;

use super::{CLINIC, Expected, Stage, line};
use crate::demo::person::text_at;
use crate::demo::program::Answer;

const RESULTS: Expected = Expected {
    business: CLINIC,
    code: "results.critical",
    outcome: "review-pending",
    source: "external_api",
    nodes: &["results"],
};

/// Returns the decision that waits for a doctor afterwards.
pub fn tell(stage: &mut Stage<'_>) -> Result<String> {
    let values = json!([
        { "code": "K", "name": "Potassium", "value": 6.9, "unit": "mmol/L", "range": { "low": 3.5, "high": 5.1 } },
        { "code": "NA", "name": "Sodium", "value": 140, "unit": "mmol/L", "range": { "low": 136, "high": 145 } },
    ]);
    let results = json!({
        "laboratory": "Synlab",
        "resultSets": [{ "orderId": "S-2041", "patientId": stage.patient.name, "values": values }],
    });
    let body = results.to_string();
    let genuine = Webhook::new(&stage.folder.laboratory_secret)?;
    let forger = Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;

    let refused = deliver(stage, &forger, "msg_forged", &body)?;
    line("forged", format!("signed with another secret: {}, {}", refused.status, text_at(&refused.body, "/code")));
    stage.check(refused.status == 401, format!("a forged delivery is answered {}", refused.body));
    let taken = deliver(stage, &genuine, "msg_1", &body)?;
    line("genuine", format!("stored, then answered {} with {}", taken.status, taken.body));
    stage.check(taken.status == 202 && taken.body == json!({ "accepted": 1 }), "its answer is not the handler's");
    let again = deliver(stage, &genuine, "msg_1", &body)?;
    line("again", format!("{}, the same answer: the delivery is known and nothing is decided twice", again.status));
    stage.check(again == taken, format!("a repeated delivery is answered {} {}", again.status, again.body));

    let frame = stage
        .doctor
        .hear("review", |frame| text_at(frame, "/code") == RESULTS.code && text_at(frame, "/state") == "requested")?;
    line("review", format!("{} sees it: {}", stage.doctor.name, text_at(&frame, "/reasoning")));
    let decision_id = text_at(&frame, "/decisionId").to_owned();
    stage.decision(&decision_id, &RESULTS)?;
    Ok(decision_id)
}

fn deliver(stage: &Stage<'_>, signing: &Webhook, id: &str, body: &str) -> Result<Answer> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs();
    let signature = signing.sign(id, i64::try_from(now)?, body.as_bytes())?;
    let headers =
        [("webhook-id", id), ("webhook-timestamp", &now.to_string()), ("webhook-signature", signature.as_str())];
    stage.program.post(&format!("/webhooks/{CLINIC}/lab-results"), &headers, body)
}
