//! What operators do about single effects.

use signalbox_model::Timestamp;

use super::effect_of;
use crate::{DecisionRecord, Effect, EffectState, Store, StoreError};

/// What an operator wants of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectCommand {
    /// Attempt it again now, with all attempts of its retry policy.
    Retry,
    /// Never deliver it.
    Cancel {
        /// Why, for the record.
        reason: String,
    },
}

/// The result of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum EffectCommanded {
    /// It is done; this is the record with it.
    Done(Box<DecisionRecord>),
    /// It cannot be done to an effect in this state.
    NotPossible(EffectState),
    /// A host is attempting the effect until this moment.
    InDelivery {
        /// The end of the host's lease.
        until: Timestamp,
    },
}

impl Store {
    /// Carries out an operator's command at `now`. Dead letters, waiting and held back effects are attempted again, and
    /// messages in the mailbox go to the fallback topic;
    /// those and pending ones can be cancelled, also while they wait for a review.
    pub async fn command_effect(
        &self,
        id: &str,
        business_id: &str,
        effect_id: &str,
        command: &EffectCommand,
        now: Timestamp,
    ) -> Result<EffectCommanded, StoreError> {
        let mut refused = None;
        let record = self
            .change_effects(id, business_id, |record| {
                refused = None;
                let lease = record.lease.take_if(|lease| lease.until <= now);
                let held_until = record.lease.as_ref().map(|lease| lease.until);
                let effect = effect_of(record, effect_id)?;
                if let Some(until) = held_until.filter(|_| !effect.state.is_final()) {
                    refused = Some(EffectCommanded::InDelivery { until });
                } else if !carry_out(effect, command) {
                    refused = Some(EffectCommanded::NotPossible(effect.state.clone()));
                }
                if refused.is_some() {
                    record.lease = record.lease.take().or(lease);
                }
                Ok(refused.is_none())
            })
            .await?;
        Ok(refused.unwrap_or_else(|| EffectCommanded::Done(Box::new(record))))
    }
}

/// Changes the effect's state; false when the command makes no sense in that state.
fn carry_out(effect: &mut Effect, command: &EffectCommand) -> bool {
    use EffectState::{DeadLetter, HeldBack, Kept, Pending, Waiting, Withheld};
    match (command, &effect.state) {
        (EffectCommand::Retry, DeadLetter { .. } | Waiting { .. } | HeldBack { .. } | Kept { .. }) => {
            (effect.state, effect.attempts) = (Pending, 0);
        }
        (
            EffectCommand::Cancel { reason },
            Pending | Withheld | Waiting { .. } | HeldBack { .. } | Kept { .. } | DeadLetter { .. },
        ) => {
            effect.state = EffectState::Dropped { reason: reason.clone() };
        }
        _ => return false,
    }
    true
}
