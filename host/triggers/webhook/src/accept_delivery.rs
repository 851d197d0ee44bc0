use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use signalbox_executor::{HandlerEvent, NewInput};
use signalbox_intake::{Acceptance, Arrival, InputEntry, InputOrigin, Intake, Received};
use signalbox_model::strict_json::{self, BodyError};
use signalbox_model::{Content, InputType, JsonObject, ReplySlot, Source};
use signalbox_store::{Claim, Delivery, DeliveryAnswer, SignatureUse, Store};

use crate::delivery_error::DeliveryError;

/// A proven signature that would be valid at other addresses too.
pub(super) struct Signature {
    /// The id of the signed content.
    pub id: String,
    /// The address that it came to: business and hook.
    pub address: String,
}

/// A delivery whose sender is verified.
pub(super) struct VerifiedDelivery {
    pub business_id: String,
    pub hook: String,
    /// None when its secret is used at this address only.
    pub signature: Option<Signature>,
    /// The sender's id of the delivery.
    pub sender_id: String,
    /// The headers, without those that carry secrets.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub received_at: Timestamp,
    pub correlation_id: String,
}

/// Stores the inputs of the delivery and returns the answer. When any step fails, the same delivery may be sent again:
/// its inputs get the same ids, so that none is decided twice.
pub(super) async fn accept_delivery(
    intake: &Intake,
    store: &Store,
    verified: VerifiedDelivery,
) -> Result<DeliveryAnswer, DeliveryError> {
    if let Some(Signature { id, address }) = &verified.signature {
        let used = SignatureUse { id: id.clone(), address: address.clone(), received_at: verified.received_at };
        if !store.claim_signature(&used).await? {
            return Err(DeliveryError::UsedAtAnotherHook);
        }
    }
    let delivery = Delivery {
        id: signalbox_model::delivery_id(&verified.business_id, &verified.hook, &verified.sender_id),
        business_id: verified.business_id.clone(),
        fingerprint: hex::encode(Sha256::digest(&verified.body)),
        received_at: verified.received_at,
    };
    match store.claim_delivery(&delivery).await? {
        Claim::Open => {}
        Claim::Answered(answer) => {
            tracing::info!(delivery_id = delivery.id, "answered a repeated delivery as before");
            return Ok(answer);
        }
        Claim::Conflict => return Err(DeliveryError::IdReused),
    }
    let VerifiedDelivery { business_id, hook, sender_id, headers, body, correlation_id, .. } = verified;
    let arrival = Arrival {
        origin: InputOrigin {
            source: Source::ExternalApi,
            scope: format!("wh/{business_id}/{hook}"),
            // Not the sender's own id: it may hold a slash, with which the inputs of two deliveries might get the same
            // id.
            event_id: delivery.id.clone(),
            business_id,
            user_id: None,
            permissions: Vec::new(),
            correlation_id,
            fingerprint: Some(delivery.fingerprint.clone()),
            reply: ReplySlot::None,
        },
        entry: InputEntry::Webhook(hook.clone()),
        mapped_input_id: None,
        handler_event_id: delivery.id.clone(),
        event: HandlerEvent::Webhook { hook, delivery_id: sender_id, headers, body: body.to_vec() },
    };
    let Received { inputs, reply } = intake.receive(arrival, default_mapping).await?;
    let mut input_ids = Vec::with_capacity(inputs.len());
    for input in inputs {
        match intake.accept(input).await? {
            Acceptance::New(receipt) | Acceptance::Duplicate(receipt) => input_ids.push(receipt.input_id),
            Acceptance::Conflict(_) => return Err(DeliveryError::IdReused),
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

/// Without a handler the body is the data of one input, and the metadata name its hook.
fn default_mapping(event: HandlerEvent) -> Result<NewInput, DeliveryError> {
    let HandlerEvent::Webhook { hook, delivery_id, body, .. } = event else { return Err(DeliveryError::Internal) };
    let data: JsonObject = strict_json::read(&body, &[""]).map_err(|error| {
        let (BodyError::Syntax(reason) | BodyError::Shape(reason)) = error;
        DeliveryError::NoObject(reason)
    })?;
    let metadata =
        JsonObject::from_iter([("hook".to_owned(), json!(hook)), ("deliveryId".to_owned(), json!(delivery_id))]);
    Ok(NewInput {
        id: None,
        input_type: InputType::Webhook,
        user_id: None,
        location_id: None,
        content: Content { text: None, data: Some(data), metadata: Some(metadata) },
    })
}
