use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use serde::{Deserialize, Serialize};
use signalbox_model::{AgentInput, ReplySlot, Timestamp};
use ulid::Ulid;

use crate::client::{failure, key};
use crate::document::{ITEM_LIMIT, pack, packed_size, unpack};
use crate::item::{AttributeMap, EXPIRES_AT, ItemBuilder, number, text};
use crate::key::instant;
use crate::listing::{PageSource, Pages, Queue, checked};
use crate::queue::{Lane, Place};
use crate::tables::BY_DUE;
use crate::{Page, Store, StoreError};

pub(crate) const BUSINESS: &str = "businessId";
pub(crate) const ID: &str = "id";
const BODY: &str = "body";
const WRITER: &str = "writer";
const FINISHED_AT: &str = "finishedAt";
/// How often a host began to decide the input again after a host had ended while it decided it. The attribute is
/// missing before the first such attempt, and in items of earlier versions.
const ATTEMPTS: &str = "attempts";

/// How long the id of a finished input is remembered; senders of webhooks repeat for up to 4 days.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An input that was acknowledged before it was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedInput {
    /// The input.
    pub input: AgentInput,
    /// The sender's permissions in the business.
    pub permissions: Vec<String>,
    /// Where the answer goes.
    pub reply: ReplySlot,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// SHA-256 of the body as the sender sent it, in hexadecimal; none when the trigger computes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// An accepted input that is not finished.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingInput {
    /// The accepted input.
    pub accepted: AcceptedInput,
    /// How many attempts to decide it again began and neither finished nor were ended by [`Store::end_attempts`].
    pub attempts: u32,
}

/// The result of storing an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// This call has stored it.
    New,
    /// It was stored earlier, and may be decided already.
    Duplicate,
    /// Another input with the same id was stored earlier; this one is not stored.
    Conflict,
}

/// The state of an accepted input.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptedInputState {
    /// The accepted input.
    pub accepted: AcceptedInput,
    /// When its decision was made; none while it is not decided.
    pub finished_at: Option<Timestamp>,
}

impl Store {
    /// Stores an input, once per business and input id. After this it is decided even if the process dies. An input
    /// that arrives again is a duplicate when it has the fingerprint of the first, or when neither has one.
    pub async fn accept_input(&self, accepted: &AcceptedInput) -> Result<Accepted, StoreError> {
        let table = &self.names().inputs;
        let input = &accepted.input;
        let body = pack(accepted).await?;
        let size = packed_size(&body);
        if size > ITEM_LIMIT {
            let what = format!("input {}", input.id);
            return Err(StoreError::TooLarge { what, table: table.clone(), size, limit: ITEM_LIMIT });
        }
        // An attempt may write and lose its answer, and the next attempt then finds that write. The writer's id
        // distinguishes it from an earlier call's write.
        let writer = Ulid::new().to_string();
        let item = ItemBuilder::default()
            .text(BUSINESS, &input.business_id)
            .text(ID, &input.id)
            .text(WRITER, &writer)
            .attribute(BODY, body);
        // With the business's id, because two businesses may have inputs with the same id and time, and a cursor
        // between two equal sort keys would skip the second.
        let place = Place::new(Lane::Pending, accepted.accepted_at, &format!("{}#{}", input.id, input.business_id));
        let call = PutItemInput::builder()
            .table_name(table)
            .set_item(Some(place.write(item, BY_DUE).build()))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.send(call).await {
            Ok(_) => Ok(Accepted::New),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                let found = match error.into_err() {
                    PutItemError::ConditionalCheckFailedException(refused) => refused.item,
                    _ => None,
                };
                self.known_input(accepted, &writer, found).await
            }
            Err(error) => Err(failure("PutItem", table, error)),
        }
    }

    /// The state of an input, as of the last finished write; none when it was never accepted, or was finished so long
    /// ago that it has expired.
    pub async fn input_state(
        &self,
        business_id: &str,
        input_id: &str,
    ) -> Result<Option<AcceptedInputState>, StoreError> {
        let item = self.item(&self.names().inputs, key((BUSINESS, business_id), (ID, input_id))).await?;
        // The id may be that of a webhook's delivery, which is not an input.
        let Some(item) = item.filter(|item| item.contains_key(BODY)) else { return Ok(None) };
        let accepted = self.accepted_input(&item).await?;
        Ok(Some(AcceptedInputState { accepted, finished_at: finished_at(&item) }))
    }

    /// The result when an input exists: new when this call has stored it.
    async fn known_input(
        &self,
        accepted: &AcceptedInput,
        writer: &str,
        item: Option<AttributeMap>,
    ) -> Result<Accepted, StoreError> {
        let table = &self.names().inputs;
        let item = match item {
            Some(item) if !item.is_empty() => item,
            _ => {
                let input = &accepted.input;
                let refused = || StoreError::ConditionFailed { table: table.clone(), operation: "PutItem" };
                let key = key((BUSINESS, &input.business_id), (ID, &input.id));
                self.item(table, key).await?.ok_or_else(refused)?
            }
        };
        if text(&item, WRITER) == Some(writer) {
            return Ok(Accepted::New);
        }
        let first = self.accepted_input(&item).await?;
        Ok(if first.fingerprint == accepted.fingerprint { Accepted::Duplicate } else { Accepted::Conflict })
    }

    /// Accepted inputs that are not finished, the oldest first; `limit` is from 1 to 100. A new input may take a moment
    /// to appear.
    pub async fn pending_inputs(&self, limit: u32) -> Result<Vec<AcceptedInput>, StoreError> {
        let pending = self.inputs_to_recover(limit).await?;
        Ok(pending.into_iter().map(|pending| pending.accepted).collect())
    }

    /// Like [`Store::pending_inputs`], with the number of attempts of each.
    pub async fn inputs_to_recover(&self, limit: u32) -> Result<Vec<PendingInput>, StoreError> {
        Ok(self.pending_inputs_after(None, limit).await?.items)
    }

    /// Like [`Store::inputs_to_recover`], page by page. A caller that skips some inputs passes the page's cursor to get
    /// the following ones.
    pub async fn pending_inputs_after(
        &self,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<PendingInput>, StoreError> {
        let (table, limit) = (&self.names().inputs, checked(limit)?);
        let queue = Queue { table, index: BY_DUE, lane: Lane::Pending, now: None, filter: None, keys: [ID, BUSINESS] };
        let mut pages = Pages::of(PageSource::Queue(queue), cursor.map(str::to_owned), limit);
        while let Some(found) = pages.next(self).await? {
            // The index is updated a little later than the table: an input that was just finished may still be in it.
            for item in found.iter().filter(|item| item.contains_key(BY_DUE.partition)) {
                let accepted = self.accepted_input(item).await;
                pages.add(accepted.map(|accepted| Some(PendingInput { accepted, attempts: attempts(item) })))?;
            }
        }
        Ok(pages.end())
    }

    /// Notes that an attempt to decide an input again begins, and returns the number of attempts; none when the input
    /// is finished or was never accepted. A host that stops without finishing the input calls [`Store::end_attempts`];
    /// an attempt that stays counted shows that its host died.
    pub async fn begin_attempt(&self, input_id: &str, business_id: &str) -> Result<Option<u32>, StoreError> {
        let table = &self.names().inputs;
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key((BUSINESS, business_id), (ID, input_id))))
            .update_expression("ADD #attempts :one")
            .condition_expression("attribute_exists(#queue)")
            .expression_attribute_names("#attempts", ATTEMPTS)
            .expression_attribute_names("#queue", BY_DUE.partition)
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::UpdatedNew);
        match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(done) => Ok(Some(done.attributes.as_ref().map_or(1, attempts))),
            Err(StoreError::ConditionFailed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many attempts to decide an input again are counted; zero when it is finished or was never accepted.
    pub async fn attempts_at_input(&self, input_id: &str, business_id: &str) -> Result<u32, StoreError> {
        let item = self.item(&self.names().inputs, key((BUSINESS, business_id), (ID, input_id))).await?;
        let pending = item.filter(|item| item.contains_key(BY_DUE.partition));
        Ok(pending.as_ref().map_or(0, attempts))
    }

    /// Notes that no host decides an input any more although it is not finished, and that no host died because of it.
    pub async fn end_attempts(&self, input_id: &str, business_id: &str) -> Result<(), StoreError> {
        let table = &self.names().inputs;
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key((BUSINESS, business_id), (ID, input_id))))
            .update_expression("REMOVE #attempts")
            .condition_expression("attribute_exists(id)")
            .expression_attribute_names("#attempts", ATTEMPTS);
        match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(_) | Err(StoreError::ConditionFailed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Notes that an input is decided. Its id is remembered for 7 more days, to recognise repetitions by its sender.
    pub async fn finish_input(&self, input_id: &str, business_id: &str) -> Result<(), StoreError> {
        let table = &self.names().inputs;
        let now = Timestamp::now();
        let forget = now.checked_add(REMEMBERED).unwrap_or(Timestamp::MAX);
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key((BUSINESS, business_id), (ID, input_id))))
            .update_expression("SET #expires = :forget, #finished = if_not_exists(#finished, :now) REMOVE #queue, #due")
            .condition_expression("attribute_exists(id)")
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_names("#finished", FINISHED_AT)
            .expression_attribute_values(":now", AttributeValue::S(instant(now)))
            .expression_attribute_names("#queue", BY_DUE.partition)
            .expression_attribute_names("#due", BY_DUE.sort)
            .expression_attribute_values(":forget", AttributeValue::N(forget.as_second().to_string()));
        match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(_) => Ok(()),
            Err(StoreError::ConditionFailed { table, .. }) => {
                Err(StoreError::NotFound { what: format!("input {input_id} of business {business_id}"), table })
            }
            Err(error) => Err(error),
        }
    }

    async fn accepted_input(&self, item: &AttributeMap) -> Result<AcceptedInput, StoreError> {
        let named = |name| text(item, name).unwrap_or("unknown");
        let what = || format!("input {} of business {}", named(ID), named(BUSINESS));
        unpack(item, BODY).await.map_err(|reason| self.unreadable(&self.names().inputs, what(), reason))
    }
}

fn attempts(item: &AttributeMap) -> u32 {
    number(item, ATTEMPTS).and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or(0)
}

/// When an input was finished. Items of earlier versions only say when they expire, which is a fixed time later.
fn finished_at(item: &AttributeMap) -> Option<Timestamp> {
    match text(item, FINISHED_AT) {
        Some(at) => at.parse().ok(),
        None => {
            let expires = i64::try_from(number(item, EXPIRES_AT)?).ok()?;
            Timestamp::from_second(expires).ok()?.checked_sub(REMEMBERED).ok()
        }
    }
}
