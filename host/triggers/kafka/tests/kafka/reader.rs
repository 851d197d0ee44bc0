use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use signalbox_executor::{
    AccessError, Authorized, DecideError, Decided, EventCall, HandleError, Handled, HandlerEvent, NewInput, Progress,
    Rejection,
};
use signalbox_graph::{Inputs, KafkaInput};
use signalbox_intake::Decide;
use signalbox_model::{BusinessInfo, Content, InputType, UserAccess};
use signalbox_store::{AcceptedInput, Store};
use signalbox_tests_decider::Desk;

/// The desk of the other tests, with topics, and a handler that does what the value says under `do`: `nothing` gives no
/// input; `invalid`, `forbidden`, `unavailable`, `broken` and `panic` refuse, `unavailable` and `broken` until `mended`.
/// Anything else is an input with the `text`, or one for each of `texts`.
pub struct Reader {
    pub desk: Desk,
    /// Every event that the handler was given.
    pub events: Mutex<Vec<EventCall>>,
    pub mended: AtomicBool,
    /// Whether anything is deployed.
    pub deployed: AtomicBool,
    /// Whether the file of some business could not be read, which may read every topic.
    pub lacks_a_business: AtomicBool,
    /// How often somebody asked whether it may.
    pub asked: AtomicUsize,
}

impl Reader {
    pub fn new(store: Store) -> Self {
        Self {
            desk: Desk::new(store),
            events: Mutex::default(),
            mended: AtomicBool::new(false),
            deployed: AtomicBool::new(true),
            lacks_a_business: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
        }
    }

    pub fn handled(&self) -> usize {
        self.events.lock().unwrap().len()
    }
}

/// `orders` without and `events` with a handler are read by everybody's bundle, `till` by the trattoria's alone.
fn inputs(business_id: &str) -> Inputs {
    let input = |topic: &str, handler: Option<&str>| KafkaInput {
        topic: topic.to_owned(),
        handler: handler.map(str::to_owned),
    };
    let mut kafka = vec![("plain", input("orders", None)), ("read", input("events", Some("reader")))];
    if business_id == "trattoria" {
        kafka.push(("till", input("till", Some("reader"))));
    }
    let kafka = kafka.into_iter().map(|(name, input)| (name.to_owned(), input)).collect();
    Inputs { kafka, ..Inputs::default() }
}

#[async_trait]
impl Decide for Reader {
    fn authorize(
        &self,
        access: &UserAccess,
        business_id: &str,
        location_id: Option<&str>,
        permission: &str,
    ) -> Result<Authorized, AccessError> {
        self.desk.authorize(access, business_id, location_id, permission)
    }

    async fn decide(&self, accepted: AcceptedInput, progress: Arc<dyn Progress>) -> Result<Decided, DecideError> {
        self.desk.decide(accepted, progress).await
    }

    async fn give_up(&self, accepted: AcceptedInput, attempts: u32) -> Result<Decided, DecideError> {
        self.desk.give_up(accepted, attempts).await
    }

    fn businesses(&self) -> Vec<Arc<BusinessInfo>> {
        self.desk.businesses()
    }

    fn inputs(&self, business_id: &str) -> Result<(Arc<BusinessInfo>, Arc<Inputs>), DecideError> {
        let (business, _) = self.desk.inputs(business_id)?;
        // The clinic's bundle can be taken away; the topics stay, because the trattoria's reads them too.
        if business_id == "clinic" && !self.deployed.load(Ordering::SeqCst) {
            return Err(DecideError::NoBundle { business_type: business.business_type.clone() });
        }
        Ok((business, Arc::new(inputs(business_id))))
    }

    fn may_lack_a_reader(&self, _topic: &str) -> bool {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.lacks_a_business.load(Ordering::SeqCst)
    }

    async fn handle(&self, call: EventCall) -> Result<Handled, HandleError> {
        self.events.lock().unwrap().push(call.clone());
        let HandlerEvent::Kafka { value, .. } = call.event else { panic!("the desk reads records") };
        let asked: Value = value.map_or(json!({"do": "nothing"}), |value| {
            serde_json::from_slice(&value).unwrap_or(json!({"do": "invalid"}))
        });
        let mended = self.mended.load(Ordering::SeqCst);
        let reason = "a table for 400 guests".to_owned();
        match asked["do"].as_str().unwrap_or_default() {
            "invalid" => Err(Rejection::Invalid(reason).into()),
            "forbidden" => Err(Rejection::Forbidden(reason).into()),
            "unavailable" if !mended => Err(Rejection::Unavailable(reason).into()),
            "broken" if !mended => Err(DecideError::Internal("the inside of the host".to_owned()).into()),
            "panic" => panic!("the handler was asked to panic"),
            "nothing" => Ok(Handled::default()),
            _ => {
                let texts = asked["texts"].as_array().cloned().unwrap_or_else(|| vec![asked["text"].clone()]);
                let inputs = texts.iter().map(|text| NewInput {
                    id: None,
                    input_type: InputType::Webhook,
                    user_id: None,
                    location_id: None,
                    content: Content { text: text.as_str().map(str::to_owned), ..Content::default() },
                });
                Ok(Handled { inputs: inputs.collect(), reply: None })
            }
        }
    }
}
