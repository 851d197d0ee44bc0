use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_delivery::{Relay, RelayConfig, RelayTask};
use signalbox_executor::{
    AccessError, Authorized, DecideError, Decided, EventCall, HandleError, Handled, NodeEvent, Phase, Progress,
    authorize,
};
use signalbox_graph::Inputs;
use signalbox_intake::{Decide, Intake, IntakeConfig, PermissionAudience};
use signalbox_model::{AgentInput, BusinessInfo, Clock, UserAccess, decision_id};
use signalbox_sessions::Sessions;
use signalbox_store::{AcceptedInput, Committed, DecisionRecord, Store, StoreError};
use tokio::sync::Semaphore;

use crate::record::record;
use crate::script::{Deployed, Handler, Script};

/// Decides by the text of an input, and commits its decisions to a real store:
///
/// - `wait:NAME` waits until [`ScriptedDecider::open`] opens the gate of that name,
/// - `fail` is a graph that fails,
/// - `outage` meets a store that does not answer until [`ScriptedDecider::end_outage`], `wait:outage` a store that
///   stops answering when the gate opens,
/// - `panic` and `wait:panic` panic,
/// - `notify:USER`, `broadcast` and `broadcast:PERMISSION` add a notification,
/// - `review` waits for a person with a notification of ana, and `review:expired` waits although its review has
///   expired.
///
/// Every answer repeats the text. The executor's own [`authorize`] checks permissions.
pub struct ScriptedDecider {
    store: Store,
    directory: BusinessDirectory,
    deployed: Mutex<BTreeMap<String, Deployed>>,
    handler: Mutex<Handler>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    held: Mutex<HashSet<String>>,
    outage_ended: AtomicBool,
    store_failures: AtomicUsize,
    started: Mutex<Vec<AgentInput>>,
    events: Mutex<Vec<EventCall>>,
    given_up: Mutex<Vec<(String, u32)>>,
    lacks_a_business: AtomicBool,
    asked_for_lacking_readers: AtomicUsize,
}

impl ScriptedDecider {
    pub fn new(store: Store, script: Script) -> Arc<Self> {
        let Script { businesses, deployed, handler } = script;
        Arc::new(Self {
            store,
            directory: BusinessDirectory::of(businesses),
            deployed: Mutex::new(deployed),
            handler: Mutex::new(handler),
            gates: Mutex::default(),
            held: Mutex::default(),
            outage_ended: AtomicBool::new(false),
            store_failures: AtomicUsize::new(0),
            started: Mutex::default(),
            events: Mutex::default(),
            given_up: Mutex::default(),
            lacks_a_business: AtomicBool::new(false),
            asked_for_lacking_readers: AtomicUsize::new(0),
        })
    }

    /// An intake that has this decider decide, and the delivery task, which is not running yet.
    pub fn intake(self: &Arc<Self>, config: IntakeConfig, sessions: Sessions, clock: Clock) -> (Intake, RelayTask) {
        let decide: Arc<dyn Decide> = self.clone();
        let audience = Arc::new(PermissionAudience(decide.clone()));
        let (relay, task) = Relay::new(RelayConfig::default(), self.store.clone(), sessions, audience);
        (Intake::new(config, decide, self.store.clone(), relay, clock), task)
    }

    /// Sets the inputs of the business's live bundle.
    pub fn deploy(&self, business_id: &str, inputs: Inputs) {
        self.deployed.lock().unwrap().insert(business_id.to_owned(), Deployed::Bundle(Arc::new(inputs)));
    }

    /// Removes the business's bundle.
    pub fn undeploy(&self, business_id: &str) {
        self.deployed.lock().unwrap().remove(business_id);
    }

    /// Replaces the handler of every bundle.
    pub fn set_handler(&self, handler: impl Fn(&EventCall) -> Result<Handled, HandleError> + Send + Sync + 'static) {
        *self.handler.lock().unwrap() = Arc::new(handler);
    }

    /// Lets one decision through the gate.
    pub fn open(&self, gate: &str) {
        self.gate(gate).add_permits(1);
    }

    /// Makes every decision of the business wait at the gate whose name is the business's id.
    pub fn hold(&self, business_id: &str) {
        self.held.lock().unwrap().insert(business_id.to_owned());
    }

    /// Says whether a business's file could not be read, so that its bundle may read any topic.
    pub fn set_lacks_a_business(&self, lacks: bool) {
        self.lacks_a_business.store(lacks, Ordering::SeqCst);
    }

    /// How often the decider was asked whether a topic's reader may be missing.
    pub fn asked_for_lacking_readers(&self) -> usize {
        self.asked_for_lacking_readers.load(Ordering::SeqCst)
    }

    /// Makes the store answer from now on.
    pub fn end_outage(&self) {
        self.outage_ended.store(true, Ordering::SeqCst);
    }

    /// How often the store did not answer.
    pub fn store_failures(&self) -> usize {
        self.store_failures.load(Ordering::SeqCst)
    }

    /// The inputs of which deciding was started, in order.
    pub fn started(&self) -> Vec<AgentInput> {
        self.started.lock().unwrap().clone()
    }

    /// The texts of these inputs.
    pub fn started_texts(&self) -> Vec<String> {
        self.started().into_iter().map(|input| input.content.text.unwrap_or_default()).collect()
    }

    /// The events that the handler was given, in order.
    pub fn events(&self) -> Vec<EventCall> {
        self.events.lock().unwrap().clone()
    }

    /// The texts of inputs that were given up, each with its number of attempts.
    pub fn given_up(&self) -> Vec<(String, u32)> {
        self.given_up.lock().unwrap().clone()
    }

    fn gate(&self, name: &str) -> Arc<Semaphore> {
        self.gates.lock().unwrap().entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
    }

    /// The gate at which an input has to wait.
    fn gate_of(&self, input: &AgentInput, text: &str) -> Option<Arc<Semaphore>> {
        let held = self.held.lock().unwrap().contains(&input.business_id);
        let name = if held { Some(input.business_id.as_str()) } else { text.strip_prefix("wait:") };
        name.map(|name| self.gate(name))
    }

    fn known(&self, business_id: &str) -> Result<Arc<BusinessInfo>, DecideError> {
        self.directory.get(business_id).ok_or_else(|| DecideError::UnknownBusiness(business_id.to_owned()))
    }

    fn record(&self, id: &str, accepted: AcceptedInput, text: &str) -> Result<DecisionRecord, DecideError> {
        let business = self.known(&accepted.input.business_id)?;
        Ok(record(id, accepted, text, BusinessInfo::clone(&business)))
    }
}

#[async_trait]
impl Decide for ScriptedDecider {
    fn authorize(
        &self,
        access: &UserAccess,
        business_id: &str,
        location_id: Option<&str>,
        permission: &str,
    ) -> Result<Authorized, AccessError> {
        authorize(&self.directory, access, business_id, location_id, permission)
    }

    async fn decide(&self, accepted: AcceptedInput, progress: Arc<dyn Progress>) -> Result<Decided, DecideError> {
        let text = accepted.input.content.text.clone().unwrap_or_default();
        let id = decision_id(&accepted.input.business_id, &accepted.input.id);
        if let Some(record) = self.store.decision(&id, &accepted.input.business_id).await? {
            return Ok(Decided { record: Arc::new(record), duplicate: true });
        }
        self.started.lock().unwrap().push(accepted.input.clone());
        let event = |phase| NodeEvent {
            decision_id: id.as_str().into(),
            node: "echo".into(),
            step: 1,
            attempt: 1,
            phase,
            micros: 0,
        };
        progress.node(event(Phase::Started));
        if let Some(gate) = self.gate_of(&accepted.input, &text) {
            gate.acquire().await.unwrap().forget();
        }
        if text.ends_with("outage") && !self.outage_ended.load(Ordering::SeqCst) {
            self.store_failures.fetch_add(1, Ordering::SeqCst);
            let timeout = StoreError::Timeout { table: "decisions".to_owned(), operation: "PutItem" };
            return Err(DecideError::Store(timeout));
        }
        assert!(!text.ends_with("panic"), "the input asks for a panic");
        progress.node(event(Phase::Done));
        let record = self.record(&id, accepted, &text)?;
        match self.store.commit_decision(&record).await? {
            Committed::New => Ok(Decided { record: Arc::new(record), duplicate: false }),
            Committed::Duplicate(first) => Ok(Decided { record: Arc::new(*first), duplicate: true }),
        }
    }

    async fn give_up(&self, accepted: AcceptedInput, attempts: u32) -> Result<Decided, DecideError> {
        let id = decision_id(&accepted.input.business_id, &accepted.input.id);
        let text = accepted.input.content.text.clone().unwrap_or_default();
        self.given_up.lock().unwrap().push((text, attempts));
        let record = self.record(&id, accepted, "fail")?;
        self.store.commit_decision(&record).await?;
        Ok(Decided { record: Arc::new(record), duplicate: false })
    }

    fn businesses(&self) -> Vec<Arc<BusinessInfo>> {
        self.directory.all()
    }

    fn business(&self, business_id: &str) -> Option<Arc<BusinessInfo>> {
        self.directory.get(business_id)
    }

    fn inputs(&self, business_id: &str) -> Result<(Arc<BusinessInfo>, Arc<Inputs>), DecideError> {
        let business = self.known(business_id)?;
        let deployed = self.deployed.lock().unwrap().get(business_id).cloned();
        match deployed {
            Some(Deployed::Bundle(inputs)) => Ok((business, inputs)),
            Some(Deployed::Panic) => panic!("the script has the host panic at {business_id}"),
            None => Err(DecideError::NoBundle { business_type: business.business_type.clone() }),
        }
    }

    fn may_lack_a_reader(&self, _topic: &str) -> bool {
        self.asked_for_lacking_readers.fetch_add(1, Ordering::SeqCst);
        self.lacks_a_business.load(Ordering::SeqCst)
    }

    async fn handle(&self, call: EventCall) -> Result<Handled, HandleError> {
        self.events.lock().unwrap().push(call.clone());
        // Not under the lock: a handler may panic, and is called again afterwards.
        let handler = self.handler.lock().unwrap().clone();
        handler(&call)
    }
}
