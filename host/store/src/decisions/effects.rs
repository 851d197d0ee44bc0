mod command;
mod handover;
mod lease;
mod open;
mod queued;

pub use command::{EffectCommand, EffectCommanded};
pub use handover::Handover;
pub(super) use lease::lease_of;
pub use open::{EffectBacklog, EffectBacklogs, OpenEffects};
pub use queued::QueuedEffects;

use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use signalbox_model::{DecisionModel, Timestamp};

use super::{BODY, BUSINESS, EFFECTS, ID, LEASE_HOLDER, LEASE_UNTIL, REVIEW, REVISION, ReadDecision};
use crate::change_feed::{change_keys, count_notified};
use crate::client::{failure, key};
use crate::document::{ITEM_LIMIT, pack, packed_size};
use crate::item::{AttributeMap, Update, number, text};
use crate::key::instant;
use crate::optimistic::Contention;
use crate::queue::{Lane, Place};
use crate::tables::{BY_DUE, BY_REVIEW, BY_REVIEW_EXPIRY};
use crate::{DecisionRecord, Effect, EffectState, Store, StoreError, unknown};

/// The largest item of a rewrite. States of effects and the review make a decision's item grow, so even the largest
/// item that a commit accepts must leave room for them.
const REWRITE_LIMIT: usize = ITEM_LIMIT + 14 * 1024;

/// The new state of one effect of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectUpdate {
    /// The id of the effect.
    pub effect_id: String,
    /// The new state.
    pub state: EffectState,
}

/// The part of a record that is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The effects.
    Effects,
    /// The effects, of which one has reached people, who may be connected to another host.
    Notification,
    /// The effects, and the review, which has ended.
    Review,
}

impl Store {
    /// Stores new states of a decision's effects, and returns the record with them. A final state does not change any
    /// more. Each change from the pending state counts as an attempt.
    pub async fn update_effects(
        &self,
        id: &str,
        business_id: &str,
        updates: &[EffectUpdate],
    ) -> Result<DecisionRecord, StoreError> {
        self.change_effects(id, business_id, |record| {
            let mut changed = false;
            for update in updates {
                changed |= apply(effect_of(record, &update.effect_id)?, &update.state);
            }
            Ok(changed)
        })
        .await
    }

    /// Changes a decision's effects and its lease, and returns the record with them. `change` says whether there is
    /// anything to write; none when the decision has no such effect.
    async fn change_effects(
        &self,
        id: &str,
        business_id: &str,
        mut change: impl FnMut(&mut DecisionRecord) -> Result<bool, UnknownEffect>,
    ) -> Result<DecisionRecord, StoreError> {
        let table = &self.names().decisions;
        let mut contention = Contention::at(table, || format!("decision {id}"));
        loop {
            let ReadDecision { mut record, item } = self.existing_decision(id, business_id).await?;
            let notified = count_notified(&record);
            let not_found = |what: String| StoreError::NotFound { what, table: table.clone() };
            let changed = change(&mut record)
                .map_err(|UnknownEffect(name)| not_found(format!("effect {name} of decision {id}")))?;
            let kind = if count_notified(&record) > notified { Change::Notification } else { Change::Effects };
            if !changed || self.rewrite(&record, &item, kind).await? {
                return Ok(record);
            }
            contention.again().await?;
        }
    }

    /// Writes the changes to a record that was read from `item`; false when another writer has written meanwhile.
    pub(super) async fn rewrite(
        &self,
        record: &DecisionRecord,
        item: &AttributeMap,
        change: Change,
    ) -> Result<bool, StoreError> {
        let table = &self.names().decisions;
        let decision = &record.decision;
        let read = number(item, REVISION).unwrap_or_default();
        let unreadable = |reason| self.unreadable_decision(item, reason);
        let effects = unknown::kept_effects(item, EFFECTS, &record.effects).await.map_err(unreadable)?;
        let effects = pack(&effects).await?;
        let body = item.get(BODY).map_or(0, packed_size);
        self.check_size(&decision.id, body + packed_size(&effects), REWRITE_LIMIT)?;
        let mut update =
            Update::default().set(EFFECTS, effects).set(REVISION, AttributeValue::N((read + 1).to_string()));
        update = match &record.lease {
            Some(lease) => update
                .set(LEASE_HOLDER, AttributeValue::S(lease.holder.clone()))
                .set(LEASE_UNTIL, AttributeValue::S(instant(lease.until))),
            None => update.remove(LEASE_HOLDER).remove(LEASE_UNTIL),
        };
        let place = due(record, self.timeline().wall());
        // A newer version that stored an unknown state has also stored when the effect is due.
        let is_unknown = |effect: &Effect| matches!(effect.state, EffectState::Unknown(_));
        let stands = text(item, BY_DUE.partition).zip(text(item, BY_DUE.sort));
        let stands = stands.filter(|_| record.effects.iter().any(is_unknown));
        let is_sooner =
            |place: &Place| stands.is_some_and(|(lane, due)| lane == place.partition && due <= place.sort.as_str());
        update = match place {
            Some(place) if is_sooner(&place) => update,
            None if stands.is_some() => update,
            Some(place) => update
                .set(BY_DUE.partition, AttributeValue::S(place.partition))
                .set(BY_DUE.sort, AttributeValue::S(place.sort)),
            None => update.remove(BY_DUE.partition).remove(BY_DUE.sort),
        };
        if change == Change::Review {
            let review = unknown::kept(Some(item), REVIEW, &record.review).await.map_err(unreadable)?;
            update = update.set(REVIEW, pack(&review).await?);
            for name in [BY_REVIEW.sort, BY_REVIEW_EXPIRY.partition, BY_REVIEW_EXPIRY.sort] {
                update = update.remove(name);
            }
        }
        if change != Change::Effects && self.announces_changes() {
            for (name, value) in change_keys(self.moment().await?, &decision.id) {
                update = update.set(name, AttributeValue::S(value));
            }
        }
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key((ID, &decision.id), (BUSINESS, &decision.business_id))))
            .update_expression(update.expression())
            .condition_expression("#read = :read")
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .expression_attribute_names("#read", REVISION)
            .expression_attribute_values(":read", AttributeValue::N(read.to_string()));
        match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(_) => Ok(true),
            Err(StoreError::ConditionFailed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The id of an effect that the decision does not have.
struct UnknownEffect(String);

fn effect_of<'r>(record: &'r mut DecisionRecord, effect_id: &str) -> Result<&'r mut Effect, UnknownEffect> {
    let effect = record.effects.iter_mut().find(|effect| effect.id == effect_id);
    effect.ok_or_else(|| UnknownEffect(effect_id.to_owned()))
}

/// Sets the state of an effect; false when the effect has that state, has a final one, or has one that only a newer
/// version may change.
fn apply(effect: &mut Effect, state: &EffectState) -> bool {
    if effect.state == *state || effect.state.is_final() || matches!(effect.state, EffectState::Unknown(_)) {
        return false;
    }
    if is_attempt(&effect.state, state) {
        effect.attempts = effect.attempts.saturating_add(1);
    }
    if let EffectState::Kept { at, .. } = state {
        effect.kept_since = effect.kept_since.or(Some(*at));
    }
    effect.state = state.clone();
    true
}

/// Whether an effect was attempted between two states: it left the host, failed, or was refused. An effect that is only
/// held back, that is put into the mailbox, or for which something is not configured, was not.
fn is_attempt(before: &EffectState, after: &EffectState) -> bool {
    match (before, after) {
        (_, EffectState::Pending | EffectState::Withheld | EffectState::HeldBack { .. } | EffectState::Kept { .. }) => {
            false
        }
        (_, EffectState::Waiting { until: None, .. }) => false,
        (EffectState::Pending | EffectState::HeldBack { .. } | EffectState::Kept { .. }, _) => true,
        (EffectState::Waiting { until, .. }, _) => until.is_some(),
        _ => false,
    }
}

/// How soon a held back effect is looked at again when its decision has other effects that are due later: the decision
/// has one place in the queue, and it is the later effects'.
const HELD_BACK_CHECK: SignedDuration = SignedDuration::from_mins(1);

/// The place of a decision in the queue; none when none of its effects is left to deliver. The queue is read by the
/// machine's clock, `wall`, which may have been set to a time before the decision's moment.
pub(super) fn due(record: &DecisionRecord, wall: Timestamp) -> Option<Place> {
    let DecisionRecord { decision, effects, lease, .. } = record;
    let place = |lane, at| Some(Place::new(lane, at, &decision.id));
    let held_back = effects.iter().find_map(|effect| match &effect.state {
        EffectState::HeldBack { target, .. } => Some(target),
        _ => None,
    });
    if let Some(first) = effects.iter().filter_map(|effect| due_at(decision, effect, wall)).min() {
        let at = held_back.map_or(first, |_| first.min(wall.saturating_add(HELD_BACK_CHECK).unwrap_or(first)));
        return place(Lane::Pending, lease.as_ref().map_or(at, |lease| at.max(lease.until)));
    }
    if let Some(target) = held_back {
        return place(Lane::HeldBack(target), decision.created_at);
    }
    if effects.iter().any(waits) {
        return place(Lane::Waiting, decision.created_at);
    }
    let is_dead = |effect: &Effect| matches!(effect.state, EffectState::DeadLetter { .. });
    if effects.iter().any(is_dead) { place(Lane::DeadLetter, decision.created_at) } else { None }
}

/// When the next attempt of an effect is due; none when its state is final, its target holds it back, or an operator
/// has to act first.
fn due_at(decision: &DecisionModel, effect: &Effect, wall: Timestamp) -> Option<Timestamp> {
    let created_at = decision.created_at.min(wall);
    match effect.state {
        EffectState::Pending => Some(effect.next_attempt().map_or(created_at, |at| at.max(created_at))),
        _ => effect.next_attempt(),
    }
}

fn waits(effect: &Effect) -> bool {
    matches!(effect.state, EffectState::Waiting { until: None, .. })
}
