//! Calls every function of `signalbox:rag`.

use signalbox_sdk::prelude::*;
use signalbox_sdk::rag::{Error, MessageModel, PastDecision};

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
enum Call {
    GetMessageModel { code: String, version: Option<String>, locale: Option<String> },
    ListMessageModelVersions { code: String },
    FindSimilarDecisions { code: String, limit: u32 },
    GetContext { code: String },
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::GetMessageModel { code, version, locale } => {
            let found = rag::get_message_model(&code, version.as_deref(), locale.as_deref());
            probe::outcome(found.map(|found| found.as_ref().map(model)), Error::retryable)
        }
        Call::ListMessageModelVersions { code } => {
            let models = rag::list_message_model_versions(&code);
            probe::outcome(models.map(|models| models.iter().map(model).collect::<Vec<_>>()), Error::retryable)
        }
        Call::FindSimilarDecisions { code, limit } => {
            let similar = rag::find_similar_decisions(&code, limit);
            probe::outcome(similar.map(|similar| similar.iter().map(past).collect::<Vec<_>>()), Error::retryable)
        }
        Call::GetContext { code } => {
            let context = rag::get_context(&code).map(|context| {
                json!({
                    "code": context.decision_code, "model": context.message_model.as_ref().map(model),
                    "similar": context.similar_decisions.iter().map(past).collect::<Vec<_>>(),
                    "business": context.business_context.as_str(), "confidence": context.confidence,
                })
            });
            probe::outcome(context, Error::retryable)
        }
    })
}

fn model(model: &MessageModel) -> Value {
    json!({
        "code": model.decision_code, "version": model.version, "template": model.message_template,
        "parameters": model.parameters, "locale": model.locale, "location": model.location_context,
    })
}

fn past(past: &PastDecision) -> Value {
    json!({
        "id": past.id, "code": past.decision_code, "type": past.decision_type, "confidence": past.confidence,
        "reasoning": past.reasoning, "outcome": past.outcome, "sameBusiness": past.same_business,
    })
}
