use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use signalbox_executor::{
    AccessError, Authorized, DecideError, Decided, EventCall, HandleError, Handled, HandlerEvent, NewInput, Progress,
    Rejection, Reply,
};
use signalbox_graph::{Inputs, Verify, VerifyScheme, WebhookInput};
use signalbox_intake::Decide;
use signalbox_model::{BusinessInfo, Content, InputType, UserAccess};
use signalbox_store::{AcceptedInput, Store};
use signalbox_tests_decider::Desk;

/// The desk of the other tests, with hooks, and a handler that does what the body says under `do`: `inputs` makes one input
/// of each text, `nothing` none; `invalid`, `forbidden`, `unavailable` and `broken` refuse, the last two until `mended`.
/// `reply` is replied.
pub struct Reader {
    pub desk: Desk,
    /// Every event that the handler was given.
    pub events: Mutex<Vec<EventCall>>,
    pub mended: Mutex<bool>,
}

impl Reader {
    pub fn new(store: Store) -> Self {
        Self { desk: Desk::new(store), events: Mutex::default(), mended: Mutex::default() }
    }

    pub fn mend(&self) {
        *self.mended.lock().unwrap() = true;
    }
}

/// `plain` without a handler and `read` with one by Standard Webhooks, `code` by GitHub, `pay` by Stripe, and `lost`, whose
/// secret nobody has.
pub fn inputs() -> Inputs {
    let hook = |handler: Option<&str>, scheme, secret: &str| WebhookInput {
        handler: handler.map(str::to_owned),
        verify: Verify { scheme, secret: secret.to_owned() },
    };
    let webhook = [
        ("plain", hook(None, VerifyScheme::StandardWebhooks, "BOOKINGS")),
        ("read", hook(Some("reader"), VerifyScheme::StandardWebhooks, "BOOKINGS")),
        ("code", hook(None, VerifyScheme::Github, "CODE")),
        ("pay", hook(None, VerifyScheme::Stripe, "PAYMENTS")),
        ("lost", hook(None, VerifyScheme::Github, "LOST")),
    ];
    Inputs { webhook: webhook.map(|(name, hook)| (name.to_owned(), hook)).into(), ..Inputs::default() }
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
        Ok((business, Arc::new(inputs())))
    }

    async fn handle(&self, call: EventCall) -> Result<Handled, HandleError> {
        self.events.lock().unwrap().push(call.clone());
        let HandlerEvent::Webhook { body, .. } = call.event else { panic!("the desk reads webhooks") };
        let asked: Value = serde_json::from_slice(&body).unwrap();
        let mended = *self.mended.lock().unwrap();
        let reply = asked["reply"]
            .as_str()
            .map(|text| Reply { content_type: "text/plain".to_owned(), body: text.as_bytes().to_vec() });
        let reason = "a table for 400 guests".to_owned();
        match asked["do"].as_str().unwrap_or_default() {
            "invalid" => Err(Rejection::Invalid(reason).into()),
            "forbidden" => Err(Rejection::Forbidden(reason).into()),
            "unavailable" if !mended => Err(Rejection::Unavailable(reason).into()),
            "broken" if !mended => Err(DecideError::Internal("the inside of the host".to_owned()).into()),
            "nothing" => Ok(Handled { inputs: Vec::new(), reply }),
            _ => {
                let texts = asked["inputs"].as_array().cloned().unwrap_or_else(|| vec![json!("read")]);
                let inputs = texts.iter().map(|text| NewInput {
                    id: None,
                    input_type: InputType::Webhook,
                    user_id: None,
                    location_id: None,
                    content: Content { text: text.as_str().map(str::to_owned), ..Content::default() },
                });
                Ok(Handled { inputs: inputs.collect(), reply })
            }
        }
    }
}
