//! Node `extract`: reads the number of guests, day, time and name, together with what the guest said before.

use restaurant::booking::{self, Request};
use restaurant::channels::Conversation;
use restaurant::intent::Intent;
use restaurant::place;
use signalbox_sdk::prelude::*;

/// The channels that the node reads.
#[derive(Deserialize)]
pub struct State {
    intent: Intent,
    conversation: Option<Conversation>,
}

/// Reads the request for a table.
#[decision_node]
pub fn extract(context: &Context, state: State) -> Result<Step, Failure> {
    let conversation = state.conversation.unwrap_or_default();
    let request = match state.intent {
        Intent::Booking => read(context, &conversation.request, &conversation)?,
        // A cancellation names a booked table, not the one that the conversation is about.
        Intent::Cancel => read(context, &Request::default(), &Conversation::default())?,
        _ => conversation.request,
    };
    let step = Step::new().update("request", &request)?;
    if !matches!(state.intent, Intent::Booking | Intent::Cancel) {
        return Ok(step);
    }
    let heard: Vec<&str> = request.heard.iter().map(|detail| detail.name()).collect();
    let note = if heard.is_empty() { "heard no detail".to_owned() } else { format!("heard {}", heard.join(", ")) };
    Ok(step.update("notes", &note)?)
}

fn read(context: &Context, before: &Request, conversation: &Conversation) -> Result<Request, Failure> {
    let (now, hours) = (place::now(context)?, place::hours(context)?);
    Ok(booking::read(context.text()?, now, &hours, before, conversation.awaited))
}

#[cfg(test)]
mod tests;
