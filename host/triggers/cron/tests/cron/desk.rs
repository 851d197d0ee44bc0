use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use signalbox_executor::{AccessError, Authorized, DecideError, Decided, EventCall, HandleError, Handled, Progress};
use signalbox_graph::{CronInput, Inputs};
use signalbox_intake::Decide;
use signalbox_model::{
    AgentContext, AgentInput, AgentOutput, BusinessInfo, DecisionModel, Outcome, OutputMetadata, UserAccess,
    decision_id,
};
use signalbox_store::{AcceptedInput, Committed, DecisionRecord, Store};
use tokio::sync::Semaphore;

type Handler = Box<dyn Fn(&EventCall) -> Result<Handled, HandleError> + Send + Sync>;

/// Decides everything alike: at once, or when the test lets it.
pub struct Desk {
    store: Store,
    inputs: Mutex<Arc<Inputs>>,
    /// While it is set, every decision waits for a permit.
    pub slow: AtomicBool,
    pub gate: Semaphore,
    /// Every decision that was begun, in order.
    pub begun: Mutex<Vec<AgentInput>>,
    pub handler: Mutex<Option<Handler>>,
    /// While it is not, nothing is deployed here.
    pub deployed: AtomicBool,
    /// While it is set, there is another business, whose decisions wait for nothing.
    pub neighbours: AtomicBool,
}

pub fn business() -> BusinessInfo {
    let info = json!({
        "businessId": "roma", "name": "Roma", "type": "test", "timezone": "Europe/Bucharest", "locations": [],
        "permissions": {}
    });
    serde_json::from_value(info).unwrap()
}

impl Desk {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            inputs: Mutex::default(),
            slow: AtomicBool::new(false),
            gate: Semaphore::new(0),
            begun: Mutex::default(),
            handler: Mutex::default(),
            deployed: AtomicBool::new(true),
            neighbours: AtomicBool::new(false),
        }
    }

    /// Makes this the bundle's `[inputs.cron]`.
    pub fn declare(&self, cron: &[(&str, CronInput)]) {
        let cron: BTreeMap<_, _> = cron.iter().map(|(name, input)| ((*name).to_owned(), input.clone())).collect();
        *self.inputs.lock().unwrap() = Arc::new(Inputs { cron, ..Inputs::default() });
    }
}

#[async_trait]
impl Decide for Desk {
    fn authorize(
        &self,
        _access: &UserAccess,
        business_id: &str,
        _location_id: Option<&str>,
        _permission: &str,
    ) -> Result<Authorized, AccessError> {
        Err(AccessError::UnknownBusiness(business_id.to_owned()))
    }

    async fn decide(&self, accepted: AcceptedInput, _progress: Arc<dyn Progress>) -> Result<Decided, DecideError> {
        let id = decision_id(&accepted.input.business_id, &accepted.input.id);
        if let Some(record) = self.store.decision(&id, &accepted.input.business_id).await? {
            return Ok(Decided { record: Arc::new(record), duplicate: true });
        }
        self.begun.lock().unwrap().push(accepted.input.clone());
        if self.slow.load(Ordering::SeqCst) && accepted.input.business_id == "roma" {
            self.gate.acquire().await.unwrap().forget();
        }
        let record = record(&id, accepted);
        match self.store.commit_decision(&record).await? {
            Committed::New => Ok(Decided { record: Arc::new(record), duplicate: false }),
            Committed::Duplicate(first) => Ok(Decided { record: Arc::new(*first), duplicate: true }),
        }
    }

    async fn give_up(&self, accepted: AcceptedInput, _attempts: u32) -> Result<Decided, DecideError> {
        unreachable!("nothing ends this host: {accepted:?}")
    }

    fn businesses(&self) -> Vec<Arc<BusinessInfo>> {
        vec![Arc::new(business())]
    }

    fn inputs(&self, business_id: &str) -> Result<(Arc<BusinessInfo>, Arc<Inputs>), DecideError> {
        let neighbour = business_id == "milano" && self.neighbours.load(Ordering::SeqCst);
        let here = neighbour || (business_id == "roma" && self.deployed.load(Ordering::SeqCst));
        if !here {
            return Err(DecideError::NoBundle { business_type: "test".to_owned() });
        }
        Ok((Arc::new(business()), self.inputs.lock().unwrap().clone()))
    }

    async fn handle(&self, call: EventCall) -> Result<Handled, HandleError> {
        self.handler.lock().unwrap().as_ref().expect("nobody handles events")(&call)
    }
}

fn record(id: &str, accepted: AcceptedInput) -> DecisionRecord {
    let AcceptedInput { input, permissions, reply, .. } = accepted;
    DecisionRecord {
        output: AgentOutput {
            id: id.to_owned(),
            input_id: input.id.clone(),
            decision_code: "TICKED".to_owned(),
            decision_type: "tick".to_owned(),
            confidence: 1.0,
            reasoning: "it was time".to_owned(),
            actions: Vec::new(),
            responses: Vec::new(),
            requires_human_review: false,
            processing_time: 0,
            metadata: OutputMetadata::default(),
        },
        decision: DecisionModel {
            id: id.to_owned(),
            business_id: input.business_id.clone(),
            decision_code: "TICKED".to_owned(),
            decision_type: "tick".to_owned(),
            reasoning: "it was time".to_owned(),
            confidence: 1.0,
            outcome: Outcome::Decided,
            business_type: "test".to_owned(),
            location_id: None,
            created_at: input.timestamp,
            metadata: None,
            context: AgentContext {
                input,
                business_info: business(),
                location_info: None,
                user_permissions: Some(permissions),
                session_data: None,
                rag_context: None,
            },
        },
        reply,
        session: None,
        review: None,
        effects: Vec::new(),
    }
}
