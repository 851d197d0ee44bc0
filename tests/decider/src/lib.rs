//! What decides in tests of triggers: by rules that a test can read, at moments that it chooses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::json;
use signalbox_executor::{
    AccessError, Authorized, DecideError, Decided, EventCall, HandleError, Handled, HandlerEvent, NewInput, NodeEvent,
    NodeFailure, Phase, Progress, Rejection, Reply,
};
use signalbox_graph::{FailureKind, Inputs, WebsocketInput};
use signalbox_intake::Decide;
use signalbox_model::{
    ActionType, AgentAction, AgentContext, AgentOutput, AgentResponse, BusinessInfo, Content, DecisionModel, InputType,
    JsonObject, Outcome, OutputMetadata, Priority, ResponseContent, ResponseTarget, Review, Timestamp, UserAccess,
    decision_id, response_id,
};
use signalbox_store::{AcceptedInput, Committed, DecisionRecord, Effect, EffectKind, Store, StoreError};
use tokio::sync::Semaphore;

/// Decides by rules that a test can read:
/// `wait:NAME` waits until the gate of that name is opened, `fail` is a graph that fails, `down` is a store that does
/// not answer, `wait:down` one that is gone when the gate opens, `lost` is a panic, `notify:USER` and `broadcast` and `broadcast:PERMISSION` add a notification,
/// `review` waits for a person with an action for ana, and `review:late` does when nobody may review it any more. Every
/// answer repeats the text.
pub struct Desk {
    store: Store,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// Texts in the order in which they were begun.
    pub begun: Mutex<Vec<String>>,
    /// Events that the handler was given.
    pub handled: Mutex<Vec<String>>,
    /// How often the store was not there.
    pub downs: AtomicUsize,
    /// Texts that were given up, and after how many attempts.
    pub given_up: Mutex<Vec<(String, u32)>>,
    /// Until it is, `down` fails.
    pub mended: AtomicUsize,
}

impl Desk {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            gates: Mutex::default(),
            begun: Mutex::default(),
            handled: Mutex::default(),
            downs: AtomicUsize::new(0),
            given_up: Mutex::default(),
            mended: AtomicUsize::new(0),
        }
    }

    /// Lets one decision through the gate.
    pub fn open(&self, gate: &str) {
        self.gate(gate).add_permits(1);
    }

    fn gate(&self, name: &str) -> Arc<Semaphore> {
        self.gates.lock().unwrap().entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
    }

    pub fn begun(&self) -> Vec<String> {
        self.begun.lock().unwrap().clone()
    }
}

/// Where coordinators may send messages and managers also hear `review` news: `trattoria` and `clinic`, `handled` with a
/// handler of messages, and `silent`, whose bundle takes none.
const BUSINESSES: [&str; 4] = ["trattoria", "clinic", "handled", "silent"];

fn business(id: &str) -> Option<BusinessInfo> {
    let info = json!({
        "businessId": id,
        "name": id,
        "type": "test",
        "locations": [{"id": "terrace", "name": "Terrace"}, {"id": "bar", "name": "Bar"}],
        "permissions": {"coordinator": ["message"], "manager": ["message", "review", "decisions"], "guest": []}
    });
    BUSINESSES.contains(&id).then(|| serde_json::from_value(info).unwrap())
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

    async fn decide(&self, accepted: AcceptedInput, progress: Arc<dyn Progress>) -> Result<Decided, DecideError> {
        let text = accepted.input.content.text.clone().unwrap_or_default();
        let id = decision_id(&accepted.input.business_id, &accepted.input.id);
        if let Some(record) = self.store.decision(&id, &accepted.input.business_id).await? {
            return Ok(Decided { record: Arc::new(record), duplicate: true });
        }
        self.begun.lock().unwrap().push(text.clone());
        let event = |phase| NodeEvent {
            decision_id: id.as_str().into(),
            node: "desk".into(),
            step: 1,
            attempt: 1,
            phase,
            micros: 0,
        };
        progress.node(event(Phase::Started));
        if let Some(gate) = text.strip_prefix("wait:") {
            self.gate(gate).acquire().await.unwrap().forget();
        }
        if text.ends_with("down") && self.mended.load(Ordering::SeqCst) == 0 {
            self.downs.fetch_add(1, Ordering::SeqCst);
            let timeout = StoreError::Timeout { table: "decisions".to_owned(), operation: "PutItem" };
            return Err(DecideError::Store(timeout));
        }
        assert!(!text.ends_with("lost"), "the desk was asked to panic");
        progress.node(event(Phase::Done));
        let record = record(&id, accepted, &text);
        match self.store.commit_decision(&record).await? {
            Committed::New => Ok(Decided { record: Arc::new(record), duplicate: false }),
            Committed::Duplicate(first) => Ok(Decided { record: Arc::new(*first), duplicate: true }),
        }
    }

    async fn give_up(&self, accepted: AcceptedInput, attempts: u32) -> Result<Decided, DecideError> {
        let id = decision_id(&accepted.input.business_id, &accepted.input.id);
        let text = accepted.input.content.text.clone().unwrap_or_default();
        self.given_up.lock().unwrap().push((text, attempts));
        let record = record(&id, accepted, "fail");
        self.store.commit_decision(&record).await?;
        Ok(Decided { record: Arc::new(record), duplicate: false })
    }

    fn businesses(&self) -> Vec<Arc<BusinessInfo>> {
        BUSINESSES.into_iter().filter_map(business).map(Arc::new).collect()
    }

    fn inputs(&self, business_id: &str) -> Result<(Arc<BusinessInfo>, Arc<Inputs>), DecideError> {
        let business = business(business_id).ok_or_else(|| DecideError::UnknownBusiness(business_id.to_owned()))?;
        let handler = (business_id == "handled").then(|| "split".to_owned());
        let websocket = (business_id != "silent").then_some(WebsocketInput { handler });
        Ok((Arc::new(business), Arc::new(Inputs { websocket, ..Inputs::default() })))
    }

    /// Makes an input of every word; `nothing` gives none, `no`, `later`, `forbidden` and `broken` are refused. `thanks` and
    /// whatever comes after it is also answered at once.
    async fn handle(&self, call: EventCall) -> Result<Handled, HandleError> {
        self.handled.lock().unwrap().push(call.event_id.clone());
        let HandlerEvent::Websocket { content, location_id, .. } = call.event else {
            panic!("no message: {:?}", call.event)
        };
        let text = content.text.unwrap_or_default();
        let rejection = match text.as_str() {
            "no" => Some(Rejection::Invalid("that is not for us".to_owned())),
            "forbidden" => Some(Rejection::Forbidden("not for you".to_owned())),
            "later" => Some(Rejection::Unavailable("the other side sleeps".to_owned())),
            "broken" => {
                Some(Rejection::Broken(NodeFailure { kind: FailureKind::Fatal, message: "wasm trap".to_owned() }))
            }
            _ => None,
        };
        if let Some(rejection) = rejection {
            return Err(rejection.into());
        }
        let words = if text == "nothing" { "" } else { text.as_str() };
        let inputs = words.split_whitespace().map(|word| NewInput {
            id: None,
            input_type: InputType::UserMessage,
            user_id: None,
            location_id: location_id.clone(),
            content: Content { text: Some(word.to_owned()), ..Content::default() },
        });
        let told = text
            .starts_with("thanks")
            .then(|| Reply { content_type: "application/json".to_owned(), body: br#"{"welcome":true}"#.to_vec() });
        Ok(Handled { inputs: inputs.collect(), reply: told })
    }
}

fn record(id: &str, accepted: AcceptedInput, text: &str) -> DecisionRecord {
    let AcceptedInput { input, permissions, reply, .. } = accepted;
    let (now, business_id) = (Timestamp::now(), input.business_id.clone());
    let failed = text == "fail";
    let user = input.user_id.clone().unwrap_or_default();
    let responses = (!failed).then(|| AgentResponse {
        id: response_id(id, 0),
        target: ResponseTarget::Websocket,
        recipient: user,
        content: ResponseContent { text: Some(format!("re: {text}")), ..ResponseContent::default() },
        timestamp: now,
    });
    let content = json!({"news": text}).as_object().unwrap().clone();
    let notification = |user_id: Option<&str>, permission: Option<&str>| EffectKind::Notification {
        user_id: user_id.map(str::to_owned),
        location_id: input.location_id.clone(),
        permission: permission.map(str::to_owned),
        wider: signalbox_store::Wider::default(),
        content: content.clone(),
    };
    let effect = match text.split_once(':') {
        Some(("notify", user)) => Some(notification(Some(user), None)),
        Some(("broadcast", permission)) => Some(notification(None, Some(permission))),
        _ if text == "broadcast" => Some(notification(None, None)),
        _ => None,
    };
    let reviewed = text.starts_with("review");
    let effect = if reviewed { Some(action(&content)) } else { effect };
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
    let effect = effect.map(|kind| {
        let id = signalbox_model::action_id(id, 0);
        if reviewed { Effect::withheld(id, kind) } else { Effect::pending(id, kind) }
    });
    let business_info = business(&business_id).unwrap();
    let code = if failed { "FAILED" } else { "ECHO" };
    DecisionRecord {
        output: AgentOutput {
            id: id.to_owned(),
            input_id: input.id.clone(),
            decision_code: code.to_owned(),
            decision_type: "echo".to_owned(),
            confidence: 1.0,
            reasoning: "it was asked".to_owned(),
            actions: Vec::new(),
            responses: responses.into_iter().collect(),
            requires_human_review: reviewed,
            processing_time: 0,
            metadata: OutputMetadata::default(),
        },
        decision: DecisionModel {
            id: id.to_owned(),
            business_id,
            decision_code: code.to_owned(),
            decision_type: "echo".to_owned(),
            reasoning: "node `desk` failed".to_owned(),
            confidence: 1.0,
            outcome,
            business_type: "test".to_owned(),
            location_id: input.location_id.clone(),
            created_at: now,
            metadata: None,
            context: AgentContext {
                input,
                business_info,
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
    }
}

/// News for ana that a person has to let go.
fn action(payload: &JsonObject) -> EffectKind {
    EffectKind::Action(AgentAction {
        id: String::new(),
        action_type: ActionType::Notification,
        target: "user:ana".to_owned(),
        payload: payload.clone(),
        priority: Priority::default(),
        execute_at: None,
        retry_policy: None,
    })
}

/// The businesses of a token: id and role.
pub fn roles(businesses: &[(&str, &str)]) -> BTreeMap<String, serde_json::Value> {
    businesses.iter().map(|(id, role)| ((*id).to_owned(), json!({"roles": [role]}))).collect()
}
