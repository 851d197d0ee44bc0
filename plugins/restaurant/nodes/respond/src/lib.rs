//! Node `respond`: answers the message, and stores what the next one needs.
//!
//! It waits for both branches of the graph. The texts come from message models, in the language of the guest; the
//! parameters come from the outcome of a booking, or from the facts that were looked up.

use restaurant::booking::{Detail, Request};
use restaurant::calendar;
use restaurant::channels::{Conversation, Facts, Outcome};
use restaurant::intent::Intent;
use restaurant::language::{self, Language};
use restaurant::portal;
use signalbox_sdk::prelude::*;

/// The channels that the node reads. After a failure some may be missing.
#[derive(Deserialize)]
pub struct State {
    language: Option<Language>,
    intent: Option<Intent>,
    certainty: Option<f64>,
    #[serde(default)]
    request: Request,
    #[serde(default)]
    facts: Facts,
    outcome: Option<Outcome>,
    #[serde(default)]
    notes: Vec<String>,
}

/// Answers the guest.
#[decision_node]
pub fn respond(context: &Context, state: State) -> Result<Step, Failure> {
    let language = state.language.unwrap_or_else(|| language::of_locale(&context.business.locale));
    let outcome = match &state.outcome {
        Some(outcome) => outcome.clone(),
        None => from_facts(context, &state, language)?,
    };
    let mut notes = state.notes.clone();
    notes.push(outcome.reasoning.clone());
    let mut step = Step::new();
    if context.input.input_type == InputType::UserMessage {
        let answer = Response::template(&outcome.code, outcome.data.clone()).locale(language.tag());
        step = step.update("conversation", &remember(&state, &outcome, language))?.respond(answer);
    } else if let Ok(Some(booking)) = portal::Booking::of(context) {
        // A portal gets its answer as a resource action, like other services.
        step = step.act(Action::resource("portal-booking", booking.answer(&outcome.code, &outcome.data)));
    }
    if !outcome.decided {
        let mut verdict = Verdict::new(outcome.code, outcome.decision_type)
            .confidence(confidence(&state))
            .reasoning(notes.join("; "));
        if outcome.review {
            verdict = verdict.needs_review();
        }
        step = step.decide(verdict);
    }
    Ok(step)
}

/// An answer to a question, or a question for a missing detail.
fn from_facts(context: &Context, state: &State, language: Language) -> Result<Outcome, Failure> {
    let facts = &state.facts;
    let contact = || {
        json!({
            "business": context.business.name,
            "address": facts.address.as_deref().unwrap_or_default(),
            "phone": facts.phone.as_deref().unwrap_or_default(),
        })
    };
    Ok(match state.intent.unwrap_or(Intent::Unclear) {
        Intent::Booking => ask(&state.request, language),
        Intent::Hours => match &facts.hours {
            Some(hours) => {
                let code = if hours.day.is_some() { "hours.day" } else { "hours.week" };
                let asked = hours.day.as_ref().map_or("the week", |day| &day.name);
                let reasoning = format!("hours of {asked}");
                let data = json!({
                    "day": hours.day,
                    "week": hours.week,
                    "open_now": hours.open_now,
                    "changes_at": hours.changes_at.as_deref().unwrap_or_default(),
                });
                Outcome::new(code, data, reasoning)
            }
            None => Outcome::new("info.contact", contact(), "the hours could not be looked up"),
        },
        Intent::Menu => match &facts.menu {
            Some(menu) if !menu.dishes.is_empty() => {
                let code = if menu.restricted { "menu.matches" } else { "menu.all" };
                let reasoning = format!("{} dishes fit the question", menu.total);
                Outcome::new(code, json!({ "dishes": menu.dishes, "total": menu.total }), reasoning)
            }
            Some(_) => Outcome::new("menu.none", contact(), "no dish fits the question"),
            None => Outcome::new("info.contact", contact(), "the menu could not be looked up"),
        },
        Intent::Contact => Outcome::new("info.contact", contact(), "asked for address or telephone"),
        Intent::Greeting => {
            Outcome::new("chat.greeting", json!({ "business": context.business.name }), "only a greeting")
        }
        Intent::Cancel | Intent::Complaint | Intent::Person | Intent::Unclear => {
            Outcome::new("chat.unclear", contact(), "no rule knows what is wanted")
        }
    })
}

/// The question for the next detail, with the known details; unknown ones are empty, because a template takes no absent
/// parameter.
fn ask(request: &Request, language: Language) -> Outcome {
    let missing = request.missing().unwrap_or(Detail::Date);
    let day = request.moment().map(|moment| moment.date()).or(request.date);
    let data = json!({
        "missing": missing,
        "guests": request.guests.unwrap_or(0),
        "day": day.map(|day| calendar::day_name(day, language)).unwrap_or_default(),
        "time": request.time.map(|time| time.strftime("%H:%M").to_string()).unwrap_or_default(),
        "impossible_day": request.impossible_day.as_deref().unwrap_or_default(),
        "impossible_time": request.impossible_time.as_deref().unwrap_or_default(),
        "unclear_guests": request.unclear_guests.as_deref().unwrap_or_default(),
    });
    Outcome::new("booking.details-needed", data, format!("still to know: {}", missing.name())).awaits(missing)
}

/// The conversation for this guest's next message.
fn remember(state: &State, outcome: &Outcome, language: Language) -> Conversation {
    let mut request = if outcome.settled { Request::default() } else { state.request.clone() };
    request.heard.clear();
    (request.impossible_day, request.impossible_time, request.unclear_guests) = (None, None, None);
    if outcome.decision_type == "booking" {
        request.service_day = outcome.service_day;
    }
    request.complete = false;
    // A detail that the restaurant could not serve must be asked again; the others are kept.
    match outcome.awaited {
        Some(Detail::Time) => request.time = None,
        Some(Detail::Date) if outcome.code != "booking.details-needed" => request.date = None,
        _ => {}
    }
    // A question in between does not make the guest start over: the detail asked for before is still awaited.
    let still_open = request != Request::default() && !outcome.settled && outcome.awaited.is_none();
    let awaited = if still_open { request.missing() } else { outcome.awaited };
    Conversation { language: Some(language), request, awaited }
}

/// The confidence of the understanding; acting on rows and rules adds to it.
fn confidence(state: &State) -> f64 {
    let certainty = state.certainty.unwrap_or(0.3).clamp(0.0, 1.0);
    let confidence = if state.outcome.is_some() { 0.5 + certainty / 2.0 } else { certainty };
    (confidence * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests;
