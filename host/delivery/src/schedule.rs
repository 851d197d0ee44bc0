//! Schedules that decisions ask for, on their way into the store.

use std::time::Duration;

use signalbox_model::{CatchUp, HumanDuration, Overlap, Timestamp};
use signalbox_store::{
    DecisionRecord, Effect, EffectKind, EffectState, EffectUpdate, Remedy, ScheduleDefinition, ScheduleSource, Store,
    StoreError,
};

use crate::metrics::EFFECTS;
use crate::outcome;

/// When a change that the store did not take is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// Makes and cancels what a decision's due effects ask for, in their order, and says how each stands now.
pub(crate) async fn deliver(
    record: &DecisionRecord,
    now: Timestamp,
    store: &Store,
    per_business: usize,
) -> Vec<EffectUpdate> {
    let mut updates = Vec::new();
    for effect in record.effects.iter().filter(|effect| effect.kind.is_known() && outcome::is_due(effect, now)) {
        let Some(done) = change(record, effect, store, per_business).await else { continue };
        let (state, result) = match done {
            Ok(()) => (EffectState::Delivered { at: now }, "delivered"),
            Err(error) if error.remedy() != Remedy::Nothing => {
                tracing::warn!(effect_id = effect.id, %error, "cannot change a schedule; trying again");
                let until = now.checked_add(TRY_AGAIN).ok();
                (EffectState::Waiting { reason: format!("the store failed: {}", error.code()), until }, "waiting")
            }
            Err(error) => {
                tracing::error!(effect_id = effect.id, %error, "a schedule cannot be changed as a decision asks");
                (EffectState::Dropped { reason: error.to_string() }, "failed")
            }
        };
        ::metrics::counter!(EFFECTS, "kind" => "schedule", "result" => result).increment(1);
        updates.push(EffectUpdate { effect_id: effect.id.clone(), state });
    }
    updates
}

/// The decision's time orders what decisions ask for, in whatever order it is delivered; none when the effect is no
/// change of a schedule.
async fn change(
    record: &DecisionRecord,
    effect: &Effect,
    store: &Store,
    per_business: usize,
) -> Option<Result<(), StoreError>> {
    let decision = &record.decision;
    let done = match &effect.kind {
        EffectKind::Schedule { name, timing, timezone, payload } => {
            let definition = ScheduleDefinition {
                business_id: decision.business_id.clone(),
                name: name.clone(),
                timing: timing.clone(),
                timezone: timezone.clone().unwrap_or_else(|| decision.context.business_info.timezone.clone()),
                payload: payload.clone(),
                overlap: Overlap::default(),
                catch_up: CatchUp::default(),
                jitter: HumanDuration::millis(0),
                source: ScheduleSource::Plugin { decision_id: decision.id.clone() },
            };
            match has_room(store, &definition, per_business).await {
                Ok(()) => store.put_schedule(&definition, decision.created_at).await.map(drop),
                Err(error) => Err(error),
            }
        }
        EffectKind::CancelSchedule { name } => {
            store.cancel_schedule(&decision.business_id, name, decision.created_at).await.map(drop)
        }
        _ => return None,
    };
    Some(done)
}

/// Whether one more schedule may be made. A decision was told that there is room when it asked; others that were made
/// at the same time may have used it up. What replaces a schedule needs none.
async fn has_room(store: &Store, wanted: &ScheduleDefinition, per_business: usize) -> Result<(), StoreError> {
    let there = store.schedules(&wanted.business_id).await?;
    if there.iter().any(|schedule| schedule.definition.name == wanted.name) {
        return Ok(());
    }
    let made =
        there.iter().filter(|schedule| matches!(schedule.definition.source, ScheduleSource::Plugin { .. })).count();
    if made < per_business {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "business {} has {made} schedules of its plugins and may have {per_business} (cron.schedules-per-business), so `{}` \
         was not made; cancel some first",
        wanted.business_id, wanted.name
    )))
}
