use signalbox_model::{AgentAction, REVIEW_PERMISSION, Reach, UserAccess};
use signalbox_sessions::{Encoded, ReviewState, ReviewView, ServerFrame, Sessions};
use signalbox_store::{DecisionRecord, EffectKind};

use crate::Audience;

/// A decision as those see it who review it; none when it never waited for a person.
pub fn review_view(record: &DecisionRecord) -> Option<ReviewView> {
    let review = record.review.as_ref()?;
    let (decision, output) = (&record.decision, &record.output);
    let state = if review.resolution.is_some() { ReviewState::Resolved } else { ReviewState::Requested };
    Some(ReviewView {
        decision_id: decision.id.clone(),
        business_id: decision.business_id.clone(),
        location_id: decision.location_id.clone(),
        code: decision.decision_code.clone(),
        reasoning: decision.reasoning.clone(),
        confidence: decision.confidence,
        actions: actions(record),
        responses: output.responses.clone(),
        requested_at: review.requested_at,
        expires_at: review.expires_at,
        state,
        resolution: review.resolution.clone(),
    })
}

/// The effects say what leaves; the decision's own output stays as it was when a reviewer edits it.
fn actions(record: &DecisionRecord) -> Vec<AgentAction> {
    let kinds = record.effects.iter().map(|effect| &effect.kind);
    kinds.filter_map(|kind| if let EffectKind::Action(action) = kind { Some(action.clone()) } else { None }).collect()
}

/// Whether a user may see and review a decision that waits for a person.
pub fn may_review(record: &DecisionRecord, access: &UserAccess, audience: &dyn Audience) -> bool {
    let decision = &record.decision;
    audience.may_see(access, &decision.business_id, Reach::of(decision.location_id.as_deref()), Some(REVIEW_PERMISSION))
}

/// Tells everyone who is connected and may review it how a review stands; says how many connections took it.
pub(crate) fn announce(record: &DecisionRecord, sessions: &Sessions, audience: &dyn Audience) -> usize {
    let Some(view) = review_view(record) else { return 0 };
    let business_id = view.business_id.clone();
    let frame = Encoded::of(&ServerFrame::Review(Box::new(view)));
    sessions.broadcast(&business_id, &frame, |access| may_review(record, access, audience))
}
