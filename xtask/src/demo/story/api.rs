use anyhow::Result;
use serde_json::{Value, json};

use super::{Expected, PRACTICE, Stage, line};
use crate::demo::person::text_at;
use crate::demo::program::Answer;

const SLOTS: Expected = Expected {
    business: PRACTICE,
    code: "appointment.slots",
    outcome: "decided",
    source: "external_api",
    nodes: &["request", "respond"],
};
const BOOKED: Expected = Expected { code: "appointment.confirmed", ..SLOTS };

/// How many characters of an answer are shown: a list of free times is long.
const LONGEST: usize = 140;

pub fn tell(stage: &mut Stage<'_>) -> Result<()> {
    let asked = ask(stage, "demo-slots", &json!({ "action": "slots" }))?;
    told(stage, &asked, &SLOTS)?;
    let free = asked.body.pointer("/responses/0/content/data/slots/0");
    let (date, time) = (free.map_or("", |slot| text_at(slot, "/date")), free.map_or("", |slot| text_at(slot, "/time")));

    let book = json!({ "action": "book", "patient": "bob", "name": "Bob Hill", "date": date, "time": time });
    let booked = ask(stage, "demo-book", &book)?;
    told(stage, &booked, &BOOKED)?;
    let again = ask(stage, "demo-book", &book)?;
    line("again", format!("{} from the record: one key, one appointment", again.status));
    stage.check(again.replayed, "the repeated request was not answered from the record");
    stage.check(again.body == booked.body, format!("the repeated request is answered {}", again.body));
    Ok(())
}

fn ask(stage: &Stage<'_>, key: &str, data: &Value) -> Result<Answer> {
    let authorization = format!("Bearer {}", stage.token);
    let headers = [("authorization", authorization.as_str()), ("idempotency-key", key)];
    let body = json!({ "content": { "data": data } }).to_string();
    println!("\n       POST /v1/businesses/{PRACTICE}/inputs?wait=10 with {data}");
    stage.program.post(&format!("/v1/businesses/{PRACTICE}/inputs?wait=10"), &headers, &body)
}

fn told(stage: &mut Stage<'_>, answer: &Answer, expected: &Expected) -> Result<()> {
    let text = text_at(&answer.body, "/responses/0/content/text");
    let shown = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    };
    line("answer", format!("{}: “{shown}”", answer.status));
    stage.check(answer.status == 200, format!("the request is answered {}", answer.body));
    stage.decision(text_at(&answer.body, "/id"), expected)?;
    Ok(())
}
