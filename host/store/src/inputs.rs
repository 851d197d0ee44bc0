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
/// How often a host began to decide it again, after one had ended while it was at it. Not there at first, and in items
/// of earlier versions.
const ATTEMPTS: &str = "attempts";

/// How long a finished input's id is remembered; senders of webhooks repeat for up to 4 days.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An input that was acknowledged before it was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedInput {
    /// The input.
    pub input: AgentInput,
    /// What its sender may do in the business.
    pub permissions: Vec<String>,
    /// Where the answer goes.
    pub reply: ReplySlot,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// SHA-256 of the body as the sender sent it, in hexadecimal; none when the way in takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// An input that was accepted and not finished.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingInput {
    /// As it was accepted.
    pub accepted: AcceptedInput,
    /// How often a host began to decide it again, and neither finished nor said that it gave up.
    pub attempts: u32,
}

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// This call stored it.
    New,
    /// It was there already, decided or not.
    Duplicate,
    /// Another body came under its id before: this one is not stored.
    Conflict,
}

/// What is known of an input that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptedInputState {
    /// As it was accepted.
    pub accepted: AcceptedInput,
    /// When its decision was made; none while it is still to be decided.
    pub finished_at: Option<Timestamp>,
}

impl Store {
    /// Stores an input, once per business and input id. After this it is decided even if the process dies. One that
    /// comes again is a duplicate when its fingerprint is that of the first, or when neither has one.
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
        let call = PutItemInput::builder()
            .table_name(table)
            .set_item(Some(Place::new(Lane::Pending, accepted.accepted_at, &input.id).write(item, BY_DUE).build()))
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

    /// What is known of an input, as of the last finished write; none when it was never accepted, or was finished so
    /// long ago that it is forgotten.
    pub async fn input_state(
        &self,
        business_id: &str,
        input_id: &str,
    ) -> Result<Option<AcceptedInputState>, StoreError> {
        let item = self.item(&self.names().inputs, key((BUSINESS, business_id), (ID, input_id))).await?;
        // A webhook's delivery may have the id; that is no input.
        let Some(item) = item.filter(|item| item.contains_key(BODY)) else { return Ok(None) };
        let accepted = self.accepted_input(&item).await?;
        Ok(Some(AcceptedInputState { accepted, finished_at: finished_at(&item) }))
    }

    /// The answer when an input was there: new when this very call stored it.
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

    /// Inputs that were accepted and not finished, the oldest first; `limit` is from 1 to 100. A new one may take a
    /// moment to appear here.
    pub async fn pending_inputs(&self, limit: u32) -> Result<Vec<AcceptedInput>, StoreError> {
        let pending = self.inputs_to_recover(limit).await?;
        Ok(pending.into_iter().map(|pending| pending.accepted).collect())
    }

    /// The same, with how often it was tried to decide each.
    pub async fn inputs_to_recover(&self, limit: u32) -> Result<Vec<PendingInput>, StoreError> {
        Ok(self.pending_inputs_after(None, limit).await?.items)
    }

    /// The same page by page: whoever leaves some of them alone gets past them with the page's cursor.
    pub async fn pending_inputs_after(
        &self,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<PendingInput>, StoreError> {
        let (table, limit) = (&self.names().inputs, checked(limit)?);
        let queue = Queue { table, index: BY_DUE, lane: Lane::Pending, now: None, keys: [ID, BUSINESS] };
        let mut pages = Pages::of(PageSource::Queue(queue), cursor.map(str::to_owned), limit);
        while let Some(found) = pages.next(self).await? {
            // The index lags behind: what was finished a moment ago may still be in it.
            for item in found.iter().filter(|item| item.contains_key(BY_DUE.partition)) {
                let accepted = self.accepted_input(item).await;
                pages.add(accepted.map(|accepted| Some(PendingInput { accepted, attempts: attempts(item) })))?;
            }
        }
        Ok(pages.end())
    }

    /// Notes that an input is about to be decided again, and says how often that was now; none when it is finished, or
    /// was never accepted. Whoever ends without finishing it has to say so by [`Store::end_attempts`]: who cannot is
    /// dead.
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

    /// How often it was begun to decide an input again; zero when it is finished, or was never accepted.
    pub async fn attempts_at_input(&self, input_id: &str, business_id: &str) -> Result<u32, StoreError> {
        let item = self.item(&self.names().inputs, key((BUSINESS, business_id), (ID, input_id))).await?;
        let pending = item.filter(|item| item.contains_key(BY_DUE.partition));
        Ok(pending.as_ref().map_or(0, attempts))
    }

    /// Notes that nobody is at an input any more, though it is not finished: no host ended because of it.
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

    /// Notes that an input is decided. Its id is remembered for 7 days more, so that a sender who repeats it is known.
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

/// When an input was finished. Items of earlier versions say only when they expire, which they do a fixed time later.
fn finished_at(item: &AttributeMap) -> Option<Timestamp> {
    match text(item, FINISHED_AT) {
        Some(at) => at.parse().ok(),
        None => {
            let expires = i64::try_from(number(item, EXPIRES_AT)?).ok()?;
            Timestamp::from_second(expires).ok()?.checked_sub(REMEMBERED).ok()
        }
    }
}
