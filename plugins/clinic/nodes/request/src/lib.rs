//! Node `request`: reads which appointment a patient's message or a program's data asks for.

use clinic::channels::{Conversation, Outcome};
use clinic::intent::Intent;
use clinic::language::{self, Language};
use clinic::place;
use clinic::request::{self, ApiAction, ApiRequest, Refusal, Request};
use signalbox_sdk::prelude::*;

/// The permission to act for other patients.
const FOR_OTHERS: &str = "appointments";

/// The channels that the node reads.
#[derive(Deserialize)]
pub struct State {
    conversation: Option<Conversation>,
}

/// Reads the request.
#[decision_node]
pub fn request(context: &Context, state: State) -> Result<Step, Failure> {
    match context.input.input_type {
        InputType::ApiRequest => of_program(context),
        _ => of_patient(context, &state.conversation.unwrap_or_default()),
    }
}

fn of_patient(context: &Context, conversation: &Conversation) -> Result<Step, Failure> {
    let (now, hours, practitioners) = (place::now(context)?, place::hours(context)?, place::practitioners(context)?);
    let request = request::read(context.text()?, now, &hours, &practitioners, conversation, place::sender(context));
    Ok(Step::new().update("request", &request)?)
}

fn of_program(context: &Context) -> Result<Step, Failure> {
    let (asked, language) = match context.input.content.data.as_ref().map(signalbox_sdk::Json::read::<ApiRequest>) {
        Some(Ok(asked)) => {
            let language = asked.language;
            (Ok(asked), language)
        }
        Some(Err(error)) => (Err(error.to_string()), None),
        None => (Err("the request has no data; give an object with `action`: book, cancel or slots".to_owned()), None),
    };
    let language: Language = language.unwrap_or_else(|| language::of_locale(&context.business.locale));
    let step = Step::new().update("language", &language)?.update("certainty", &1.0)?;
    let practitioners = place::practitioners(context)?;
    let checked = asked.map_err(|reason| Refusal { kind: "invalid", reason }).and_then(|asked| {
        let sender = context.input.user_id.as_deref();
        let request = request::of_program(&asked, sender, context.may(FOR_OTHERS), &practitioners)?;
        Ok((asked.action, request))
    });
    match checked {
        Ok((action, request)) => {
            let intent = if action == ApiAction::Cancel { Intent::Cancel } else { Intent::Appointment };
            let note = format!("a program asks to {action:?} for {}", request.patient);
            Ok(step.update("intent", &intent)?.update("request", &request)?.update("notes", &note)?)
        }
        Err(Refusal { kind, reason }) => {
            let outcome = Outcome::new(&format!("request.{kind}"), json!({ "reason": reason }), &reason);
            Ok(step
                .update("intent", &Intent::Unclear)?
                .update("request", &Request::default())?
                .update("outcome", &outcome)?)
        }
    }
}

#[cfg(test)]
mod tests;
