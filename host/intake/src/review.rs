//! Reviews of the decisions that wait for a person, and the expiry of those that no person reviews in time.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use signalbox_crash_points::{CrashPoint, pass};
use signalbox_delivery::may_review;
use signalbox_executor::{ReviewError, SubmittedReview};
use signalbox_model::{DecisionModel, ErrorCode, ErrorType, REVIEW_PERMISSION, ReviewRequest, Source, UserAccess};
use signalbox_store::{DecisionRecord, StoreError};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::admission::Requester;
use crate::metrics::REVIEWS_REFUSED;
use crate::{Intake, IntakeError, PAGE_SIZE, Receipt, RetryAdvice, check};

/// The most actions an edit may bring.
pub const MAX_ACTIONS: usize = 100;

/// A review as a person sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewMessage {
    /// The sender's own id of the review.
    pub id: String,
    /// The business of the decision.
    pub business_id: String,
    /// The trigger by which it arrived.
    pub source: Source,
    /// The correlation id of its log lines; none makes a new one.
    pub correlation_id: Option<String>,
    /// The verdict.
    pub request: ReviewRequest,
}

/// A review that counts.
#[derive(Clone, Debug)]
pub struct ReviewOutcome {
    /// The ids of the review's input; the decision is the one that was reviewed.
    pub receipt: Receipt,
    /// The decision after the review.
    pub record: Arc<DecisionRecord>,
    /// True when the same review counted earlier and was sent again.
    pub duplicate: bool,
}

/// Why a review does not count.
#[derive(Clone, Debug, Error)]
pub enum ReviewFailure {
    /// The intake refuses the review.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The decision cannot be reviewed, or not any more.
    #[error(transparent)]
    Review(#[from] ReviewError),
}

impl ReviewFailure {
    /// The error type in a client's error frame.
    pub fn error_type(&self) -> ErrorType {
        match self {
            Self::Intake(error) => error.error_type(),
            Self::Review(ReviewError::Store(StoreError::TooLarge { .. })) => ErrorType::ValidationError,
            Self::Review(ReviewError::Store(_)) => ErrorType::InternalError,
            Self::Review(ReviewError::AlreadyResolved { .. } | ReviewError::Expired { .. }) => {
                ErrorType::ProcessingError
            }
            Self::Review(_) => ErrorType::ValidationError,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Intake(error) => error.code(),
            Self::Review(error) => error.code(),
        }
    }

    /// Whether and when the same review may be sent again with a chance to count.
    pub fn retry_advice(&self) -> RetryAdvice {
        match self {
            Self::Intake(error) => error.retry_advice(),
            Self::Review(error) => error.remedy().into(),
        }
    }
}

impl Intake {
    /// Checks a review and ends it. Then the released effects are delivered, and every user who may review is told.
    pub async fn review(&self, access: &UserAccess, message: ReviewMessage) -> Result<ReviewOutcome, ReviewFailure> {
        let (decision_id, business_id) = (message.request.decision_id.clone(), message.business_id.clone());
        let result = self.shared.tasks.track_future(self.review_now(access, message)).await;
        let user_id = &access.user_id;
        match &result {
            Ok(outcome) => tracing::info!(
                user_id,
                business_id,
                decision_id,
                input_id = outcome.receipt.input_id,
                correlation_id = outcome.receipt.correlation_id,
                outcome = ?outcome.record.decision.outcome,
                duplicate = outcome.duplicate,
                "decision reviewed"
            ),
            Err(error) => log_refusal(access, &business_id, &decision_id, error),
        }
        result
    }

    /// Whether the user may review decisions of a business; asked before a review is read. A refusal counts as a
    /// refused review.
    pub fn may_review(&self, access: &UserAccess, business_id: &str, decision_id: &str) -> Result<(), ReviewFailure> {
        let authorized = self.shared.decide.authorize(access, business_id, None, REVIEW_PERMISSION);
        authorized.map(|_| ()).map_err(|error| {
            let failure = IntakeError::Access(error).into();
            log_refusal(access, business_id, decision_id, &failure);
            failure
        })
    }

    async fn review_now(&self, access: &UserAccess, message: ReviewMessage) -> Result<ReviewOutcome, ReviewFailure> {
        let shared = &self.shared;
        self.check_review(&message)?;
        let ReviewMessage { id, business_id, source, correlation_id, mut request } = message;
        request.note = request.note.map(signalbox_model::composed);
        let authorized = shared.decide.authorize(access, &business_id, None, REVIEW_PERMISSION);
        authorized.map_err(IntakeError::Access)?;
        if shared.stopping.is_cancelled() {
            return Err(IntakeError::Draining.into());
        }
        self.check_rate(Some(&access.user_id), &business_id)?;
        let _permit = self.admit(Requester::new(&business_id, Some(&access.user_id))).await?;
        let found = shared.store.read_decision(&request.decision_id, &business_id).await.map_err(ReviewError::from)?;
        let found = found.ok_or_else(|| ReviewError::NotFound(request.decision_id.clone()))?;
        // A user who may not see the location learns nothing about its decisions.
        if !may_review(&found.record, access, &self.audience()) {
            return Err(ReviewError::NotFound(request.decision_id.clone()).into());
        }
        let (user_id, decision_id) = (&access.user_id, request.decision_id.clone());
        let input_id = signalbox_model::input_id(&format!("review/{user_id}/{decision_id}"), &id);
        let correlation_id = correlation_id.unwrap_or_else(signalbox_model::correlation_id);
        let submitted = SubmittedReview {
            input_id: input_id.clone(),
            by: user_id.clone(),
            at: shared.clock.now(),
            source,
            fingerprint: serde_json::to_vec(&request).ok().map(|said| hex::encode(Sha256::digest(said))),
            request,
        };
        pass(CrashPoint::BeforeReview);
        let reviewed = signalbox_executor::review(&shared.store, found, submitted).await?;
        pass(CrashPoint::AfterReview);
        if !reviewed.duplicate {
            shared.relay.reviewed(&reviewed.record);
        }
        let receipt = Receipt { input_id, decision_id, correlation_id };
        Ok(ReviewOutcome { receipt, record: reviewed.record, duplicate: reviewed.duplicate })
    }

    fn check_review(&self, message: &ReviewMessage) -> Result<(), ReviewFailure> {
        let (config, request) = (&self.shared.config, &message.request);
        if !check::is_message_id(&message.id) {
            return Err(IntakeError::MessageId.into());
        }
        if !signalbox_model::is_record_id(&request.decision_id) {
            return Err(ReviewError::DecisionId.into());
        }
        let invalid = |problem: String| Err(ReviewError::Invalid(problem).into());
        if request.note.as_ref().is_some_and(|note| note.len() as u64 > config.text_size.0) {
            return invalid(format!("`note` is longer than {} bytes", config.text_size.0));
        }
        let actions = request.actions.as_deref().unwrap_or_default();
        if actions.len() > MAX_ACTIONS {
            return invalid(format!("{} actions are too many; at most {MAX_ACTIONS} are accepted", actions.len()));
        }
        for (index, action) in actions.iter().enumerate() {
            if action.target.trim().is_empty() {
                return invalid(format!("`actions[{index}].target` is empty"));
            }
            if !check::fits_object(&action.payload, config.json_depth) {
                let limit = config.json_depth;
                return invalid(format!("`actions[{index}].payload` is nested deeper than {limit} levels"));
            }
        }
        Ok(())
    }

    /// Ends every review that has expired, and returns their number.
    pub async fn expire_reviews(&self) -> Result<usize, StoreError> {
        let (shared, now) = (&self.shared, self.shared.clock.now());
        let (mut cursor, mut expired) = (None, 0);
        loop {
            let page = shared.store.expired_reviews_after(now, cursor.as_deref(), PAGE_SIZE).await?;
            for record in page.items {
                match signalbox_executor::expire_review(&shared.store, &record, now).await {
                    Ok(Some(record)) => {
                        shared.relay.reviewed(&record);
                        expired += 1;
                    }
                    Ok(None) => {}
                    Err(error) if error.retryable() && !matches!(error, StoreError::Contended { .. }) => {
                        return Err(error);
                    }
                    // One review that cannot be ended must not prevent the others from being ended.
                    Err(error) => {
                        let DecisionModel { id, business_id, .. } = &record.decision;
                        tracing::error!(decision_id = id, business_id, %error, "a review whose time is over cannot end");
                    }
                }
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(expired);
            }
        }
    }

    /// Runs [`Intake::expire_reviews`] at an interval, until `stop`.
    pub async fn keep_expiring_reviews(&self, interval: Duration, stop: CancellationToken) {
        let interval = interval.max(Duration::from_millis(10));
        loop {
            if let Err(error) = self.expire_reviews().await {
                tracing::warn!(%error, "cannot look for reviews whose time is over; trying again later");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(interval) => {}
            }
        }
    }
}

fn log_refusal(access: &UserAccess, business_id: &str, decision_id: &str, failure: &ReviewFailure) {
    let (user_id, code) = (&access.user_id, failure.code().as_str());
    ::metrics::counter!(REVIEWS_REFUSED, "code" => code).increment(1);
    // The log omits invalid ids and the problems of a review, because these repeat the sender's words.
    let business_id = access.businesses.contains_key(business_id).then_some(business_id);
    let decision_id = signalbox_model::is_record_id(decision_id).then_some(decision_id);
    let error = (!matches!(failure, ReviewFailure::Review(ReviewError::Invalid(_)))).then(|| failure.to_string());
    tracing::warn!(user_id, business_id, decision_id, code, error, "refused a review");
}
