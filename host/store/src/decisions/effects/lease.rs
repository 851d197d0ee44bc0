//! Leases: of several hosts on one store, one attempts a decision's effects at a time.

use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use signalbox_model::Timestamp;

use super::queued::is_due;
use super::{EffectUpdate, apply, effect_of};
use crate::client::{failure, key};
use crate::decisions::{BUSINESS, ID, LEASE_HOLDER, LEASE_UNTIL, REVISION};
use crate::item::AttributeMap;
use crate::key::instant;
use crate::queue::{Lane, Place};
use crate::tables::BY_DUE;
use crate::{DecisionRecord, Effect, EffectLease, Store, StoreError};

impl Store {
    /// A lease of this process that begins at `now`. A decision that is committed with it is attempted by this host
    /// first, and found by other hosts when the lease has ended.
    pub(crate) fn new_effect_lease(&self, now: Timestamp) -> EffectLease {
        let until = now.checked_add(self.effect_lease()).unwrap_or(Timestamp::MAX);
        EffectLease { holder: self.instance().to_owned(), until }
    }

    /// Gives this process the lease of a decision that is about to be written, when one of its effects is due and no
    /// other host has the lease.
    pub fn lease_due_effects(&self, record: &mut DecisionRecord) {
        let now = self.timeline().wall();
        let is_free = record.lease.as_ref().is_none_or(|lease| lease.until <= now);
        if is_free && record.effects.iter().any(|effect| is_due(record, effect, now)) {
            record.lease = Some(self.new_effect_lease(now));
        }
    }

    /// Takes the lease of a decision with effects that are due, for this process: the decision as it stands then, or
    /// none when another host has the lease, or nothing of the decision is due any more.
    ///
    /// One conditional write. Until the lease ends, no other search finds the decision.
    pub async fn claim_effects(
        &self,
        id: &str,
        business_id: &str,
        now: Timestamp,
    ) -> Result<Option<DecisionRecord>, StoreError> {
        let table = &self.names().decisions;
        let lease = self.new_effect_lease(now);
        let place = Place::new(Lane::Pending, lease.until, id);
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key((ID, id), (BUSINESS, business_id))))
            .update_expression(
                "SET #holder = :holder, #until = :until, #lane = :lane, #due = :due, #revision = #revision + :one",
            )
            .condition_expression("attribute_exists(#lane) AND (attribute_not_exists(#until) OR #until <= :now)")
            .expression_attribute_names("#holder", LEASE_HOLDER)
            .expression_attribute_names("#until", LEASE_UNTIL)
            .expression_attribute_names("#lane", BY_DUE.partition)
            .expression_attribute_names("#due", BY_DUE.sort)
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":holder", text(&lease.holder))
            .expression_attribute_values(":until", text(&instant(lease.until)))
            .expression_attribute_values(":lane", AttributeValue::S(place.partition))
            .expression_attribute_values(":due", AttributeValue::S(place.sort))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":now", text(&instant(now)))
            .return_values(ReturnValue::AllNew);
        let output = match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(output) => output,
            Err(StoreError::ConditionFailed { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match output.attributes {
            Some(item) => Ok(Some(self.decision_record(&item).await?)),
            None => Ok(None),
        }
    }

    /// Adds effects to a decision, except those whose ids it has already, and returns the record with them. Nothing is
    /// added when this host has lost its lease; the record then has another lease or none.
    pub async fn add_effects(
        &self,
        id: &str,
        business_id: &str,
        lease: &EffectLease,
        added: &[Effect],
    ) -> Result<DecisionRecord, StoreError> {
        self.change_effects(id, business_id, |record| {
            if record.lease.as_ref() != Some(lease) {
                return Ok(false);
            }
            let before = record.effects.len();
            for effect in added {
                if record.effects.iter().all(|other| other.id != effect.id) {
                    record.effects.push(effect.clone());
                }
            }
            Ok(record.effects.len() > before)
        })
        .await
    }

    /// Notes how the attempts under a lease ended, and ends the lease when `done`: other hosts find then what is left
    /// to do. The record as it stands afterwards.
    ///
    /// A host that has lost its lease, because it was slower than the lease is long, can still say that an effect was
    /// delivered, refused or dropped, and nothing else: what is to be tried again is the new holder's to say.
    pub async fn report_effects(
        &self,
        id: &str,
        business_id: &str,
        lease: &EffectLease,
        updates: &[EffectUpdate],
        done: bool,
    ) -> Result<DecisionRecord, StoreError> {
        self.change_effects(id, business_id, |record| {
            let holds = record.lease.as_ref() == Some(lease);
            let mut changed = false;
            for update in updates.iter().filter(|update| holds || update.state.is_final()) {
                changed |= apply(effect_of(record, &update.effect_id)?, &update.state);
            }
            if holds && done {
                record.lease = None;
                changed = true;
            }
            Ok(changed)
        })
        .await
    }
}

/// The lease that an item has.
pub(crate) fn lease_of(item: &AttributeMap) -> Option<EffectLease> {
    let read = |name| crate::item::text(item, name);
    Some(EffectLease { holder: read(LEASE_HOLDER)?.to_owned(), until: read(LEASE_UNTIL)?.parse().ok()? })
}
