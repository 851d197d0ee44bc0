//! Decisions whose actions wait for a person: lists of them, and their reviews.

use signalbox_model::{
    AgentAction, DecisionModel, Outcome, Resolution, Review, ReviewVerdict, Source, Timestamp, action_id, input_id,
};

use super::effects::Change;
use super::{BUSINESS, ID, ReadDecision};
use crate::key::{KeyRange, moment};
use crate::listing::{Listing, PageSource, Queue, checked};
use crate::optimistic::Contention;
use crate::queue::{Lane, Place};
use crate::tables::{BY_REVIEW, BY_REVIEW_EXPIRY};
use crate::{DecisionRecord, Effect, EffectKind, EffectState, Page, Store, StoreError, cursor};

/// A reviewer's verdict on a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewDecision {
    /// The user id of the reviewer, or [`Resolution::EXPIRY`].
    pub by: String,
    /// When the verdict was given.
    pub at: Timestamp,
    /// The verdict.
    pub verdict: ReviewVerdict,
    /// The trigger by which it came; none for an expiry.
    pub source: Option<Source>,
    /// The reviewer's reason.
    pub note: Option<String>,
    /// The input that carries the verdict. The same input sent again gets the same answer.
    pub input_id: String,
    /// The fingerprint of that input.
    pub fingerprint: Option<String>,
    /// The actions that replace the decision's own actions; set for an edit, and only then. Their ids are ignored.
    pub actions: Option<Vec<AgentAction>>,
}

/// The result of a review.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// The review has the verdict of this call, from now or from an earlier call with the same input. This is the
    /// updated decision.
    Done(Box<DecisionRecord>),
    /// Another reviewer ended the review earlier, or it has expired; the decision's review says by whom, when and how.
    AlreadyResolved(Box<DecisionRecord>),
    /// The decision has never waited for a review.
    NotUnderReview,
}

impl ReviewDecision {
    /// The verdict on a decision that no person reviewed in time.
    pub fn expiry(decision_id: &str, at: Timestamp) -> Self {
        Self {
            by: Resolution::EXPIRY.to_owned(),
            at,
            verdict: ReviewVerdict::Expire,
            source: None,
            note: None,
            input_id: input_id("review-expiry", decision_id),
            fingerprint: None,
            actions: None,
        }
    }

    fn check(&self) -> Result<(), StoreError> {
        let problem = match (self.verdict, &self.actions) {
            (ReviewVerdict::Unknown(_), _) => "a verdict that this version does not know cannot be given",
            (ReviewVerdict::Edit, None) => "an edit needs the actions that leave instead",
            (ReviewVerdict::Edit, Some(_)) | (_, None) => return Ok(()),
            (_, Some(_)) => "only an edit may bring actions",
        };
        Err(StoreError::Invalid(problem.to_owned()))
    }

    fn resolution(&self) -> Resolution {
        Resolution {
            by: self.by.clone(),
            at: self.at,
            verdict: self.verdict,
            source: self.source,
            note: self.note.clone(),
            input_id: self.input_id.clone(),
            fingerprint: self.fingerprint.clone(),
        }
    }
}

impl Store {
    /// Ends a decision's review, once: of many callers exactly one sets the verdict, and the others get the verdict
    /// that was set. Effects that were approved or edited are pending afterwards, rejected ones are dropped. A call
    /// after the review's deadline finds it expired, even when the host has not recorded the expiry yet.
    pub async fn resolve_review(
        &self,
        id: &str,
        business_id: &str,
        wanted: &ReviewDecision,
    ) -> Result<Resolved, StoreError> {
        wanted.check()?;
        self.resolve_review_as_read(self.existing_decision(id, business_id).await?, wanted).await
    }

    /// Like [`Store::resolve_review`], for a caller that has read the decision. The decision is read again only when
    /// another writer has changed it since.
    pub async fn resolve_review_as_read(
        &self,
        mut read: ReadDecision,
        wanted: &ReviewDecision,
    ) -> Result<Resolved, StoreError> {
        wanted.check()?;
        let DecisionModel { id, business_id, .. } = &read.record.decision;
        let (id, business_id) = (id.clone(), business_id.clone());
        let mut contention = Contention::at(&self.names().decisions, || format!("decision {id}"));
        loop {
            let ReadDecision { mut record, item } = read;
            if let Some(first) = record.review.as_ref().and_then(|review| review.resolution.as_ref()) {
                let own = first.input_id == wanted.input_id;
                let record = Box::new(record);
                return Ok(if own { Resolved::Done(record) } else { Resolved::AlreadyResolved(record) });
            }
            if !waits(&record) {
                return Ok(Resolved::NotUnderReview);
            }
            let review = record.review.take().unwrap_or_else(|| since_made(&record));
            let late = review.expires_at.is_some_and(|at| at <= wanted.at);
            let decided = match (wanted.verdict, late) {
                (ReviewVerdict::Expire, false) => {
                    return Err(StoreError::Invalid(format!("the review of decision {id} has not expired")));
                }
                (ReviewVerdict::Expire, true) | (_, false) => wanted.clone(),
                (_, true) => ReviewDecision::expiry(&id, wanted.at),
            };
            record.review = Some(Review { resolution: Some(decided.resolution()), ..review });
            record.decision.outcome = decided.verdict.outcome();
            let own = decided.input_id == wanted.input_id;
            settle(&mut record, decided);
            self.lease_due_effects(&mut record);
            if self.rewrite(&record, &item, Change::Review).await? {
                let record = Box::new(record);
                return Ok(if own { Resolved::Done(record) } else { Resolved::AlreadyResolved(record) });
            }
            contention.again().await?;
            read = self.existing_decision(&id, &business_id).await?;
        }
    }

    /// A business's decisions that wait for a person, the oldest first; `limit` is from 1 to 100. A page may hold fewer
    /// although a next page exists, and a new decision may take a moment to appear.
    pub async fn pending_reviews(
        &self,
        business_id: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        let list = ["reviews", business_id];
        let limit = checked(limit)?;
        let cursor = cursor.map(|cursor| cursor::open(&list, cursor)).transpose()?;
        let (table, range) = (self.names().decisions.as_str(), KeyRange::default());
        let keys = [ID, BUSINESS];
        let listing = Listing { table, index: BY_REVIEW, partition: business_id, keys, range, descending: false };
        // The index is updated a little later than the table: a decision that was just reviewed may still be in it.
        let page = self.decisions_in(PageSource::Listing(listing), cursor, limit, waits).await?;
        Ok(page.sealed(&list))
    }

    /// Decisions of all businesses whose review's deadline has passed at `now`, the longest overdue first; `limit` is
    /// from 1 to 100. The caller resolves them with [`ReviewDecision::expiry`].
    pub async fn expired_reviews(&self, now: Timestamp, limit: u32) -> Result<Vec<DecisionRecord>, StoreError> {
        Ok(self.expired_reviews_after(now, None, limit).await?.items)
    }

    /// Like [`Store::expired_reviews`], page by page. A caller that cannot resolve some decisions passes the page's
    /// cursor to get the following ones.
    pub async fn expired_reviews_after(
        &self,
        now: Timestamp,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        let (table, limit) = (self.names().decisions.as_str(), checked(limit)?);
        let keys = [ID, BUSINESS];
        let queue = Queue { table, index: BY_REVIEW_EXPIRY, lane: Lane::Pending, now: Some(now), filter: None, keys };
        let over = |record: &DecisionRecord| {
            let expires_at = record.review.as_ref().and_then(|review| review.expires_at);
            waits(record) && expires_at.is_some_and(|at| at <= now)
        };
        self.decisions_in(PageSource::Queue(queue), cursor.map(str::to_owned), limit, over).await
    }
}

/// The index keys under which a decision that waits for review is found.
pub(super) fn places(record: &DecisionRecord) -> Vec<(&'static str, String)> {
    if !waits(record) {
        return Vec::new();
    }
    let decision = &record.decision;
    let mut keys = vec![(BY_REVIEW.sort, moment(decision.created_at, &decision.id))];
    if let Some(at) = record.review.as_ref().and_then(|review| review.expires_at) {
        let place = Place::new(Lane::Pending, at, &decision.id);
        keys.extend([(BY_REVIEW_EXPIRY.partition, place.partition), (BY_REVIEW_EXPIRY.sort, place.sort)]);
    }
    keys
}

fn waits(record: &DecisionRecord) -> bool {
    record.decision.outcome == Outcome::ReviewPending
}

/// The review of a decision that was stored without one: it has waited since the decision was made, and never expires.
fn since_made(record: &DecisionRecord) -> Review {
    Review { requested_at: record.decision.created_at, expires_at: None, resolution: None }
}

/// Releases or drops the withheld effects. The decision's own output stays as it was, for the record.
fn settle(record: &mut DecisionRecord, decided: ReviewDecision) {
    let ReviewDecision { by, verdict, note, actions, .. } = decided;
    let said = note.map_or_else(String::new, |note| format!(": {note}"));
    let dropped = match verdict {
        ReviewVerdict::Approve | ReviewVerdict::Edit => None,
        ReviewVerdict::Reject => Some(format!("rejected by {by}{said}")),
        ReviewVerdict::Expire => Some("nobody reviewed it in time".to_owned()),
        // Cannot happen: see `ReviewDecision::check`.
        ReviewVerdict::Unknown(_) => return,
    };
    let decision_id = &record.decision.id;
    let edited = actions.is_some();
    let mut actions = actions.into_iter().flatten();
    for effect in record.effects.iter_mut().filter(|effect| effect.state == EffectState::Withheld) {
        let replaced = edited && matches!(effect.kind, EffectKind::Action(_));
        effect.state = match (&dropped, replaced.then(|| actions.next())) {
            (Some(reason), _) => EffectState::Dropped { reason: reason.clone() },
            (None, None) => EffectState::Pending,
            (None, Some(None)) => EffectState::Dropped { reason: format!("left out by {by}{said}") },
            (None, Some(Some(action))) => {
                effect.kind = EffectKind::Action(AgentAction { id: effect.id.clone(), ..action });
                EffectState::Pending
            }
        };
    }
    // The numbers continue after all existing effects, so that no id is used twice.
    for action in actions {
        let id = action_id(decision_id, record.effects.len());
        record.effects.push(Effect::pending(id.clone(), EffectKind::Action(AgentAction { id, ..action })));
    }
}
