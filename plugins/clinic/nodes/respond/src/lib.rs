//! Node `respond`: answers the message or request, and stores what the next message needs. The texts come from message
//! models; the node itself says nothing medical.

use clinic::calendar;
use clinic::channels::{Awaited, Conversation, Outcome};
use clinic::intent::Intent;
use clinic::language::{self, Language};
use clinic::place;
use jiff::Span;
use signalbox_sdk::ResponseTarget;
use signalbox_sdk::prelude::*;

/// The channels that the node reads. After a failure some may be missing.
#[derive(Deserialize)]
pub struct State {
    language: Option<Language>,
    intent: Option<Intent>,
    certainty: Option<f64>,
    outcome: Option<Outcome>,
    conversation: Option<Conversation>,
    #[serde(default)]
    notes: Vec<String>,
}

/// Answers the sender; webhooks and schedules have none.
#[decision_node]
pub fn respond(context: &Context, state: State) -> Result<Step, Failure> {
    let language = state.language.unwrap_or_else(|| language::of_locale(&context.business.locale));
    let outcome = match &state.outcome {
        Some(outcome) => outcome.clone(),
        None => from_settings(context, &state, language)?,
    };
    let mut step = Step::new();
    let answer = Response::template(&outcome.code, outcome.data.clone()).locale(language.tag());
    match context.input.input_type {
        InputType::UserMessage => {
            step = step.update("conversation", &remember(&state, &outcome, language))?.respond(answer);
        }
        InputType::ApiRequest => step = step.respond(answer.via(ResponseTarget::Api)),
        _ => {}
    }
    if !outcome.decided {
        let mut notes = state.notes.clone();
        notes.push(outcome.reasoning.clone());
        let verdict = Verdict::new(outcome.code, outcome.decision_type)
            .confidence(confidence(&state))
            .reasoning(notes.join("; "));
        step = step.decide(verdict);
    }
    Ok(step)
}

/// An answer to a question about the clinic.
fn from_settings(context: &Context, state: &State, language: Language) -> Result<Outcome, Failure> {
    let contact = || -> Result<Value, Failure> {
        Ok(json!({
            "business": context.business.name,
            "address": context.setting::<String>("address")?.unwrap_or_default(),
            "phone": place::phone(context)?,
        }))
    };
    let asked_when = state.conversation.as_ref().and_then(|conversation| conversation.awaited);
    Ok(match state.intent.unwrap_or(Intent::Unclear) {
        Intent::Hours => {
            let (hours, today) = (place::hours(context)?, place::now(context)?.date());
            let week = (0..7).filter_map(|days| today.checked_add(Span::new().days(days)).ok()).map(|day| {
                let windows: Vec<String> = hours.on(day).iter().map(ToString::to_string).collect();
                json!({ "name": calendar::day_name(day, language), "windows": windows })
            });
            Outcome::new("hours.week", json!({ "week": week.collect::<Vec<_>>() }), "hours of the week")
        }
        Intent::Contact => Outcome::new("info.contact", contact()?, "asked for address or telephone"),
        Intent::Greeting => {
            let data = json!({ "business": context.business.name });
            Outcome::new("chat.greeting", data, "only a greeting")
        }
        Intent::Refusal if asked_when == Some(Awaited::Agreement) => {
            Outcome::new("appointment.declined", json!({}), "the slot does not suit").awaits(Awaited::When)
        }
        Intent::Refusal if asked_when.is_some() => {
            Outcome::new("chat.declined", contact()?, "no appointment is wanted")
        }
        _ => Outcome::new("chat.unclear", contact()?, "no rule knows what is wanted"),
    })
}

/// The conversation for this patient's next message. An offer stays until it is agreed to, refused or replaced.
fn remember(state: &State, outcome: &Outcome, language: Language) -> Conversation {
    let before = state.conversation.clone().unwrap_or_default();
    let in_between = matches!(outcome.code.as_str(), "hours.week" | "info.contact" | "chat.greeting" | "chat.unclear");
    let (offer, awaited) =
        if in_between { (before.offer, before.awaited) } else { (outcome.offer.clone(), outcome.awaited) };
    let settled = outcome.code == "appointment.confirmed";
    let speciality = outcome.speciality.or(before.speciality).filter(|_| !settled);
    Conversation { language: Some(language), speciality, offer, awaited }
}

/// The confidence of the understanding; acting on rows and rules adds to it.
fn confidence(state: &State) -> f64 {
    let certainty = state.certainty.unwrap_or(0.3).clamp(0.0, 1.0);
    let confidence = if state.outcome.is_some() { 0.5 + certainty / 2.0 } else { certainty };
    (confidence * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests;
