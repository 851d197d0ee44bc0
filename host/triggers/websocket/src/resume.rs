use std::sync::Arc;
use std::time::Duration;

use signalbox_delivery::{Notice, may_review, review_view};
use signalbox_intake::{IntakeError, RetryAdvice, read_failure_message};
use signalbox_model::{ErrorCode, ErrorType, MESSAGE_PERMISSION, Timestamp, UserAccess};
use signalbox_sessions::{Encoded, Outbox, Pushed, ResumeFrame, ServerFrame, response_frames};
use signalbox_store::{DecisionRecord, Handover, StoreError};

use crate::Shared;
use crate::error_frame::ErrorFrame;
use crate::metrics::RESUMES;

/// How many decisions one query of the store reads.
const PAGE_SIZE: u32 = 50;

/// Sends again the frames that a user has missed in one business, in order and no faster than the client reads. Returns
/// the frame `resumed`, which the protocol sends when it can accept the next resume. None when the connection is being
/// closed. An error is for the client.
pub(super) async fn replay(
    shared: &Shared,
    access: &UserAccess,
    outbox: &Arc<Outbox>,
    resume: ResumeFrame,
) -> Result<Option<ServerFrame>, ErrorFrame> {
    let result = send_missed(shared, access, outbox, resume).await;
    let label = match &result {
        Ok(None | Some(ServerFrame::Resumed { recovered: true, .. })) => "recovered",
        Ok(Some(_)) => "too_much",
        Err(_) => "failed",
    };
    ::metrics::counter!(RESUMES, "result" => label).increment(1);
    result
}

async fn send_missed(
    shared: &Shared,
    access: &UserAccess,
    outbox: &Arc<Outbox>,
    resume: ResumeFrame,
) -> Result<Option<ServerFrame>, ErrorFrame> {
    let ResumeFrame { business_id, cursor: from } = resume;
    // The permission is checked again: the user may have lost it since the messages were sent.
    let allowed = shared.intake.authorize(access, &business_id, None, MESSAGE_PERMISSION);
    allowed.map_err(|error| ErrorFrame::from(&IntakeError::Access(error)).with_excerpt("businessId", &business_id))?;
    let failed = |error: StoreError| store_error(&error).with("businessId", business_id.as_str());
    let overlap = shared.config.resume_overlap.0;
    let missed = shared.store.missed_since(&business_id, from.as_deref(), overlap, PAGE_SIZE).await.map_err(failed)?;
    let (mut page, mut seen_until) = (missed.page, missed.position);
    let (mut looked_at, mut left_out, mut sent) = (0, 0, 0);
    let recovered = loop {
        for record in &page.items {
            if !outbox.room().await {
                return Ok(None);
            }
            sent += send(shared, access, outbox, record);
            seen_until = Some(record.cursor());
        }
        looked_at += page.items.len();
        left_out += page.left_out;
        match page.cursor {
            // A record that cannot be read may be for this client; the host cannot tell.
            None => break missed.complete && left_out == 0,
            Some(_) if looked_at >= shared.config.resume_limit => break false,
            Some(next) => {
                let rest = shared.store.decisions_since(&business_id, Some(&next), Duration::ZERO, PAGE_SIZE).await;
                page = rest.map_err(failed)?;
            }
        }
    };
    Ok(Some(ServerFrame::Resumed { business_id, recovered, count: sent, cursor: seen_until }))
}

fn send(shared: &Shared, access: &UserAccess, outbox: &Outbox, record: &DecisionRecord) -> u64 {
    let responses = response_frames(&record.decision, &record.output, &record.reply, &record.cursor())
        .into_iter()
        .filter(|(recipient, _)| *recipient == access.user_id)
        .map(|(_, frame)| frame);
    // An effect that is still to be delivered reaches the client by itself later.
    let resumable = record.effects.iter().filter(|effect| effect.is_resumable());
    let notices = resumable
        .filter_map(|effect| Notice::of(record, effect))
        .filter(|notice| notice.is_for(access, shared.audience.as_ref()))
        .map(|notice| notice.frame);
    // The review's present state: a review that the client missed may be over.
    let review = review_view(record).filter(|_| may_review(record, access, shared.audience.as_ref()));
    let review = review.map(|view| ServerFrame::Review(Box::new(view)));
    let (mut sent, mut taken) = (0, Vec::new());
    for frame in responses.chain(notices).chain(review) {
        if outbox.push(Encoded::of(&frame)) != Pushed::Queued {
            continue;
        }
        sent += 1;
        if let ServerFrame::Response { id, .. } | ServerFrame::Notification { id, .. } = frame {
            taken.push(id);
        }
    }
    note_handover(shared, record, taken);
    sent
}

/// Notes that this connection took messages that would go to the fallback topic otherwise.
fn note_handover(shared: &Shared, record: &DecisionRecord, taken: Vec<String>) {
    let awaits = |id: &String| record.effects.iter().any(|effect| effect.id == *id && effect.awaits_fallback());
    let effect_ids: Vec<_> = taken.into_iter().filter(awaits).collect();
    if effect_ids.is_empty() {
        return;
    }
    let decision = &record.decision;
    let (business_id, decision_id) = (decision.business_id.clone(), decision.id.clone());
    shared.intake.handed_over(Handover { business_id, decision_id, effect_ids, at: Timestamp::now() });
}

fn store_error(error: &StoreError) -> ErrorFrame {
    match error {
        StoreError::Invalid(problem) => {
            let message = format!("the cursor cannot be resumed from: {problem}; start without one");
            ErrorFrame::new(ErrorType::ValidationError, ErrorCode::InvalidCursor, message)
        }
        error => {
            tracing::warn!(%error, "cannot read decisions for a resume");
            let advice = RetryAdvice::from(error.remedy());
            ErrorFrame::new(
                ErrorType::InternalError,
                ErrorCode::StoreUnavailable,
                read_failure_message("what you missed", error),
            )
            .with_retry_advice(advice)
        }
    }
}
