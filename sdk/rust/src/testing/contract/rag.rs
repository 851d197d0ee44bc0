//! Message models and past decisions are those that the test gave.

use super::current;
pub use crate::bindings::capabilities::signalbox::rag::rag::{Error, MessageModel, PastDecision, RagContext};

pub fn get_message_model(
    decision_code: &str,
    version: Option<&str>,
    locale: Option<&str>,
) -> Result<Option<MessageModel>, Error> {
    let mut models = models("get-message-model", decision_code)?;
    models.retain(|model| version.is_none_or(|version| model.version == version));
    let rank = |model: &MessageModel| match (model.locale.as_deref(), locale) {
        (Some(of_model), Some(wanted)) if of_model == wanted => 3,
        (Some(of_model), Some(wanted)) if language(of_model) == language(wanted) => 2,
        (None, _) => 1,
        _ => 0,
    };
    models.retain(|model| locale.is_none() || rank(model) > 0);
    Ok(models.into_iter().max_by_key(rank))
}

pub fn list_message_model_versions(decision_code: &str) -> Result<Vec<MessageModel>, Error> {
    models("list-message-model-versions", decision_code)
}

pub fn find_similar_decisions(decision_code: &str, limit: u32) -> Result<Vec<PastDecision>, Error> {
    if !(1..=20).contains(&limit) {
        return Err(Error::Invalid(format!("the limit {limit} is not from 1 to 20")));
    }
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("rag", "find-similar-decisions", decision_code);
    fail_if_told!(memory, rag);
    let newest_first = memory.past_decisions.iter().rev();
    let similar = newest_first.filter(|decision| decision.decision_code == decision_code);
    Ok(similar.take(limit as usize).cloned().collect())
}

pub fn get_context(decision_code: &str) -> Result<RagContext, Error> {
    let message_model = get_message_model(decision_code, None, None)?;
    let similar_decisions = find_similar_decisions(decision_code, 5)?;
    let model_weight = if message_model.is_some() { 0.5 } else { 0.0 };
    Ok(RagContext {
        decision_code: decision_code.to_owned(),
        confidence: model_weight + 0.1 * similar_decisions.len() as f64,
        message_model,
        similar_decisions,
        business_context: "{}".to_owned(),
    })
}

fn models(function: &'static str, decision_code: &str) -> Result<Vec<MessageModel>, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("rag", function, decision_code);
    fail_if_told!(memory, rag);
    Ok(memory.message_models.iter().filter(|model| model.decision_code == decision_code).cloned().collect())
}

fn language(locale: &str) -> &str {
    locale.split('-').next().unwrap_or(locale)
}
