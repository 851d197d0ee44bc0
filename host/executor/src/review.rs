use std::sync::Arc;

use signalbox_model::{AgentAction, ErrorCode, Resolution, ReviewRequest, ReviewVerdict, Source, Timestamp};
use signalbox_store::{DecisionRecord, ReadDecision, Remedy, Resolved, ReviewDecision, Store, StoreError};
use thiserror::Error;

use crate::error::not_stored;
use crate::metrics;

/// A decision after a person has reviewed it.
#[derive(Clone, Debug)]
pub struct Reviewed {
    /// The decision with the result of its review. Effects that the review released are pending.
    pub record: Arc<DecisionRecord>,
    /// True when the same input ended the review earlier, and this call changed nothing.
    pub duplicate: bool,
}

/// Why a review changes nothing.
#[derive(Clone, Debug, Error)]
pub enum ReviewError {
    /// The id cannot be that of a decision.
    #[error(
        "`decisionId` has to be 1 to 64 letters, digits or `_`; take it from the frame or list that told of the review"
    )]
    DecisionId,
    /// The business has no such decision.
    #[error("there is no decision {0} for you; check its id and the business")]
    NotFound(String),
    /// The decision does not wait and did not wait for a review.
    #[error("decision {0} does not wait for a review and never did")]
    NotUnderReview(String),
    /// Another reviewer ended the review earlier.
    #[error("decision {id} was reviewed before: {}", told(.first))]
    AlreadyResolved {
        /// The decision.
        id: String,
        /// That review: by whom, when and how.
        first: Box<Resolution>,
    },
    /// The review expired earlier.
    #[error("the time to review decision {id} was over at {}; nothing of it leaves", .first.at)]
    Expired {
        /// The decision.
        id: String,
        /// When and how it expired.
        first: Box<Resolution>,
    },
    /// An earlier review with the same input id said something else.
    #[error("this id was used before to say something else about decision {0}; a new review needs a new id")]
    IdReused(String),
    /// The review is malformed.
    #[error("the review is not valid: {0}")]
    Invalid(String),
    /// The store did not accept or return what the review needs.
    #[error("{}", not_stored("review", "id", .0))]
    Store(#[source] StoreError),
}

impl ReviewError {
    /// A stable name for metrics, logs and programs.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::DecisionId => ErrorCode::InvalidDecisionId,
            Self::NotFound(_) => ErrorCode::DecisionNotFound,
            Self::NotUnderReview(_) => ErrorCode::NotUnderReview,
            Self::AlreadyResolved { .. } => ErrorCode::AlreadyReviewed,
            Self::Expired { .. } => ErrorCode::ReviewExpired,
            Self::IdReused(_) => ErrorCode::MessageIdReused,
            Self::Invalid(_) => ErrorCode::InvalidReview,
            Self::Store(StoreError::TooLarge { .. }) => ErrorCode::ContentTooLarge,
            Self::Store(_) => ErrorCode::StoreUnavailable,
        }
    }

    /// The review that ended it earlier, if there is one.
    pub fn first(&self) -> Option<&Resolution> {
        match self {
            Self::AlreadyResolved { first, .. } | Self::Expired { first, .. } => Some(first),
            _ => None,
        }
    }

    /// What has to happen before the same review can count.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Store(error) => error.remedy(),
            _ => Remedy::Nothing,
        }
    }
}

impl From<StoreError> for ReviewError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Invalid(problem) => Self::Invalid(problem),
            error => Self::Store(error),
        }
    }
}

/// A person's verdict on a decision that waits for review. The trigger and the intake have checked who the person is.
#[derive(Clone, Debug, PartialEq)]
pub struct SubmittedReview {
    /// The id of its input, which is the same when the review is sent again.
    pub input_id: String,
    /// The id of the user who reviews.
    pub by: String,
    /// When it arrived.
    pub at: Timestamp,
    /// The trigger by which it arrived.
    pub source: Source,
    /// SHA-256 of the review's content. It distinguishes a repetition from another review under the same id.
    pub fingerprint: Option<String>,
    /// The verdict.
    pub request: ReviewRequest,
}

/// Ends the review of a decision, which the caller has read as `before` and checked. Of many reviews exactly one
/// counts. The same review sent again gets the same answer; other reviewers are told which review ended it.
pub async fn review(store: &Store, before: ReadDecision, submitted: SubmittedReview) -> Result<Reviewed, ReviewError> {
    let SubmittedReview { input_id, by, at, source, fingerprint, request } = submitted;
    let id = before.record.decision.id.clone();
    let wanted = ReviewDecision {
        by,
        at,
        verdict: request.verdict.into(),
        source: Some(source),
        note: request.note,
        input_id,
        fingerprint,
        actions: request.actions.map(|actions| actions.into_iter().map(AgentAction::from).collect()),
    };
    let resolved = before.record.review.as_ref().and_then(|review| review.resolution.as_ref());
    let duplicate = resolved.is_some_and(|first| first.input_id == wanted.input_id);
    let result = match store.resolve_review_as_read(before, &wanted).await? {
        Resolved::NotUnderReview => Err(ReviewError::NotUnderReview(id)),
        Resolved::AlreadyResolved(record) => Err(taken(id, *record)),
        Resolved::Done(record) if !says(&record, &wanted) => Err(ReviewError::IdReused(id)),
        Resolved::Done(record) => Ok(Reviewed { record: Arc::new(*record), duplicate }),
    };
    let label = match &result {
        Ok(reviewed) if reviewed.duplicate => "duplicate",
        Ok(_) => "resolved",
        Err(error) => error.code().as_str(),
    };
    metrics::reviewed(wanted.verdict, label);
    result
}

/// Ends the review of a decision that no person reviewed in time; none when a person has reviewed it in the meantime.
pub async fn expire_review(
    store: &Store,
    record: &DecisionRecord,
    now: Timestamp,
) -> Result<Option<Arc<DecisionRecord>>, StoreError> {
    let (id, business_id) = (&record.decision.id, &record.decision.business_id);
    match store.resolve_review(id, business_id, &ReviewDecision::expiry(id, now)).await? {
        Resolved::Done(record) => {
            metrics::reviewed(ReviewVerdict::Expire, "resolved");
            tracing::info!(decision_id = id, business_id, "nobody reviewed a decision in time; nothing of it leaves");
            Ok(Some(Arc::new(*record)))
        }
        Resolved::AlreadyResolved(_) | Resolved::NotUnderReview => Ok(None),
    }
}

fn taken(id: String, record: DecisionRecord) -> ReviewError {
    match record.review.and_then(|review| review.resolution).map(Box::new) {
        Some(first) if first.verdict == ReviewVerdict::Expire => ReviewError::Expired { id, first },
        Some(first) => ReviewError::AlreadyResolved { id, first },
        None => ReviewError::NotUnderReview(id),
    }
}

/// Whether the review ended with this verdict.
fn says(record: &DecisionRecord, wanted: &ReviewDecision) -> bool {
    let resolution = record.review.as_ref().and_then(|review| review.resolution.as_ref());
    resolution.is_some_and(|first| {
        // Reviews stored by versions without fingerprints have none.
        let same = first.fingerprint.is_none() || first.fingerprint == wanted.fingerprint;
        same && first.verdict == wanted.verdict && first.note == wanted.note
    })
}

fn told(first: &Resolution) -> String {
    let verdict = match first.verdict {
        ReviewVerdict::Approve => "approved",
        ReviewVerdict::Edit => "edited",
        ReviewVerdict::Reject => "rejected",
        ReviewVerdict::Expire => "expired",
        ReviewVerdict::Unknown(_) => "ended",
    };
    format!("{verdict} by {} at {}", first.by, first.at.strftime("%Y-%m-%dT%H:%M:%SZ"))
}
