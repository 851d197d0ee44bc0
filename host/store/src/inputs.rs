use serde::{Deserialize, Serialize};
use signalbox_model::{AgentInput, ReplySlot, Timestamp};

use crate::client::unfinished;
use crate::{Store, StoreError};

/// An input that was acknowledged before it was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcceptedInput {
    /// The input.
    pub input: AgentInput,
    /// What its sender may do in the business.
    pub permissions: Vec<String>,
    /// Where the answer goes.
    pub reply: ReplySlot,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// This call stored it.
    New,
    /// It was there already, decided or not.
    Duplicate,
}

impl Store {
    /// Stores an input, once per business and input id. After this it is decided even if the process dies.
    pub async fn accept_input(&self, _accepted: &AcceptedInput) -> Result<Accepted, StoreError> {
        unfinished()
    }

    /// Inputs that were accepted and not finished, the oldest first; `limit` is from 1 to 100.
    pub async fn pending_inputs(&self, _limit: u32) -> Result<Vec<AcceptedInput>, StoreError> {
        unfinished()
    }

    /// Notes that an input is decided. Its id is remembered for 7 days more, so that a sender who repeats it is known.
    pub async fn finish_input(&self, _input_id: &str, _business_id: &str) -> Result<(), StoreError> {
        unfinished()
    }
}
