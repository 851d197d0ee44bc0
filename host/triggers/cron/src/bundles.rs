//! Writes the schedules that bundles declare to the store.

use signalbox_graph::{CronCatchUp, CronInput, Inputs};
use signalbox_model::{BusinessInfo, CatchUp, HumanDuration, Timestamp};
use signalbox_store::{ScheduleDefinition, ScheduleSource, ScheduleTiming, Store, StoreError};

use crate::CronConfig;

/// Names of bundles' schedules begin with this, and no other names do.
pub const BUNDLE_PREFIX: &str = "bundle/";

/// The schedules that a business's bundle declares.
pub(super) fn declared(business: &BusinessInfo, inputs: &Inputs, config: &CronConfig) -> Vec<ScheduleDefinition> {
    inputs.cron.iter().map(|(hook, input)| definition(business, hook, input, config)).collect()
}

fn definition(business: &BusinessInfo, hook: &str, input: &CronInput, config: &CronConfig) -> ScheduleDefinition {
    ScheduleDefinition {
        business_id: business.business_id.clone(),
        name: format!("{BUNDLE_PREFIX}{hook}"),
        timing: ScheduleTiming::Expression(input.schedule.clone()),
        timezone: input.timezone.clone().unwrap_or_else(|| business.timezone.clone()),
        payload: input.payload.clone(),
        overlap: input.overlap,
        catch_up: match input.catch_up {
            CronCatchUp::None => CatchUp::None,
            CronCatchUp::Last => CatchUp::Last,
            CronCatchUp::All => CatchUp::All { limit: config.catch_up_limit },
        },
        jitter: HumanDuration(input.jitter),
        source: ScheduleSource::Bundle { hook: hook.to_owned() },
    }
}

/// Writes the schedules that the bundle declares, and removes those that it no longer declares.
pub(super) async fn write(
    store: &Store,
    business_id: &str,
    declared: &[ScheduleDefinition],
    now: Timestamp,
) -> Result<(), StoreError> {
    for schedule in store.schedules(business_id).await? {
        let definition = &schedule.definition;
        let from_bundle = matches!(definition.source, ScheduleSource::Bundle { .. });
        if from_bundle && !declared.iter().any(|declared| declared.name == definition.name) {
            store.cancel_schedule(business_id, &definition.name, now).await?;
            tracing::info!(business_id, schedule = definition.name, "forgot a schedule that the bundle no longer has");
        }
    }
    for definition in declared {
        match store.put_schedule(definition, now).await {
            // An unreadable schedule was counted and logged; the others are written all the same.
            Ok(_) | Err(StoreError::Unreadable { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
