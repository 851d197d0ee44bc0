use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use serde::{Deserialize, Serialize};
use signalbox_model::{AgentOutput, DecisionModel, ReplySlot, Review};
use ulid::Ulid;

use crate::change_feed::change_keys;
use crate::client::{Part, Transacted, failure, key};
use crate::document::{ITEM_LIMIT, pack, packed_size, unpack};
use crate::item::{AttributeMap, ItemBuilder, text};
use crate::key::{compose, instant, moment};
use crate::optimistic::Contention;
use crate::tables::{BY_BUSINESS, BY_CODE, BY_DUE};
use crate::{DecisionRecord, SessionUpdate, Store, StoreError};

mod effects;
mod queries;
mod reviews;

pub use effects::{
    EffectBacklog, EffectBacklogs, EffectCommand, EffectCommanded, EffectUpdate, Handover, OpenEffects, QueuedEffects,
};
pub use queries::{DecisionQuery, Missed, Order, Page};
pub use reviews::{Resolved, ReviewDecision};

/// Attributes of a decision's item.
pub(crate) const ID: &str = "id";
pub(crate) const BUSINESS: &str = "businessId";
const BODY: &str = "body";
const EFFECTS: &str = "effects";
/// Stored beside the body, which never changes. The state of the review follows from its resolution.
const REVIEW: &str = "review";
const REVISION: &str = "revision";
const LEASE_HOLDER: &str = "leaseHolder";
const LEASE_UNTIL: &str = "leaseUntil";
const WRITER: &str = "writer";

/// The result of a commit.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// This call has written the decision.
    New,
    /// The decision was written earlier; this is its stored record.
    Duplicate(Box<DecisionRecord>),
}

/// A decision as it was read from the store, with its revision. A change that is based on it is written only while the
/// stored decision still has that revision.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadDecision {
    /// The decision.
    pub record: DecisionRecord,
    item: AttributeMap,
}

/// The part of a record that does not change once it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    decision: &'a DecisionModel,
    output: &'a AgentOutput,
    reply: &'a ReplySlot,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: &'a Option<SessionUpdate>,
}

/// A [`Body`] as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredBody {
    decision: DecisionModel,
    output: AgentOutput,
    reply: ReplySlot,
    session: Option<SessionUpdate>,
}

/// The result of one attempt to write a decision.
enum Tried {
    Written,
    /// The decision exists already; with its item, when the store returned it.
    Refused(Option<AttributeMap>),
    /// Another transaction is writing one of the items.
    Conflict,
}

impl Store {
    /// Writes a decision with its effects and its session update, all or nothing, and only once. When the decision is
    /// stored already, nothing changes and the stored record is returned.
    pub async fn commit_decision(&self, record: &DecisionRecord) -> Result<Committed, StoreError> {
        // An attempt may write and lose its answer, and the next attempt then finds that write. The writer's id
        // distinguishes it from the write of another call.
        let writer = Ulid::new().to_string();
        let item = self.decision_item(record, &writer).await?;
        let session = match &record.session {
            Some(update) => Some(self.session_write(&record.decision.business_id, update).await?),
            None => None,
        };
        let what = || format!("the conversation of decision {}", record.decision.id);
        let mut contention = Contention::at(&self.names().decisions, what);
        loop {
            let tried = match &session {
                None => self.put_decision(item.clone()).await?,
                Some(session) => self.put_decision_and_session(item.clone(), session.clone()).await?,
            };
            match tried {
                Tried::Written => return Ok(Committed::New),
                Tried::Refused(found) => return self.found(record, &writer, found).await,
                Tried::Conflict => contention.again().await?,
            }
        }
    }

    /// One decision, as of the last finished write.
    pub async fn decision(&self, id: &str, business_id: &str) -> Result<Option<DecisionRecord>, StoreError> {
        Ok(self.read_decision(id, business_id).await?.map(|read| read.record))
    }

    /// Like [`Store::decision`], with the revision, for a caller that checks the decision before changing it.
    pub async fn read_decision(&self, id: &str, business_id: &str) -> Result<Option<ReadDecision>, StoreError> {
        match self.item(&self.names().decisions, key((ID, id), (BUSINESS, business_id))).await? {
            Some(item) => Ok(Some(ReadDecision { record: self.decision_record(&item).await?, item })),
            None => Ok(None),
        }
    }

    async fn existing_decision(&self, id: &str, business_id: &str) -> Result<ReadDecision, StoreError> {
        self.read_decision(id, business_id).await?.ok_or_else(|| StoreError::NotFound {
            what: format!("decision {id} of business {business_id}"),
            table: self.names().decisions.clone(),
        })
    }

    async fn put_decision(&self, item: AttributeMap) -> Result<Tried, StoreError> {
        let table = &self.names().decisions;
        let call = PutItemInput::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.send(call).await {
            Ok(_) => Ok(Tried::Written),
            Err(SdkError::ServiceError(error)) if error.err().code() == Some("TransactionConflictException") => {
                Ok(Tried::Conflict)
            }
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                match error.into_err() {
                    PutItemError::ConditionalCheckFailedException(refused) => Ok(Tried::Refused(refused.item)),
                    _ => Ok(Tried::Refused(None)),
                }
            }
            Err(error) => Err(failure("PutItem", table, error)),
        }
    }

    async fn put_decision_and_session(
        &self,
        decision: AttributeMap,
        session: aws_sdk_dynamodb::types::Update,
    ) -> Result<Tried, StoreError> {
        const OPERATION: &str = "TransactWriteItems";
        let decisions = &self.names().decisions;
        let invalid = |error: aws_sdk_dynamodb::error::BuildError| StoreError::Refused {
            table: decisions.clone(),
            operation: OPERATION,
            reason: error.to_string(),
        };
        let first = Put::builder()
            .table_name(decisions)
            .set_item(Some(decision))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(invalid)?;
        let parts =
            vec![TransactWriteItem::builder().put(first).build(), TransactWriteItem::builder().update(session).build()];
        Ok(match self.transact(decisions, parts).await? {
            Transacted::Written => Tried::Written,
            Transacted::Conflict => Tried::Conflict,
            Transacted::Refused(parts) => Tried::Refused(parts.into_iter().find_map(|part| match part {
                Part::Refused(item) => item,
                Part::Fits => None,
            })),
        })
    }

    /// The result when the decision exists: the stored record, or new when this call has written it.
    async fn found(
        &self,
        record: &DecisionRecord,
        writer: &str,
        item: Option<AttributeMap>,
    ) -> Result<Committed, StoreError> {
        let table = &self.names().decisions;
        let item = match item {
            Some(item) if !item.is_empty() => item,
            _ => {
                let key = key((ID, &record.decision.id), (BUSINESS, &record.decision.business_id));
                let refused = || StoreError::ConditionFailed { table: table.clone(), operation: "PutItem" };
                self.item(table, key).await?.ok_or_else(refused)?
            }
        };
        if text(&item, WRITER) == Some(writer) {
            return Ok(Committed::New);
        }
        Ok(Committed::Duplicate(Box::new(self.decision_record(&item).await?)))
    }

    async fn decision_item(&self, record: &DecisionRecord, writer: &str) -> Result<AttributeMap, StoreError> {
        let DecisionRecord { decision, output, reply, session, review, effects, lease } = record;
        let body = pack(&Body { decision, output, reply, session }).await?;
        let packed = pack(effects).await?;
        let review = match review {
            Some(review) => Some(pack(review).await?),
            None => None,
        };
        let documents = [&body, &packed].into_iter().chain(&review);
        self.check_size(&decision.id, documents.map(packed_size).sum(), ITEM_LIMIT)?;
        let mut item = ItemBuilder::default()
            .text(ID, &decision.id)
            .text(BUSINESS, &decision.business_id)
            .text(BY_BUSINESS.sort, moment(decision.created_at, &decision.id))
            .text(BY_CODE.partition, type_and_code(&decision.business_type, &decision.decision_code))
            .text(WRITER, writer)
            .attribute(BODY, body)
            .attribute(EFFECTS, packed)
            .number(REVISION, 1);
        if let Some(due) = effects::due(record, self.timeline().wall()) {
            item = due.write(item, BY_DUE);
        }
        if let Some(lease) = lease {
            item = item.text(LEASE_HOLDER, &lease.holder).text(LEASE_UNTIL, instant(lease.until));
        }
        if let Some(review) = review {
            item = item.attribute(REVIEW, review);
        }
        for (name, value) in reviews::places(record) {
            item = item.text(name, value);
        }
        if self.announces_changes() && record.announces_answers() {
            for (name, value) in change_keys(decision.created_at, &decision.id) {
                item = item.text(name, value);
            }
        }
        Ok(item.build())
    }

    fn check_size(&self, id: &str, size: usize, limit: usize) -> Result<(), StoreError> {
        if size <= limit {
            return Ok(());
        }
        let table = self.names().decisions.clone();
        Err(StoreError::TooLarge { what: format!("decision {id} with its effects"), table, size, limit })
    }

    pub(crate) async fn decision_record(&self, item: &AttributeMap) -> Result<DecisionRecord, StoreError> {
        let unreadable = |reason| self.unreadable_decision(item, reason);
        let StoredBody { mut decision, output, reply, session } = unpack(item, BODY).await.map_err(unreadable)?;
        let effects = unpack(item, EFFECTS).await.map_err(unreadable)?;
        let review: Option<Review> = match item.contains_key(REVIEW) {
            true => Some(unpack(item, REVIEW).await.map_err(unreadable)?),
            false => None,
        };
        if let Some(resolution) = review.as_ref().and_then(|review| review.resolution.as_ref()) {
            decision.outcome = resolution.verdict.outcome();
        }
        Ok(DecisionRecord { decision, output, reply, session, review, effects, lease: effects::lease_of(item) })
    }

    fn unreadable_decision(&self, item: &AttributeMap, reason: String) -> StoreError {
        let named = |name| text(item, name).unwrap_or("unknown");
        let what = format!("decision {} of business {}", named(ID), named(BUSINESS));
        self.unreadable(&self.names().decisions, what, reason)
    }
}

/// The partition of past decisions with the same business type and code.
fn type_and_code(business_type: &str, decision_code: &str) -> String {
    compose(&[business_type, decision_code])
}
