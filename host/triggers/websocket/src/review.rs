use signalbox_intake::{ReviewFailure, ReviewMessage};
use signalbox_model::{Source, UserAccess};
use signalbox_sessions::{AckState, ReviewFrame, ServerFrame};

use crate::Shared;
use crate::error_frame::ErrorFrame;

/// Has a review counted. Returns its acknowledgement, which the protocol sends when the review's slot is free again. An
/// error is for the client.
pub(super) async fn count(shared: &Shared, access: &UserAccess, frame: ReviewFrame) -> Result<ServerFrame, ErrorFrame> {
    let (id, business_id) = (frame.id.clone(), frame.business_id.clone());
    let message = ReviewMessage {
        id: id.clone(),
        business_id: business_id.clone(),
        source: Source::Websocket,
        correlation_id: None,
        request: frame.into_request(),
    };
    let decision_id = message.request.decision_id.clone();
    let reviewed = shared.intake.review(access, message).await.map_err(|error| {
        let frame = ErrorFrame::from(&error).for_message(Some(&id));
        frame.with_excerpt("businessId", &business_id).with_excerpt("decisionId", &decision_id)
    })?;
    Ok(ServerFrame::Ack {
        message_id: id,
        input_id: reviewed.receipt.input_id,
        decision_id: Some(reviewed.receipt.decision_id),
        others: Vec::new(),
        correlation_id: reviewed.receipt.correlation_id,
        state: if reviewed.duplicate { AckState::Duplicate } else { AckState::Decided },
        reply: None,
        answers: Some(0),
    })
}

impl From<&ReviewFailure> for ErrorFrame {
    fn from(failure: &ReviewFailure) -> Self {
        let mut frame = Self::new(failure.error_type(), failure.code(), failure.to_string());
        if let ReviewFailure::Review(error) = failure
            && let Some(first) = error.first()
        {
            let verdict = serde_json::to_value(first.verdict).unwrap_or_default();
            frame = frame.with("by", first.by.as_str()).with("at", first.at.to_string()).with("verdict", verdict);
        }
        frame.with_retry_advice(failure.retry_advice())
    }
}
