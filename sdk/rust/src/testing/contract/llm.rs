//! The model gives the test's answers, in order.

use super::current;
pub use crate::bindings::capabilities::signalbox::llm::llm::{Completion, Error, FinishReason, Message, Request};

pub fn complete(request: &Request) -> Result<Completion, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("llm", "complete", &request.model);
    if !memory.granted("llm", &request.model) {
        return Err(Error::Denied(format!("the grant does not name the model `{}`", request.model)));
    }
    let last_one_stays = memory.llm_answers.len() == 1;
    let answer = match memory.llm_answers.front().cloned() {
        Some(answer) => answer,
        None => return Err(Error::NotConfigured),
    };
    if !last_one_stays {
        memory.llm_answers.pop_front();
    }
    let text = answer?;
    if request.response_schema.is_some() && serde_json::from_str::<serde_json::Value>(&text).is_err() {
        return Err(Error::MalformedAnswer("the answer is not JSON".to_owned()));
    }
    let sent: usize = request.messages.iter().map(|message| message.content.len()).sum();
    Ok(Completion {
        finish_reason: FinishReason::Stop,
        input_tokens: u32::try_from(sent / 4).unwrap_or(u32::MAX),
        output_tokens: u32::try_from(text.len() / 4).unwrap_or(u32::MAX),
        model: request.model.clone(),
        text,
    })
}
