//! Messages to people that a connection took after they had been put into the mailbox.

use serde::{Deserialize, Serialize};
use signalbox_model::Timestamp;

use super::apply;
use crate::{DecisionRecord, DeliveredTo, EffectKind, EffectState, Store, StoreError};

/// Word that connections took messages of a decision. The host that pushed them gives it, which may be another than the
/// one that attempts the decision's effects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handover {
    /// The business of the decision.
    pub business_id: String,
    /// The decision.
    pub decision_id: String,
    /// The ids of the messages' effects; for a response also the response's id.
    pub effect_ids: Vec<String>,
    /// When the connections took them.
    pub at: Timestamp,
}

impl Store {
    /// Notes that connections took messages: they do not go to the fallback topic any more. Messages that have left
    /// already, and ids that the decision does not have, are passed over. Without anything to note, nothing is written.
    pub async fn note_handover(&self, handover: &Handover) -> Result<DecisionRecord, StoreError> {
        let Handover { business_id, decision_id, effect_ids, at } = handover;
        self.change_effects(decision_id, business_id, |record| {
            let state = EffectState::Delivered { at: *at, to: Some(DeliveredTo::Connection) };
            let mut changed = false;
            for effect in record.effects.iter_mut().filter(|effect| effect_ids.contains(&effect.id)) {
                let is_new_response =
                    effect.state == EffectState::Pending && matches!(effect.kind, EffectKind::Response { .. });
                if effect.awaits_fallback() || is_new_response {
                    changed |= apply(effect, &state);
                }
            }
            Ok(changed)
        })
        .await
    }
}
