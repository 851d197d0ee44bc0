//! The bodies of the API's requests and answers.

mod effect;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::LINK;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use signalbox_model::{
    ActionType, AgentAction, AgentResponse, Content, DecisionModel, EditedAction, InputType, Outcome, OutputMetadata,
    Resolution, ResponseTarget, Review, ReviewChoice, ReviewRequest, Timestamp,
};
use signalbox_store::{DecisionRecord, EffectKind, EffectState};

pub use effect::{DecisionEffect, DeliveredKind, DeliveryState, EffectPage, MessageHolder};

/// Something to decide.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputRequest {
    /// The place that the input is about.
    #[serde(default)]
    pub location_id: Option<String>,
    /// The input's content: `text` or `data`, and facts about it in `metadata`.
    #[serde(deserialize_with = "signalbox_model::written")]
    pub content: Content,
    /// The kind of input; `api_request` when unset.
    #[serde(rename = "type", default)]
    pub input_type: RequestType,
}

/// The kinds of input that the API takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestType {
    /// A program asks.
    #[default]
    ApiRequest,
    /// A person asks, through a program.
    UserMessage,
}

impl From<RequestType> for InputType {
    fn from(requested: RequestType) -> Self {
        match requested {
            RequestType::ApiRequest => Self::ApiRequest,
            RequestType::UserMessage => Self::UserMessage,
        }
    }
}

/// The state of an input.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputStatus {
    /// The input.
    pub input_id: String,
    /// The business it is for.
    pub business_id: String,
    /// The input's state.
    pub state: InputState,
    /// The decision on it, made or to come.
    pub decision_id: String,
    /// The id under which the host's logs tell more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// When the host accepted the input.
    pub accepted_at: Timestamp,
    /// When the input was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// The address of this state.
    pub href: String,
    /// The address of the decision; none until it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_href: Option<String>,
    /// The other inputs that the business's handler made of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<InputStatus>,
}

/// The state of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InputState {
    /// Stored; it will be decided, even if the host crashes.
    Accepted,
    /// Decided; the decision may still wait for a person, see its `outcome`.
    Decided,
    /// No decision came out; the decision's `reasoning` says why.
    Failed,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Its id.
    pub id: String,
    /// The business it is for.
    pub business_id: String,
    /// The place that the decision is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// The input that was decided.
    pub input_id: String,
    /// What was decided, in the bundle's vocabulary.
    pub decision_code: String,
    /// The kind of decision.
    pub decision_type: String,
    /// The decision's outcome.
    pub outcome: Outcome,
    /// From 0 to 1.
    pub confidence: f64,
    /// Why it was decided so; with the outcome `failed`, the correlation id under which the operator finds the cause.
    pub reasoning: String,
    /// The replies to people.
    pub responses: Vec<AgentResponse>,
    /// The effects of the decision outside the host.
    pub actions: Vec<AgentAction>,
    /// Whether its actions had to wait for a person.
    pub requires_human_review: bool,
    /// The review that the decision waits for, or has had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// How long it took, in milliseconds.
    pub processing_time: u64,
    /// How the decision was made.
    pub metadata: OutputMetadata,
    /// When it was made.
    pub created_at: Timestamp,
    /// The id under which the host's logs tell more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The decision's address.
    pub href: String,
}

impl Decision {
    /// The decision as its sender sees it who may not read all of the business's decisions: without the replies to
    /// others.
    pub fn for_sender(record: DecisionRecord, user_id: &str) -> Self {
        let mut decision = Self::from(record);
        decision.responses.retain(|response| response.target == ResponseTarget::Api || response.recipient == user_id);
        let to_sender = format!("user:{user_id}");
        decision.actions.retain(|action| action.action_type != ActionType::Notification || action.target == to_sender);
        decision
    }
}

impl From<DecisionRecord> for Decision {
    fn from(record: DecisionRecord) -> Self {
        let DecisionRecord { decision, mut output, review, .. } = record;
        let told = decision.told_failure();
        let DecisionModel { id, business_id, location_id, outcome, created_at, context, .. } = decision;
        // A failed run has no reasoning of its own.
        let reasoning = told.unwrap_or(output.reasoning);
        for step in &mut output.metadata.path {
            step.result = step.result.told();
        }
        Self {
            href: decision_href(&business_id, &id),
            id,
            business_id,
            location_id,
            input_id: output.input_id,
            decision_code: output.decision_code,
            decision_type: output.decision_type,
            outcome,
            confidence: output.confidence,
            reasoning,
            responses: output.responses,
            actions: output.actions,
            requires_human_review: output.requires_human_review,
            review,
            processing_time: output.processing_time,
            metadata: output.metadata,
            created_at,
            correlation_id: context.input.correlation_id,
        }
    }
}

/// A page of a business's decisions.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionPage {
    /// The decisions, in the requested order.
    pub items: Vec<Decision>,
    /// Pass it on as `cursor` for the next page; none at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A review of a decision that waits for a person.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewInput {
    /// What happens to the decision.
    pub verdict: ReviewChoice,
    /// The reason; kept in the decision's record.
    #[serde(default)]
    pub note: Option<String>,
    /// With `edit`, and only then: the actions that leave in place of the decision's own.
    #[serde(default)]
    pub actions: Option<Vec<EditedAction>>,
}

impl ReviewInput {
    /// The review as a request about this decision.
    pub fn into_request(self, decision_id: String) -> ReviewRequest {
        let Self { verdict, note, actions } = self;
        ReviewRequest { decision_id, verdict, note, actions }
    }
}

/// A decision that waits for a person, with the facts that the person needs to review it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingReview {
    /// The decision.
    pub decision_id: String,
    /// The business it is for.
    pub business_id: String,
    /// The place that the decision is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// What was decided, in the bundle's vocabulary.
    pub decision_code: String,
    /// The kind of decision.
    pub decision_type: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Why it was decided so.
    pub reasoning: String,
    /// The actions that are withheld until the review.
    pub actions: Vec<AgentAction>,
    /// The replies that people got meanwhile.
    pub responses: Vec<AgentResponse>,
    /// The user who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The content of the user's input.
    pub content: Content,
    /// When it was decided.
    pub created_at: Timestamp,
    /// After this moment the decision can no longer be approved; every decision that waits has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The id under which the host's logs tell more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The address that a review is sent to.
    pub href: String,
}

impl From<DecisionRecord> for PendingReview {
    fn from(record: DecisionRecord) -> Self {
        let DecisionRecord { decision, output, review, effects, .. } = record;
        let DecisionModel { id, business_id, location_id, created_at, context, .. } = decision;
        let withheld = effects.into_iter().filter(|effect| effect.state == EffectState::Withheld);
        let actions = withheld.filter_map(|effect| match effect.kind {
            EffectKind::Action(action) => Some(action),
            _ => None,
        });
        Self {
            href: format!("/v1/businesses/{business_id}/reviews/{id}"),
            decision_id: id,
            business_id,
            location_id,
            decision_code: output.decision_code,
            decision_type: output.decision_type,
            confidence: output.confidence,
            reasoning: output.reasoning,
            actions: actions.collect(),
            responses: output.responses,
            user_id: context.input.user_id,
            content: context.input.content,
            created_at,
            expires_at: review.and_then(|review| review.expires_at),
            correlation_id: context.input.correlation_id,
        }
    }
}

/// A page of a business's decisions that wait for a person.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewPage {
    /// The decisions, the one that waits longest first.
    pub items: Vec<PendingReview>,
    /// Pass it on as `cursor` for the next page; none at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Why a request was not served, RFC 9457.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Problem")]
pub struct ProblemDetails {
    /// `about:blank`: the status names the kind of problem, and `code` the problem itself.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What happened and what to do, for a person.
    pub detail: String,
    /// A stable name, for programs.
    pub code: String,
    /// The id under which the host's logs tell more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// With `already_reviewed` and `review_expired`: who has resolved the decision, when and how.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// The address of an input's state.
pub fn input_href(business_id: &str, input_id: &str) -> String {
    format!("/v1/businesses/{business_id}/inputs/{input_id}")
}

/// The address of a decision.
pub fn decision_href(business_id: &str, decision_id: &str) -> String {
    format!("/v1/businesses/{business_id}/decisions/{decision_id}")
}

/// A page of the list at `path`, and the header that leads to the next one.
pub fn page(path: &str, page: impl Serialize, cursor: Option<&str>, limit: u32, more: &[(&str, &str)]) -> Response {
    let mut response = Json(page).into_response();
    if let Some(cursor) = cursor {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("cursor", cursor).append_pair("limit", &limit.to_string()).extend_pairs(more);
        if let Ok(link) = HeaderValue::from_str(&format!("<{path}?{}>; rel=\"next\"", query.finish())) {
            response.headers_mut().insert(LINK, link);
        }
    }
    response
}
