//! Builds one record of a run: verdict, answers and effects, which are stored together or not at all.

use std::sync::Arc;
use std::time::Duration;

use signalbox_model::{
    AgentAction, AgentOutput, AgentResponse, DEAD_LETTER, DecisionModel, JsonObject, MessageModel, Outcome,
    OutputMetadata, Review, Timestamp, action_id, response_id,
};
use signalbox_sandbox::{Generation, Verdict};
use signalbox_store::{AcceptedInput, DecisionRecord, Effect, EffectKind, SessionUpdate, StoreError};

use crate::context::DecisionStart;
use crate::run::{FinishedRun, RunFailure, RunResult};

/// The decision code and type of an input whose decision failed.
const FAILED_CODE: &str = "processing.failed";
const FAILED_TYPE: &str = "error";

/// Everything that a record is built from.
pub(crate) struct RecordDraft<'a> {
    pub decision_id: &'a str,
    pub journal_id: String,
    pub accepted: &'a AcceptedInput,
    pub start: DecisionStart,
    pub generation: &'a Generation,
    pub session_lifetime: Duration,
    pub review_expires_after: Duration,
    pub processing_time: Duration,
    pub now: Timestamp,
    /// Whether responses to people are effects too, which may go to the fallback topic.
    pub responses_are_effects: bool,
}

/// A record, and the message models whose use is counted once it is stored.
pub(crate) struct WrittenRecord {
    pub record: DecisionRecord,
    pub models: Vec<Arc<MessageModel>>,
}

/// The most steps of its path that the record of a decision keeps when the whole decision does not fit into the store.
const STEPS_KEPT: usize = 200;

impl WrittenRecord {
    /// Replaces a record that does not fit into the store by one that says so and has no effects.
    pub fn too_large(mut self, error: &StoreError) -> Self {
        let Verdict { code, decision_type, confidence, reasoning, .. } = failed(format!(
            "what the graph's nodes gave is too large to keep: {error}; let them say and cause less, or keep it in a table"
        ));
        let DecisionRecord { decision, output, session, review, effects, .. } = &mut self.record;
        (decision.decision_code, output.decision_code) = (code.clone(), code);
        (decision.decision_type, output.decision_type) = (decision_type.clone(), decision_type);
        (decision.reasoning, output.reasoning) = (reasoning.clone(), reasoning);
        (decision.confidence, output.confidence) = (confidence, confidence);
        decision.outcome = Outcome::Failed;
        decision.context.session_data = None;
        output.actions.clear();
        output.responses.clear();
        output.requires_human_review = false;
        output.metadata.plugin = None;
        output.metadata.path.truncate(STEPS_KEPT);
        (*session, *review) = (None, None);
        effects.clear();
        self.models.clear();
        self
    }
}

impl RecordDraft<'_> {
    /// The record of a run.
    pub fn write(self, ran: RunResult) -> WrittenRecord {
        let RunResult { result, path, tokens, .. } = ran;
        let (given, failure) = match result.and_then(Contributions::from_run) {
            Ok(given) => (given, None),
            Err(failure) => (Contributions::none(&failure), Some(failure)),
        };
        let Contributions { verdict, actions, responses, effects, models, session } = given;
        let outcome = match (&failure, verdict.requires_human_review) {
            (Some(_), _) => Outcome::Failed,
            (None, true) => Outcome::ReviewPending,
            (None, false) => Outcome::Decided,
        };
        let actions = self.actions(actions);
        let mut effects = self.effects(&actions, effects, outcome);
        let responses = self.responses(responses);
        if self.responses_are_effects {
            effects.extend(response_effects(&responses));
        }
        let metadata = OutputMetadata {
            generation: self.generation.digest.to_string(),
            bundle_version: self.generation.version.clone(),
            path,
            journal_id: self.journal_id,
            tokens,
            plugin: verdict.metadata,
        };
        let input = &self.accepted.input;
        // An empty session is written only over a stored one; the next message then starts a new conversation.
        let remembered = self.start.model.session_data.is_some();
        let session = session.filter(|data| remembered || !data.is_empty()).and_then(|data| {
            let expires_at = self.now.checked_add(self.session_lifetime).ok()?;
            Some(SessionUpdate { user_id: input.user_id.clone()?, data, expires_at })
        });
        let decision = DecisionModel {
            id: self.decision_id.to_owned(),
            business_id: input.business_id.clone(),
            decision_code: verdict.code.clone(),
            decision_type: verdict.decision_type.clone(),
            reasoning: verdict.reasoning.clone(),
            confidence: verdict.confidence,
            outcome,
            business_type: self.start.business.business_type.clone(),
            location_id: input.location_id.clone(),
            created_at: self.now,
            metadata: failure.as_ref().and_then(dead_letter),
            context: self.start.model,
        };
        let output = AgentOutput {
            id: self.decision_id.to_owned(),
            input_id: input.id.clone(),
            decision_code: verdict.code,
            decision_type: verdict.decision_type,
            confidence: verdict.confidence,
            reasoning: verdict.reasoning,
            actions,
            responses,
            requires_human_review: verdict.requires_human_review,
            processing_time: u64::try_from(self.processing_time.as_millis()).unwrap_or(u64::MAX),
            metadata,
        };
        let review = (outcome == Outcome::ReviewPending).then(|| Review {
            requested_at: self.now,
            expires_at: self.now.checked_add(self.review_expires_after).ok(),
            resolution: None,
        });
        let reply = self.accepted.reply.clone();
        let record = DecisionRecord { decision, output, reply, session, review, effects, lease: None };
        WrittenRecord { record, models }
    }

    fn actions(&self, actions: Vec<signalbox_sandbox::NewAction>) -> Vec<AgentAction> {
        let numbered = actions.into_iter().enumerate();
        numbered
            .map(|(index, action)| AgentAction {
                id: action_id(self.decision_id, index),
                action_type: action.action_type,
                target: action.target,
                payload: action.payload,
                priority: action.priority,
                execute_at: action.execute_at,
                retry_policy: action.retry_policy,
            })
            .collect()
    }

    /// The effects, numbered: first those of the actions, then those that capabilities queued.
    fn effects(&self, actions: &[AgentAction], asked: Vec<EffectKind>, outcome: Outcome) -> Vec<Effect> {
        let actions = actions.iter().cloned().map(EffectKind::Action);
        let numbered = actions.chain(asked).enumerate();
        numbered.map(|(index, kind)| new_effect(action_id(self.decision_id, index), kind, outcome)).collect()
    }

    fn responses(&self, responses: Vec<crate::render::Rendered>) -> Vec<AgentResponse> {
        let numbered = responses.into_iter().enumerate();
        numbered
            .map(|(index, response)| AgentResponse {
                id: response_id(self.decision_id, index),
                target: response.target,
                recipient: response.recipient,
                content: response.content,
                timestamp: self.now,
            })
            .collect()
    }
}

/// An effect as it is stored at first. A review withholds all but notifications, because those tell reviewers that
/// there is something to review.
fn new_effect(id: String, kind: EffectKind, outcome: Outcome) -> Effect {
    match (&kind, outcome) {
        (EffectKind::Notification { .. }, _) | (_, Outcome::Decided) => Effect::pending(id, kind),
        _ => Effect::withheld(id, kind),
    }
}

/// The responses to people as effects under their own ids. No review withholds them.
fn response_effects(responses: &[AgentResponse]) -> impl Iterator<Item = Effect> {
    let to_people = responses.iter().filter(|response| response.target.reaches_people());
    to_people
        .map(|response| Effect::pending(&response.id, EffectKind::Response { recipient: response.recipient.clone() }))
}

/// The mark of an input that the host has given up: it is not decided again, and an operator has to look at it.
fn dead_letter(failure: &RunFailure) -> Option<JsonObject> {
    match failure {
        RunFailure::EndedTheHost { attempts } => {
            let mark = serde_json::json!({ DEAD_LETTER: { "reason": "ended_the_host", "attempts": attempts } });
            mark.as_object().cloned()
        }
        _ => None,
    }
}

/// The contributions of all nodes together.
struct Contributions {
    verdict: Verdict,
    actions: Vec<signalbox_sandbox::NewAction>,
    responses: Vec<crate::render::Rendered>,
    effects: Vec<EffectKind>,
    models: Vec<Arc<MessageModel>>,
    session: Option<JsonObject>,
}

impl Contributions {
    /// The last verdict in merge order wins; the other contributions are concatenated.
    fn from_run(finished: FinishedRun) -> Result<Self, RunFailure> {
        let (mut verdict, mut actions, mut responses, mut effects) = (None, Vec::new(), Vec::new(), Vec::new());
        let mut models = Vec::new();
        for (_, mut contribution) in finished.contributions {
            models.append(&mut contribution.models);
            verdict = contribution.verdict.take().or(verdict);
            actions.append(&mut contribution.actions);
            responses.append(&mut contribution.responses);
            effects.append(&mut contribution.effects);
        }
        let verdict = verdict.ok_or(RunFailure::NoVerdict)?;
        models.extend(responses.iter().filter_map(|response| response.model.clone()));
        Ok(Self { verdict, actions, responses, effects, models, session: Some(finished.session) })
    }

    /// A failed run has no answers and no effects; only the reason of the failure is kept.
    fn none(failure: &RunFailure) -> Self {
        let verdict = failed(failure.to_string());
        let (actions, responses, effects, models) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { verdict, actions, responses, effects, models, session: None }
    }
}

fn failed(reasoning: String) -> Verdict {
    Verdict {
        code: FAILED_CODE.to_owned(),
        decision_type: FAILED_TYPE.to_owned(),
        confidence: 0.0,
        reasoning,
        requires_human_review: false,
        metadata: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use signalbox_store::{EffectState, Wider};

    use super::*;

    #[test]
    fn a_review_withholds_actions_records_and_schedules_and_no_message_of_a_plugin_to_people() {
        let action = json!({
            "id": "act_1", "type": "notification", "target": "user:ana", "payload": {}, "priority": "low"
        });
        let state = |kind: &EffectKind, outcome| new_effect("act_1".to_owned(), kind.clone(), outcome).state;
        for kind in [
            EffectKind::Action(serde_json::from_value(action).unwrap()),
            EffectKind::KafkaRecord { topic: "orders".to_owned(), key: None, value: vec![1], headers: vec![] },
            EffectKind::CancelSchedule { name: "daily".to_owned() },
        ] {
            assert_eq!(state(&kind, Outcome::ReviewPending), EffectState::Withheld, "{kind:?}");
            assert_eq!(state(&kind, Outcome::Decided), EffectState::Pending, "{kind:?}");
        }
        let message = EffectKind::Notification {
            user_id: Some("ana".to_owned()),
            location_id: None,
            permission: None,
            wider: Wider::default(),
            content: JsonObject::new(),
        };
        assert_eq!(state(&message, Outcome::ReviewPending), EffectState::Pending);
    }

    #[test]
    fn a_response_to_a_person_is_an_effect_under_its_own_id_and_one_to_a_program_is_none() {
        let responses = ["websocket", "api", "notification"].map(|target| {
            let response = json!({
                "id": format!("rsp_{target}"), "target": target, "recipient": "ana", "content": {"text": "done"},
                "timestamp": "2026-01-01T00:00:00Z"
            });
            serde_json::from_value::<AgentResponse>(response).unwrap()
        });
        let effects: Vec<_> = response_effects(&responses).collect();
        let expected = ["rsp_websocket", "rsp_notification"]
            .map(|id| Effect::pending(id, EffectKind::Response { recipient: "ana".to_owned() }));
        assert_eq!(effects, expected);
    }
}
