//! Deliveries of webhooks. The store remembers each by its sender's id, with the answer that it got, for as long as
//! senders repeat deliveries.

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

/// A verified delivery whose inputs are not accepted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The business of the webhook.
    pub business_id: String,
    /// Its id, `dlv_…`.
    pub id: String,
    /// SHA-256 of its body, in hexadecimal.
    pub fingerprint: String,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// A signature that would be valid for several addresses, and the address that received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureUse {
    /// The id of the signed content, `sig_…`.
    pub id: String,
    /// Business and hook.
    pub address: String,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// The answer to a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The state of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It has no answer yet: it is new, or the host that received it failed before the answer.
    Open,
    /// It was accepted earlier, with this answer.
    Answered(DeliveryAnswer),
    /// An earlier delivery with the same id had another body.
    Conflict,
}

impl Store {
    /// Notes the address that received a signature; false when another address received it earlier. The store remembers
    /// it for as long as the delivery itself.
    pub async fn claim_signature(&self, used: &SignatureUse) -> Result<bool, StoreError> {
        let table = &self.names().inputs;
        let forget = used.received_at.checked_add(REMEMBERED).unwrap_or(Timestamp::MAX);
        // A signature belongs to no business. The id of a business cannot begin with `~`.
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

    /// Notes that a delivery has arrived, once per business and id, and returns its state. The store remembers it for 7
    /// days; senders of webhooks repeat a delivery for up to 4 days.
    pub async fn claim_delivery(&self, delivery: &Delivery) -> Result<Claim, StoreError> {
        // In the table of inputs, because deliveries expire like inputs. Without index keys it is not taken for an
        // input.
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
            // The server did not return the item that exists.
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

    /// Stores the answer to a claimed delivery, so that a repetition gets the same answer.
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
