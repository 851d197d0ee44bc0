use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use serde::{Deserialize, Serialize};
use signalbox_model::{AgentInput, ReplySlot, Timestamp};
use ulid::Ulid;

use crate::client::{failure, key};
use crate::decisions::checked;
use crate::document::{ITEM_LIMIT, pack, packed_size, unpack};
use crate::item::{EXPIRES_AT, Item, ItemBuilder, text};
use crate::queue::{Lane, Place};
use crate::tables::BY_DUE;
use crate::{Store, StoreError};

const BUSINESS: &str = "businessId";
const ID: &str = "id";
const BODY: &str = "body";
const WRITER: &str = "writer";

/// How long a finished input's id is remembered; senders of webhooks repeat for up to 4 days.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An input that was acknowledged before it was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcceptedInput {
    /// The input.
    pub input: AgentInput,
    /// What its sender may do in the business.
    pub permissions: Vec<String>,
    /// Where the answer goes.
    pub reply: ReplySlot,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// This call stored it.
    New,
    /// It was there already, decided or not.
    Duplicate,
}

impl Store {
    /// Stores an input, once per business and input id. After this it is decided even if the process dies.
    pub async fn accept_input(&self, accepted: &AcceptedInput) -> Result<Accepted, StoreError> {
        let table = &self.names().inputs;
        let input = &accepted.input;
        let body = pack(accepted).await?;
        let size = packed_size(&body);
        if size > ITEM_LIMIT {
            let what = format!("input {}", input.id);
            return Err(StoreError::TooLarge { what, table: table.clone(), size, limit: ITEM_LIMIT });
        }
        // Tells this call's own write, seen again by a try whose forerunner's answer was lost, from an earlier call's.
        let writer = Ulid::new().to_string();
        let item = ItemBuilder::default()
            .text(BUSINESS, &input.business_id)
            .text(ID, &input.id)
            .text(WRITER, &writer)
            .attribute(BODY, body);
        let call = self
            .client()
            .put_item()
            .table_name(table)
            .set_item(Some(Place::new(Lane::Pending, accepted.accepted_at, &input.id).write(item).build()))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match call.send().await {
            Ok(_) => Ok(Accepted::New),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                let found = match error.into_err() {
                    PutItemError::ConditionalCheckFailedException(refused) => refused.item,
                    _ => None,
                };
                let own = found.is_some_and(|item| text(&item, WRITER) == Some(&writer));
                Ok(if own { Accepted::New } else { Accepted::Duplicate })
            }
            Err(error) => Err(failure("PutItem", table, error)),
        }
    }

    /// Inputs that were accepted and not finished, the oldest first; `limit` is from 1 to 100. A new one may take a
    /// moment to appear here.
    pub async fn pending_inputs(&self, limit: u32) -> Result<Vec<AcceptedInput>, StoreError> {
        let table = &self.names().inputs;
        let found = self.queued(table, Lane::Pending, None, checked(limit)?).await?;
        let keys = found.into_iter().map(|mut item| {
            item.retain(|name, _| name == ID || name == BUSINESS);
            item
        });
        let mut inputs = Vec::new();
        for item in self.items(table, keys.collect()).await? {
            // The index lags behind: what was finished a moment ago may still be in it.
            if !item.contains_key(BY_DUE.partition) {
                continue;
            }
            match self.accepted_input(&item).await {
                Ok(input) => inputs.push(input),
                // One that cannot be read must not hide the others.
                Err(error) => tracing::warn!(%error, "left an input out of those that are pending"),
            }
        }
        Ok(inputs)
    }

    /// Notes that an input is decided. Its id is remembered for 7 days more, so that a sender who repeats it is known.
    pub async fn finish_input(&self, input_id: &str, business_id: &str) -> Result<(), StoreError> {
        let table = &self.names().inputs;
        let forget = Timestamp::now().checked_add(REMEMBERED).unwrap_or(Timestamp::MAX);
        let call = self
            .client()
            .update_item()
            .table_name(table)
            .set_key(Some(key((BUSINESS, business_id), (ID, input_id))))
            .update_expression("SET #expires = :forget REMOVE #queue, #due")
            .condition_expression("attribute_exists(id)")
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_names("#queue", BY_DUE.partition)
            .expression_attribute_names("#due", BY_DUE.sort)
            .expression_attribute_values(":forget", AttributeValue::N(forget.as_second().to_string()));
        match call.send().await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(_) => Ok(()),
            Err(StoreError::ConditionFailed { table, .. }) => {
                Err(StoreError::NotFound { what: format!("input {input_id} of business {business_id}"), table })
            }
            Err(error) => Err(error),
        }
    }

    async fn accepted_input(&self, item: &Item) -> Result<AcceptedInput, StoreError> {
        unpack(item, BODY).await.map_err(|reason| StoreError::Unreadable {
            what: format!("input {}", text(item, ID).unwrap_or("without an id")),
            table: self.names().inputs.clone(),
            reason,
        })
    }
}
