//! Deliveries of webhooks: each is known by its sender's id for as long as senders repeat, with what it was answered.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use signalbox_model::Timestamp;

use crate::client::{failure, key};
use crate::inputs::{BUSINESS, ID, REMEMBERED};
use crate::item::{AttributeMap, ItemBuilder, Update, bytes, number, text};
use crate::{Store, StoreError};

const ADDRESS: &str = "address";
const FINGERPRINT: &str = "fingerprint";
const STATUS: &str = "status";
const CONTENT_TYPE: &str = "contentType";
const REPLY: &str = "reply";

/// A delivery that was verified and not taken in yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whose webhook it is.
    pub business_id: String,
    /// Its id, `dlv_…`.
    pub id: String,
    /// SHA-256 of its body, in hexadecimal.
    pub fingerprint: String,
    /// When it came.
    pub received_at: Timestamp,
}

/// A signature that would be believed at several addresses, and the one where it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureUse {
    /// The id of what was signed, `sig_…`.
    pub id: String,
    /// Business and hook.
    pub address: String,
    /// When it came.
    pub received_at: Timestamp,
}

/// What the sender of a delivery was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What is known of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody has answered it: it is new, or whoever had it died or failed before the end.
    Open,
    /// It was taken in before, and this was said.
    Answered(DeliveryAnswer),
    /// Another body came under its id before.
    Conflict,
}

impl Store {
    /// Notes where a signature was shown, and says whether it was shown nowhere else before. It is remembered for as
    /// long as the delivery itself.
    pub async fn claim_signature(&self, used: &SignatureUse) -> Result<bool, StoreError> {
        let table = &self.names().inputs;
        let forget = used.received_at.checked_add(REMEMBERED).unwrap_or(Timestamp::MAX);
        // It belongs to no business, and no business is called so.
        let nobody = format!("~{}", used.id);
        let item = ItemBuilder::default()
            .text(BUSINESS, nobody)
            .text(ID, &used.id)
            .text(ADDRESS, &used.address)
            .expires(forget);
        let call = PutItemInput::builder()
            .table_name(table)
            .set_item(Some(item.build()))
            .condition_expression("attribute_not_exists(id) OR #address = :address")
            .expression_attribute_names("#address", ADDRESS)
            .expression_attribute_values(":address", AttributeValue::S(used.address.clone()));
        match self.send(call).await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(false),
            Err(error) => Err(failure("PutItem", table, error)),
        }
    }

    /// Notes that a delivery has come, once per business and id, and says what became of it before. It is remembered
    /// for 7 days; senders of webhooks repeat for up to 4.
    pub async fn claim_delivery(&self, delivery: &Delivery) -> Result<Claim, StoreError> {
        // Next to the inputs, because it is forgotten like them; without a place in the queue nobody takes it for one.
        let table = &self.names().inputs;
        let forget = delivery.received_at.checked_add(REMEMBERED).unwrap_or(Timestamp::MAX);
        let item = ItemBuilder::default()
            .text(BUSINESS, &delivery.business_id)
            .text(ID, &delivery.id)
            .text(FINGERPRINT, &delivery.fingerprint)
            .expires(forget);
        let call = PutItemInput::builder()
            .table_name(table)
            .set_item(Some(item.build()))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let refused = match self.send(call).await {
            Ok(_) => return Ok(Claim::Open),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                match error.into_err() {
                    PutItemError::ConditionalCheckFailedException(refused) => refused.item,
                    _ => None,
                }
            }
            Err(error) => return Err(failure("PutItem", table, error)),
        };
        let found = match refused.filter(|item| !item.is_empty()) {
            Some(item) => item,
            // The server did not say what is in the way.
            None => {
                let lost = || StoreError::ConditionFailed { table: table.clone(), operation: "PutItem" };
                let key = key((BUSINESS, &delivery.business_id), (ID, &delivery.id));
                self.item(table, key).await?.ok_or_else(lost)?
            }
        };
        if text(&found, FINGERPRINT) != Some(&delivery.fingerprint) {
            return Ok(Claim::Conflict);
        }
        Ok(answer(&found).map_or(Claim::Open, Claim::Answered))
    }

    /// Keeps what the sender of a claimed delivery is told, so that it is told the same when it repeats.
    pub async fn answer_delivery(&self, delivery: &Delivery, answer: &DeliveryAnswer) -> Result<(), StoreError> {
        let table = &self.names().inputs;
        let update = Update::default()
            .set(STATUS, AttributeValue::N(answer.status.to_string()))
            .set(CONTENT_TYPE, AttributeValue::S(answer.content_type.clone()))
            .set(REPLY, AttributeValue::B(Blob::new(answer.body.clone())));
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key((BUSINESS, &delivery.business_id), (ID, &delivery.id))))
            .update_expression(update.expression())
            .condition_expression("attribute_exists(id)")
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values));
        match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(_) => Ok(()),
            Err(StoreError::ConditionFailed { table, .. }) => {
                let what = format!("delivery {} of business {}", delivery.id, delivery.business_id);
                Err(StoreError::NotFound { what, table })
            }
            Err(error) => Err(error),
        }
    }
}

fn answer(item: &AttributeMap) -> Option<DeliveryAnswer> {
    Some(DeliveryAnswer {
        status: number(item, STATUS)?.try_into().ok()?,
        content_type: text(item, CONTENT_TYPE)?.to_owned(),
        body: bytes(item, REPLY)?.to_vec(),
    })
}
