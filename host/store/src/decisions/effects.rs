use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::AttributeValue;
use signalbox_model::{DecisionModel, Timestamp};

use super::{BODY, BUSINESS, EFFECTS, ID, REVIEW, REVISION, ReadDecision};
use crate::client::{failure, key};
use crate::document::{ITEM_LIMIT, pack, packed_size};
use crate::item::{AttributeMap, Update, number, text};
use crate::listing::{PageSource, Queue, checked};
use crate::optimistic::Contention;
use crate::queue::{Lane, Place};
use crate::tables::{BY_DUE, BY_REVIEW, BY_REVIEW_EXPIRY};
use crate::{DecisionRecord, Effect, EffectKind, EffectState, Page, Store, StoreError, unknown};

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
    /// The effects, and the review, which has ended.
    Review,
}

impl Store {
    /// Decisions with effects that are due at `now`, the longest due first; `limit` is from 1 to 100.
    pub async fn pending_decisions(&self, now: Timestamp, limit: u32) -> Result<Vec<DecisionRecord>, StoreError> {
        Ok(self.pending_decisions_after(now, None, limit).await?.items)
    }

    /// Like [`Store::pending_decisions`], page by page. A caller that skips some decisions passes the page's cursor to
    /// get the following ones.
    pub async fn pending_decisions_after(
        &self,
        now: Timestamp,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        // The index is updated a little later than the table: an effect that was just delivered may still be in it.
        let is_wanted = |record: &DecisionRecord| {
            record.effects.iter().any(|effect| due_at(&record.decision, effect, now).is_some())
        };
        self.in_queue(Lane::Pending, Some(now), cursor, limit, is_wanted).await
    }

    /// Decisions with effects that wait until an operator has mended or configured something, and without pending
    /// effects; `limit` is from 1 to 100.
    pub async fn waiting_decisions(&self, limit: u32) -> Result<Vec<DecisionRecord>, StoreError> {
        Ok(self.waiting_decisions_after(None, limit).await?.items)
    }

    /// Like [`Store::waiting_decisions`], page by page.
    pub async fn waiting_decisions_after(
        &self,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        self.in_queue(Lane::Waiting, None, cursor, limit, |record| record.effects.iter().any(waits)).await
    }

    async fn in_queue(
        &self,
        lane: Lane,
        now: Option<Timestamp>,
        cursor: Option<&str>,
        limit: u32,
        is_wanted: impl Fn(&DecisionRecord) -> bool,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        let (table, limit) = (self.names().decisions.as_str(), checked(limit)?);
        let queue = Queue { table, index: BY_DUE, lane, now, keys: [ID, BUSINESS] };
        self.decisions_in(PageSource::Queue(queue), cursor.map(str::to_owned), limit, is_wanted).await
    }

    /// Stores new states of a decision's effects, and returns the record with them. A final state does not change any
    /// more. Each change from the pending state counts as an attempt.
    pub async fn update_effects(
        &self,
        id: &str,
        business_id: &str,
        updates: &[EffectUpdate],
    ) -> Result<DecisionRecord, StoreError> {
        let table = &self.names().decisions;
        let mut contention = Contention::at(table, || format!("decision {id}"));
        loop {
            let ReadDecision { mut record, item } = self.existing_decision(id, business_id).await?;
            let not_found = |what: String| StoreError::NotFound { what, table: table.clone() };
            let mut changed = false;
            for update in updates {
                let effect = record.effects.iter_mut().find(|effect| effect.id == update.effect_id);
                let effect =
                    effect.ok_or_else(|| not_found(format!("effect {} of decision {id}", update.effect_id)))?;
                changed |= apply(effect, &update.state);
            }
            if !changed || self.rewrite(&record, &item, Change::Effects).await? {
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
        let place = due(decision, &record.effects, self.timeline().wall());
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

/// Sets the state of an effect; false when the effect has that state, has a final one, or has one that only a newer
/// version may change.
fn apply(effect: &mut Effect, state: &EffectState) -> bool {
    if effect.state == *state || effect.state.is_final() || matches!(effect.state, EffectState::Unknown(_)) {
        return false;
    }
    let tried = match effect.state {
        EffectState::Pending => true,
        // A waiting effect whose time had come was attempted again.
        EffectState::Waiting { until: Some(_), .. } => !matches!(state, EffectState::Pending),
        _ => false,
    };
    if tried && !matches!(state, EffectState::Withheld) {
        effect.attempts = effect.attempts.saturating_add(1);
    }
    effect.state = state.clone();
    true
}

/// The place of a decision in the queue; none when none of its effects is left to deliver. The queue is read by the
/// machine's clock, `wall`, which may have been set to a time before the decision's moment.
pub(super) fn due(decision: &DecisionModel, effects: &[Effect], wall: Timestamp) -> Option<Place> {
    let first = effects.iter().filter_map(|effect| due_at(decision, effect, wall)).min();
    match first {
        Some(at) => Some(Place::new(Lane::Pending, at, &decision.id)),
        None if effects.iter().any(waits) => Some(Place::new(Lane::Waiting, decision.created_at, &decision.id)),
        None => None,
    }
}

/// When the next attempt of an effect is due; none when its state is final or an operator has to act first.
fn due_at(decision: &DecisionModel, effect: &Effect, wall: Timestamp) -> Option<Timestamp> {
    let created_at = decision.created_at.min(wall);
    match (&effect.state, &effect.kind) {
        (EffectState::Pending, EffectKind::Action(action)) => {
            Some(action.execute_at.unwrap_or(created_at).max(created_at))
        }
        (EffectState::Pending, _) => Some(created_at),
        (EffectState::Waiting { until, .. }, _) => *until,
        _ => None,
    }
}

fn waits(effect: &Effect) -> bool {
    matches!(effect.state, EffectState::Waiting { until: None, .. })
}
