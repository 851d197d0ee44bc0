//! Changes of schedules that decisions ask for, on their way into the store.

use async_trait::async_trait;
use signalbox_model::{CatchUp, HumanDuration, Overlap};
use signalbox_store::{EffectKind, Remedy, ScheduleDefinition, ScheduleSource, Store, StoreError};

use crate::{AttemptResult, DueEffect, EffectTarget};

/// Is told the business whose schedules were changed.
pub(crate) type ScheduleListener = Box<dyn Fn(&str) + Send + Sync>;

/// The schedules in the store.
pub(crate) struct ScheduleTarget {
    pub store: Store,
    /// Schedules that the plugins of one business may have.
    pub per_business: usize,
    pub listener: Option<ScheduleListener>,
}

#[async_trait]
impl EffectTarget for ScheduleTarget {
    fn name(&self) -> &'static str {
        "schedules"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        match self.change(due).await {
            Ok(()) => {
                if let Some(tell) = &self.listener {
                    tell(&due.record.decision.business_id);
                }
                AttemptResult::Delivered
            }
            Err(error) if error.remedy() != Remedy::Nothing => {
                AttemptResult::Unavailable { reason: format!("the store failed: {}", error.code()) }
            }
            Err(error) => {
                tracing::error!(effect_id = due.effect.id, %error, "a schedule cannot be changed as a decision asks");
                AttemptResult::Refused { reason: error.to_string() }
            }
        }
    }
}

impl ScheduleTarget {
    /// The decision's time orders what decisions ask for, in whatever order their effects are delivered.
    async fn change(&self, due: &DueEffect) -> Result<(), StoreError> {
        let decision = &due.record.decision;
        match &due.effect.kind {
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
                self.check_room(&definition).await?;
                self.store.put_schedule(&definition, decision.created_at).await.map(drop)
            }
            EffectKind::CancelSchedule { name } => {
                self.store.cancel_schedule(&decision.business_id, name, decision.created_at).await.map(drop)
            }
            _ => Err(StoreError::Invalid("the effect changes no schedule".to_owned())),
        }
    }

    /// Whether one more schedule may be made. A decision was told that there is room when it asked; others that were
    /// made at the same time may have used it up. A schedule that replaces another one needs no room.
    async fn check_room(&self, wanted: &ScheduleDefinition) -> Result<(), StoreError> {
        let there = self.store.schedules(&wanted.business_id).await?;
        if there.iter().any(|schedule| schedule.definition.name == wanted.name) {
            return Ok(());
        }
        let is_plugins = |source: &ScheduleSource| matches!(source, ScheduleSource::Plugin { .. });
        let made = there.iter().filter(|schedule| is_plugins(&schedule.definition.source)).count();
        if made < self.per_business {
            return Ok(());
        }
        Err(StoreError::Invalid(format!(
            "business {} has {made} schedules of its plugins and may have {} (cron.schedules-per-business), so `{}` \
             was not made; cancel some first",
            wanted.business_id, self.per_business, wanted.name
        )))
    }
}
