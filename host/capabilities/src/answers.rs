//! Limits how many bytes of capability requests and answers the host holds: by call, decision, business and host.
//!
//! A call reserves room before it asks its backend, and then keeps only as much as its answer has. The kept bytes are
//! the journal, which belongs to the decision until it is stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use signalbox_model::HumanSize;
use thiserror::Error;
use tokio::sync::Notify;

/// The bytes that an entry of the journal takes in addition to request and answer.
const ENTRY: usize = 256;
/// The bytes that a value takes in addition to its text.
const VALUE: usize = 32;
/// The bytes that a decision may still use for refused calls once its answers have used all of their room.
const FOR_REFUSALS: usize = 1 << 20;

/// Limits of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerLimits {
    /// The most bytes of one answer. A page of rows ends there; any other larger answer is refused.
    pub per_call: usize,
    /// The most bytes of all requests and answers of one decision, which are its journal.
    pub per_decision: usize,
    /// The most bytes of the journals of all decisions of one business that are under way.
    pub per_business: usize,
    /// The most bytes of the journals of all decisions that are under way.
    pub per_host: usize,
}

impl Default for AnswerLimits {
    fn default() -> Self {
        Self { per_call: 4 << 20, per_decision: 16 << 20, per_business: 64 << 20, per_host: 256 << 20 }
    }
}

/// Why there is no room for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoRoom {
    /// The decision has used its share. Repeating the call does not help.
    #[error(
        "this decision has no room for another such answer: all that it asks and is answered may have {}; read less, or keep \
         a summary",
        HumanSize(*.0 as u64)
    )]
    Decision(usize),
    /// The answer alone is too large. Repeating the call does not help.
    #[error("the answer has more than {}, the most of one call; ask for less", HumanSize(*.0 as u64))]
    Call(usize),
    /// The decisions of the business have used their share. Room is free again when some of them have ended.
    #[error("the decisions of this business hold {} of answers, as much as they may together", HumanSize(*.0 as u64))]
    Business(usize),
    /// The host holds as much as it may. Room is free again when some decisions have ended.
    #[error("the host holds {} of answers, as much as it may", HumanSize(*.0 as u64))]
    Host(usize),
}

impl NoRoom {
    /// Whether the same call may be answered a moment later.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Business(_) | Self::Host(_))
    }
}

/// Room that is reserved for answers under way, and room that journals use.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    taken: usize,
    kept: usize,
}

#[derive(Debug, Default)]
struct Uses {
    host: Use,
    businesses: HashMap<Arc<str>, Use>,
}

/// The bytes that all decisions of a host hold.
#[derive(Debug, Default)]
pub struct AnswerLedger {
    limits: AnswerLimits,
    uses: Mutex<Uses>,
    freed: Notify,
}

impl AnswerLedger {
    /// A ledger with these limits.
    pub fn new(limits: AnswerLimits) -> Arc<Self> {
        Arc::new(Self { limits, ..Self::default() })
    }

    /// How many bytes the decisions under way hold.
    pub fn held(&self) -> usize {
        let uses = self.lock();
        uses.host.kept + uses.host.taken
    }

    /// The account of a new decision of this business, or of an event.
    pub(crate) fn begin(self: &Arc<Self>, business: &str) -> Answers {
        let own = Mutex::new(Use::default());
        Answers { inner: Arc::new(Inner { ledger: self.clone(), business: business.into(), own }) }
    }

    fn lock(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The account of one decision. Clones share it; dropping the last one releases all of its bytes.
#[derive(Clone, Debug)]
pub struct Answers {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    ledger: Arc<AnswerLedger>,
    business: Arc<str>,
    own: Mutex<Use>,
}

impl Inner {
    /// Changes all three counts under one lock, so that they always agree.
    fn change<T>(&self, change: impl FnOnce(&AnswerLimits, [&mut Use; 3]) -> T) -> T {
        let mut uses = self.ledger.lock();
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let Uses { host, businesses } = &mut *uses;
        let business = businesses.entry(self.business.clone()).or_default();
        change(&self.ledger.limits, [&mut *own, business, host])
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let kept = self.change(|_, [own, business, host]| {
            business.kept = business.kept.saturating_sub(own.kept);
            host.kept = host.kept.saturating_sub(own.kept);
            (own.kept, *business)
        });
        if let (_, Use { taken: 0, kept: 0 }) = kept {
            self.ledger.lock().businesses.remove(&self.business);
        }
        self.ledger.freed.notify_waiters();
    }
}

impl Answers {
    /// Reserves room for an answer of at most `most` bytes. Waits while the room that is missing is only reserved,
    /// because answers under way may turn out smaller.
    pub(crate) async fn room(&self, most: usize) -> Result<Room, NoRoom> {
        loop {
            let freed = self.inner.ledger.freed.notified();
            match self.try_room(most)? {
                Some(bytes) => return Ok(Room { inner: self.inner.clone(), bytes }),
                None => freed.await,
            }
        }
    }

    /// None when there may be room once answers under way have arrived.
    fn try_room(&self, most: usize) -> Result<Option<usize>, NoRoom> {
        self.inner.change(|limits, [own, business, host]| {
            let most = most.min(limits.per_call);
            for (used, limit, why) in [
                (&*own, limits.per_decision, NoRoom::Decision(limits.per_decision)),
                (&*business, limits.per_business, NoRoom::Business(limits.per_business)),
                (&*host, limits.per_host, NoRoom::Host(limits.per_host)),
            ] {
                if used.kept.saturating_add(most) > limit {
                    return Err(why);
                }
                if used.kept.saturating_add(used.taken).saturating_add(most) > limit {
                    return Ok(None);
                }
            }
            for used in [own, business, host] {
                used.taken += most;
            }
            Ok(Some(most))
        })
    }

    /// Counts a request, which is in the journal whether it is answered or refused. False when the decision has asked
    /// for more than its journal may hold.
    pub(crate) fn keep(&self, request: usize) -> bool {
        self.inner.change(|limits, uses| {
            let [own, business, host] = uses;
            let bytes = request.saturating_add(ENTRY);
            if own.kept.saturating_add(bytes) > limits.per_decision.saturating_add(FOR_REFUSALS) {
                return false;
            }
            for used in [own, business, host] {
                used.kept = used.kept.saturating_add(bytes);
            }
            true
        })
    }

    /// The most bytes of one decision's journal.
    pub(crate) fn per_decision(&self) -> usize {
        self.inner.ledger.limits.per_decision
    }
}

/// Room for one answer.
#[derive(Debug)]
pub(crate) struct Room {
    inner: Arc<Inner>,
    bytes: usize,
}

impl Room {
    /// How many bytes the answer may have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts the answer in the journal. An answer that is larger than its reserved room is not kept.
    pub fn keep(mut self, answer: usize) -> Result<(), NoRoom> {
        if answer > self.bytes {
            return Err(NoRoom::Call(self.bytes));
        }
        let bytes = std::mem::take(&mut self.bytes);
        self.inner.change(|_, uses| {
            for used in uses {
                used.taken = used.taken.saturating_sub(bytes);
                used.kept = used.kept.saturating_add(answer);
            }
        });
        self.inner.ledger.freed.notify_waiters();
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes > 0 {
            self.inner
                .change(|_, uses| uses.into_iter().for_each(|used| used.taken = used.taken.saturating_sub(bytes)));
            self.inner.ledger.freed.notify_waiters();
        }
    }
}

/// The approximate bytes of a journal value in memory.
pub fn weight(value: &Value) -> usize {
    VALUE
        + match value {
            Value::String(text) => text.len(),
            Value::Array(list) => list.iter().map(weight).sum(),
            Value::Object(object) => object.iter().map(|(key, value)| VALUE + key.len() + weight(value)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Arc<AnswerLedger> {
        AnswerLedger::new(AnswerLimits { per_call: 1_000, per_decision: 2_000, per_business: 3_000, per_host: 5_000 })
    }

    #[tokio::test]
    async fn a_decision_is_answered_up_to_its_limit_and_gives_everything_back() {
        let ledger = ledger();
        let decision = ledger.begin("a");
        decision.room(1_000).await.unwrap().keep(900).unwrap();
        decision.room(1_000).await.unwrap().keep(900).unwrap();
        assert_eq!(decision.room(1_000).await.unwrap_err(), NoRoom::Decision(2_000));
        decision.room(200).await.unwrap().keep(150).unwrap();
        assert_eq!(ledger.held(), 1_950);
        drop(decision);
        assert_eq!((ledger.held(), ledger.lock().businesses.len()), (0, 0));
    }

    #[tokio::test]
    async fn a_business_that_holds_its_share_leaves_room_for_another() {
        let ledger = ledger();
        let (one, two, other) = (ledger.begin("a"), ledger.begin("a"), ledger.begin("b"));
        for decision in [&one, &two] {
            decision.room(1_000).await.unwrap().keep(1_000).unwrap();
        }
        one.room(1_000).await.unwrap().keep(1_000).unwrap();
        let refused = two.room(1_000).await.unwrap_err();
        assert_eq!((refused, refused.may_pass()), (NoRoom::Business(3_000), true));
        other.room(1_000).await.unwrap().keep(1_000).unwrap();
        drop(one);
        two.room(1_000).await.unwrap().keep(1_000).unwrap();
    }

    #[tokio::test]
    async fn calls_side_by_side_wait_for_room_that_the_answers_before_them_do_not_need() {
        let decision = ledger().begin("a");
        let (first, second) = (decision.room(1_000).await.unwrap(), decision.room(1_000).await.unwrap());
        let third = tokio::spawn({
            let decision = decision.clone();
            async move { decision.room(1_000).await.map(drop) }
        });
        first.keep(10).unwrap();
        drop(second);
        assert_eq!(third.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn an_answer_larger_than_its_room_is_refused_and_takes_none() {
        let ledger = ledger();
        let decision = ledger.begin("a");
        assert_eq!(decision.room(5_000).await.unwrap().keep(1_001), Err(NoRoom::Call(1_000)));
        assert_eq!(ledger.held(), 0);
    }

    #[test]
    fn a_decision_that_asks_on_and_on_is_stopped_soon_after_its_limit() {
        let decision = ledger().begin("a");
        let asked = (0..10_000).take_while(|_| decision.keep(1_000)).count();
        assert_eq!(asked, (2_000 + FOR_REFUSALS) / (1_000 + ENTRY));
    }
}
