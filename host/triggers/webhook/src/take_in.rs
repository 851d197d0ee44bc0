use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use signalbox_executor::{Event, EventCall, Handled, NewInput};
use signalbox_graph::Json;
use signalbox_model::{Content, InputType, JsonObject, Source};
use signalbox_store::{Claim, Delivery, DeliveryAnswer, SignatureUse, Store};

use crate::refusal::Refusal;
use signalbox_intake::{Acceptance, Intake, Origin};

/// What proves a delivery, where it would prove it at other addresses too.
pub(super) struct Signature {
    /// Of what was signed.
    pub id: String,
    /// Where it came: business and hook.
    pub address: String,
}

/// A delivery whose sender is known.
pub(super) struct Proven {
    pub business_id: String,
    pub hook: String,
    /// The plugin that reads it; none is the default mapping.
    pub handler: Option<String>,
    /// None when its secret is of use at this address only.
    pub signature: Option<Signature>,
    /// What the sender calls it.
    pub sender_id: String,
    /// Without those that carry secrets.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub received_at: Timestamp,
    pub correlation_id: String,
}

/// Stores what the delivery asks for and says what to answer. Whatever fails on the way, the same delivery may come again:
/// its inputs have the ids they had before, so that none is decided twice.
pub(super) async fn take_in(intake: &Intake, store: &Store, proven: Proven) -> Result<DeliveryAnswer, Refusal> {
    if let Some(Signature { id, address }) = &proven.signature {
        let used = SignatureUse { id: id.clone(), address: address.clone(), received_at: proven.received_at };
        if !store.claim_signature(&used).await? {
            return Err(Refusal::UsedElsewhere);
        }
    }
    let delivery = Delivery {
        id: signalbox_model::delivery_id(&proven.business_id, &proven.hook, &proven.sender_id),
        business_id: proven.business_id.clone(),
        fingerprint: hex::encode(Sha256::digest(&proven.body)),
        received_at: proven.received_at,
    };
    match store.claim_delivery(&delivery).await? {
        Claim::Open => {}
        Claim::Answered(answer) => {
            tracing::info!(delivery_id = delivery.id, "answered a repeated delivery as before");
            return Ok(answer);
        }
        Claim::Conflict => return Err(Refusal::IdReused),
    }
    let origin = Origin {
        source: Source::ExternalApi,
        scope: format!("wh/{}/{}", proven.business_id, proven.hook),
        // Not the sender's own: with a slash in it, the inputs of two deliveries might be called the same.
        event_id: delivery.id.clone(),
        business_id: proven.business_id.clone(),
        permissions: Vec::new(),
        correlation_id: proven.correlation_id.clone(),
        fingerprint: Some(delivery.fingerprint.clone()),
    };
    let Handled { inputs, reply } = handle(intake, proven, &delivery).await?;
    let mut input_ids = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.into_iter().enumerate() {
        match intake.accept(intake.new_input(&origin, index, input)).await? {
            Acceptance::New(receipt) | Acceptance::Duplicate(receipt) => input_ids.push(receipt.input_id),
            Acceptance::Conflict(_) => return Err(Refusal::IdReused),
        }
    }
    let status = if input_ids.is_empty() { 200 } else { 202 };
    let answer = match reply {
        Some(reply) => DeliveryAnswer { status, content_type: reply.content_type, body: reply.body },
        None => DeliveryAnswer {
            status,
            content_type: "application/json".to_owned(),
            body: json!({ "deliveryId": delivery.id, "inputIds": input_ids }).to_string().into_bytes(),
        },
    };
    store.answer_delivery(&delivery, &answer).await?;
    tracing::info!(delivery_id = delivery.id, inputs = input_ids.len(), "took in a delivery");
    Ok(answer)
}

async fn handle(intake: &Intake, proven: Proven, delivery: &Delivery) -> Result<Handled, Refusal> {
    let Proven { business_id, hook, handler, sender_id, headers, body, correlation_id, .. } = proven;
    let Some(handler) = handler else { return default_mapping(&hook, &sender_id, &body) };
    let event = Event::Webhook { hook, delivery_id: sender_id, headers, body: body.to_vec() };
    let call = EventCall { business_id, handler, event_id: delivery.id.clone(), correlation_id, event };
    Ok(intake.decide().handle(call).await?)
}

/// Without a handler the body is the data of one input, and the metadata say which hook it came through.
fn default_mapping(hook: &str, sender_id: &str, body: &[u8]) -> Result<Handled, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::NoObject("it is no UTF-8".to_owned()))?;
    // How much it may hold was said when it was read.
    let json = Json::parse_within(text, usize::MAX).map_err(|error| Refusal::NoObject(format!("it is {error}")))?;
    let data =
        json.value().as_object().cloned().ok_or_else(|| Refusal::NoObject("it is another kind of JSON".to_owned()))?;
    let metadata =
        JsonObject::from_iter([("hook".to_owned(), json!(hook)), ("deliveryId".to_owned(), json!(sender_id))]);
    let input = NewInput {
        id: None,
        input_type: InputType::Webhook,
        user_id: None,
        location_id: None,
        content: Content { text: None, data: Some(data), metadata: Some(metadata) },
    };
    Ok(Handled { inputs: vec![input], reply: None })
}
