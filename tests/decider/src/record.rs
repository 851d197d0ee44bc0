use jiff::SignedDuration;
use signalbox_model::{
    ActionType, AgentAction, AgentContext, AgentOutput, AgentResponse, BusinessInfo, DecisionModel, JsonObject,
    Outcome, OutputMetadata, Priority, ResponseContent, ResponseTarget, Review, Source, Timestamp, action_id,
    response_id,
};
use signalbox_store::{AcceptedInput, DecisionRecord, Effect, EffectKind, Wider};

/// The record of a graph with one node `echo`; see [`crate::ScriptedDecider`] for the texts.
pub(crate) fn record(id: &str, accepted: AcceptedInput, text: &str, business: BusinessInfo) -> DecisionRecord {
    let AcceptedInput { input, permissions, reply, .. } = accepted;
    let now = Timestamp::now();
    let (failed, reviewed) = (text == "fail", text.starts_with("review"));
    let (code, outcome) = match (failed, reviewed) {
        (true, _) => ("FAILED", Outcome::Failed),
        (_, true) => ("ECHO", Outcome::ReviewPending),
        _ => ("ECHO", Outcome::Decided),
    };
    let target = if input.source == Source::ExternalApi { ResponseTarget::Api } else { ResponseTarget::Websocket };
    let response = (!failed).then(|| AgentResponse {
        id: response_id(id, 0),
        target,
        recipient: input.user_id.clone().unwrap_or_default(),
        content: ResponseContent { text: Some(format!("re: {text}")), ..ResponseContent::default() },
        timestamp: now,
    });
    let content = JsonObject::from_iter([("news".to_owned(), text.into())]);
    let action = reviewed.then(|| action(id, &content));
    let notification = |user_id: Option<&str>, permission: Option<&str>| EffectKind::Notification {
        user_id: user_id.map(str::to_owned),
        location_id: input.location_id.clone(),
        permission: permission.map(str::to_owned),
        wider: Wider::default(),
        content: content.clone(),
    };
    let effect = match (text.split_once(':'), &action) {
        (_, Some(action)) => Some(Effect::withheld(action.id.clone(), EffectKind::Action(action.clone()))),
        (Some(("notify", user)), _) => Some(Effect::pending(action_id(id, 0), notification(Some(user), None))),
        (Some(("broadcast", permission)), _) => {
            Some(Effect::pending(action_id(id, 0), notification(None, Some(permission))))
        }
        _ if text == "broadcast" => Some(Effect::pending(action_id(id, 0), notification(None, None))),
        _ => None,
    };
    let review = reviewed.then(|| Review {
        requested_at: now,
        expires_at: Some(if text == "review:expired" { now } else { now + SignedDuration::from_hours(1) }),
        resolution: None,
    });
    let reasoning = if failed { "node `echo` failed" } else { "it was asked" };
    DecisionRecord {
        output: AgentOutput {
            id: id.to_owned(),
            input_id: input.id.clone(),
            decision_code: code.to_owned(),
            decision_type: "echo".to_owned(),
            confidence: 1.0,
            reasoning: reasoning.to_owned(),
            actions: action.into_iter().collect(),
            responses: response.into_iter().collect(),
            requires_human_review: reviewed,
            processing_time: 0,
            metadata: OutputMetadata::default(),
        },
        decision: DecisionModel {
            id: id.to_owned(),
            business_id: input.business_id.clone(),
            decision_code: code.to_owned(),
            decision_type: "echo".to_owned(),
            reasoning: reasoning.to_owned(),
            confidence: 1.0,
            outcome,
            business_type: business.business_type.clone(),
            location_id: input.location_id.clone(),
            created_at: now,
            metadata: None,
            context: AgentContext {
                input,
                business_info: business,
                location_info: None,
                user_permissions: Some(permissions),
                session_data: None,
                rag_context: None,
            },
        },
        reply,
        session: None,
        review,
        effects: effect.into_iter().collect(),
        lease: None,
    }
}

/// News for ana, withheld until a person approves.
fn action(decision_id: &str, payload: &JsonObject) -> AgentAction {
    AgentAction {
        id: action_id(decision_id, 0),
        action_type: ActionType::Notification,
        target: "user:ana".to_owned(),
        payload: payload.clone(),
        priority: Priority::default(),
        execute_at: None,
        retry_policy: None,
    }
}
