use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::json;
use signalbox_executor::{
    AccessError, Authorized, DecideError, Decided, EventCall, HandleError, Handled, HandlerEvent, NewInput, Progress,
    Rejection, Reply,
};
use signalbox_graph::{ApiInput, Inputs};
use signalbox_intake::Decide;
use signalbox_model::{
    ActionType, AgentAction, AgentContext, AgentOutput, AgentResponse, BusinessInfo, Content, DecisionModel, InputType,
    Outcome, OutputMetadata, Priority, ResponseContent, ResponseTarget, Review, Timestamp, UserAccess, action_id,
    decision_id, response_id,
};
use signalbox_store::{AcceptedInput, Committed, DecisionRecord, Effect, EffectKind, Store};
use tokio::sync::Semaphore;

/// Decides by rules that a test can read: `wait:NAME` waits until the gate of that name is opened, `fail` is a graph
/// that fails, `panic` a handler's business that panics, `review` waits for a person, and `review:late` with its time over
/// already; every answer repeats the text.
pub struct Desk {
    store: Store,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    pub decided: AtomicUsize,
    pub handled: AtomicUsize,
}

impl Desk {
    pub fn new(store: Store) -> Self {
        Self { store, gates: Mutex::default(), decided: AtomicUsize::new(0), handled: AtomicUsize::new(0) }
    }

    /// Lets one decision through the gate.
    pub fn open(&self, gate: &str) {
        self.gate(gate).add_permits(1);
    }

    fn gate(&self, name: &str) -> Arc<Semaphore> {
        self.gates.lock().unwrap().entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
    }
}

/// `trattoria` and `clinic`; `handled` has a handler, `closed` no API, and at `broken` the host itself is at fault.
fn business(id: &str) -> Option<BusinessInfo> {
    let info = json!({
        "businessId": id,
        "name": id,
        "type": "test",
        "locations": [{"id": "terrace", "name": "Terrace"}, {"id": "bar", "name": "Bar"}],
        "permissions": {
            "coordinator": ["message"],
            "manager": ["message", "decisions"],
            "reviewer": ["review"],
            "guest": [],
        }
    });
    ["trattoria", "clinic", "handled", "closed", "broken"].contains(&id).then(|| serde_json::from_value(info).unwrap())
}

#[async_trait]
impl Decide for Desk {
    fn authorize(
        &self,
        access: &UserAccess,
        business_id: &str,
        location_id: Option<&str>,
        permission: &str,
    ) -> Result<Authorized, AccessError> {
        let business = business(business_id).ok_or_else(|| AccessError::UnknownBusiness(business_id.to_owned()))?;
        let own = access.businesses.get(business_id).ok_or_else(|| AccessError::NoAccess(business_id.to_owned()))?;
        if let Some(location) = location_id {
            let visible = own.locations.as_ref().is_none_or(|visible| visible.iter().any(|id| id == location));
            if !visible || business.location(location).is_none() {
                let (business, location) = (business_id.to_owned(), location.to_owned());
                return Err(AccessError::NoLocation { business, location });
            }
        }
        let permissions = business.permissions_of(own.roles.iter().map(String::as_str));
        if !permissions.iter().any(|own| own == permission) {
            let (business, permission) = (business_id.to_owned(), permission.to_owned());
            return Err(AccessError::MissingPermission { business, permission });
        }
        Ok(Authorized { business: Arc::new(business), permissions })
    }

    async fn decide(&self, accepted: AcceptedInput, _progress: Arc<dyn Progress>) -> Result<Decided, DecideError> {
        let text = accepted.input.content.text.clone().unwrap_or_default();
        let id = decision_id(&accepted.input.business_id, &accepted.input.id);
        if let Some(record) = self.store.decision(&id, &accepted.input.business_id).await? {
            return Ok(Decided { record: Arc::new(record), duplicate: true });
        }
        if let Some(gate) = text.strip_prefix("wait:") {
            self.gate(gate).acquire().await.unwrap().forget();
        }
        self.decided.fetch_add(1, Ordering::SeqCst);
        let record = record(&id, accepted, &text);
        match self.store.commit_decision(&record).await? {
            Committed::New => Ok(Decided { record: Arc::new(record), duplicate: false }),
            Committed::Duplicate(first) => Ok(Decided { record: Arc::new(*first), duplicate: true }),
        }
    }

    async fn give_up(&self, accepted: AcceptedInput, _attempts: u32) -> Result<Decided, DecideError> {
        unreachable!("nothing ends this host: {accepted:?}")
    }

    fn businesses(&self) -> Vec<Arc<BusinessInfo>> {
        ["trattoria", "clinic", "handled", "closed"].into_iter().filter_map(business).map(Arc::new).collect()
    }

    fn inputs(&self, business_id: &str) -> Result<(Arc<BusinessInfo>, Arc<Inputs>), DecideError> {
        assert_ne!(business_id, "broken", "the desk was asked to panic");
        let handler = (business_id == "handled").then(|| "split".to_owned());
        let api = (business_id != "closed").then_some(ApiInput { handler });
        let business = business(business_id).ok_or_else(|| DecideError::UnknownBusiness(business_id.to_owned()))?;
        Ok((Arc::new(business), Arc::new(Inputs { api, ..Inputs::default() })))
    }

    /// Makes an input of every word; `nothing` gives none and an answer, `no`, `later` and `forbidden` are refused.
    async fn handle(&self, call: EventCall) -> Result<Handled, HandleError> {
        self.handled.fetch_add(1, Ordering::SeqCst);
        let HandlerEvent::Api { content, location_id, .. } = call.event else {
            panic!("not of the API: {:?}", call.event)
        };
        let text = content.text.unwrap_or_default();
        match text.as_str() {
            "nothing" => {
                let reply = Reply { content_type: "text/plain".to_owned(), body: b"nothing to do".to_vec() };
                return Ok(Handled { inputs: Vec::new(), reply: Some(reply) });
            }
            "no" => return Err(Rejection::Invalid("that is not for us".to_owned()).into()),
            "forbidden" => return Err(Rejection::Forbidden("not for you".to_owned()).into()),
            "later" => return Err(Rejection::Unavailable("the other side sleeps".to_owned()).into()),
            _ => {}
        }
        let inputs = text.split_whitespace().map(|word| NewInput {
            id: None,
            input_type: InputType::ApiRequest,
            user_id: None,
            location_id: location_id.clone(),
            content: Content { text: Some(word.to_owned()), ..Content::default() },
        });
        Ok(Handled { inputs: inputs.collect(), reply: None })
    }
}

fn record(id: &str, accepted: AcceptedInput, text: &str) -> DecisionRecord {
    let AcceptedInput { input, permissions, reply, .. } = accepted;
    let (now, business_id) = (Timestamp::now(), input.business_id.clone());
    let failed = text == "fail";
    let code = if failed { "FAILED" } else { "ECHO" };
    let reviewed = text.starts_with("review");
    let action = reviewed.then(|| action(id, text));
    let review = reviewed.then(|| Review {
        requested_at: now,
        expires_at: Some(if text == "review:late" { now } else { now + SignedDuration::from_hours(1) }),
        resolution: None,
    });
    let outcome = match (failed, reviewed) {
        (true, _) => Outcome::Failed,
        (_, true) => Outcome::ReviewPending,
        _ => Outcome::Decided,
    };
    let responses = (!failed).then(|| AgentResponse {
        id: response_id(id, 0),
        target: ResponseTarget::Api,
        recipient: input.user_id.clone().unwrap_or_default(),
        content: ResponseContent { text: Some(format!("re: {text}")), ..ResponseContent::default() },
        timestamp: now,
    });
    DecisionRecord {
        output: AgentOutput {
            id: id.to_owned(),
            input_id: input.id.clone(),
            decision_code: code.to_owned(),
            decision_type: "echo".to_owned(),
            confidence: 1.0,
            reasoning: "it was asked".to_owned(),
            actions: action.clone().into_iter().collect(),
            responses: responses.into_iter().collect(),
            requires_human_review: reviewed,
            processing_time: 0,
            metadata: OutputMetadata::default(),
        },
        decision: DecisionModel {
            id: id.to_owned(),
            decision_code: code.to_owned(),
            decision_type: "echo".to_owned(),
            reasoning: if failed { "node `desk` failed" } else { "it was asked" }.to_owned(),
            confidence: 1.0,
            outcome,
            business_type: "test".to_owned(),
            location_id: input.location_id.clone(),
            created_at: now,
            metadata: None,
            context: AgentContext {
                business_info: business(&business_id).unwrap(),
                input,
                location_info: None,
                user_permissions: Some(permissions),
                session_data: None,
                rag_context: None,
            },
            business_id,
        },
        reply,
        session: None,
        review,
        effects: action
            .map(|action| Effect::withheld(action.id.clone(), EffectKind::Action(action)))
            .into_iter()
            .collect(),
    }
}

/// News for ana that a person has to let go.
fn action(decision_id: &str, text: &str) -> AgentAction {
    AgentAction {
        id: action_id(decision_id, 0),
        action_type: ActionType::Notification,
        target: "user:ana".to_owned(),
        payload: json!({"news": text}).as_object().unwrap().clone(),
        priority: Priority::default(),
        execute_at: None,
        retry_policy: None,
    }
}
