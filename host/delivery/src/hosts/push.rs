//! Sends what another host has decided to the people who are connected here.

use std::time::Duration;

use signalbox_model::Timestamp;
use signalbox_sessions::{Encoded, ServerFrame, Sessions, response_frames};
use signalbox_store::{DecisionRecord, Effect, EffectState};

use crate::{Audience, Notice, review};

/// By how much the clocks of two hosts may differ, and how long before a decision a client may have connected that its
/// resume did not see the decision yet.
const TOLERANCE: Duration = Duration::from_secs(3);

/// The time from which on changes are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// The present moment of the timeline, and the same of the machine's clock: decisions are dated by the timeline,
    /// which may be ahead of all clocks, and what happens to them later by clocks.
    now: Timestamp,
    wall: Timestamp,
    /// How long ago it begins.
    length: Duration,
}

impl Window {
    /// From a moment of the timeline on; `now` is its present moment.
    pub fn since(since: Timestamp, now: Timestamp) -> Self {
        let length = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        Self { now, wall: Timestamp::now(), length }
    }

    /// How long ago a decision was made; none before the window.
    fn age_of_decision(&self, at: Timestamp) -> Option<Duration> {
        self.age(self.now, at)
    }

    /// How long ago something happened to a decision; none before the window.
    fn age_of_event(&self, at: Timestamp) -> Option<Duration> {
        self.age(self.wall, at)
    }

    fn age(&self, now: Timestamp, at: Timestamp) -> Option<Duration> {
        // A time that is ahead is that of a host whose clock is ahead.
        let age = Duration::try_from(now.duration_since(at)).unwrap_or_default();
        (age <= self.length).then_some(age)
    }
}

/// What was sent of a decision.
#[derive(Debug, Default)]
pub(crate) struct SentChanges {
    /// How many connections took a frame, counted for each frame.
    pub frames: usize,
    /// The ids of the answers and notifications that a connection took.
    pub taken: Vec<String>,
}

impl SentChanges {
    fn count(&mut self, connections: usize, id: Option<&str>) {
        self.frames += connections;
        self.taken.extend(id.filter(|_| connections > 0).map(str::to_owned));
    }
}

/// Sends everything of a decision that has happened within the window. What this host has sent already is not sent
/// again, and what happened before a client connected is left to its resume.
pub(crate) fn send_changes(
    record: &DecisionRecord,
    window: Window,
    sessions: &Sessions,
    audience: &dyn Audience,
) -> SentChanges {
    let open_for = |age: Duration| sessions.open_for(age.saturating_sub(TOLERANCE));
    let mut sent = SentChanges::default();
    let decision = &record.decision;
    if let Some(age) = window.age_of_decision(decision.created_at) {
        let sessions = open_for(age);
        for (user_id, frame) in response_frames(decision, &record.output, &record.reply, &record.cursor()) {
            let connections = sessions.send_to_user(&decision.business_id, &user_id, &Encoded::of(&frame));
            let id = if let ServerFrame::Response { id, .. } = &frame { Some(id.as_str()) } else { None };
            sent.count(connections, id);
        }
    }
    for effect in record.effects.iter().filter(|effect| effect.is_resumable()) {
        if let Some(at) = sent_at(effect)
            && let Some(age) = window.age_of_event(at)
            && let Some(notice) = Notice::of(record, effect)
        {
            sent.count(notice.send(&open_for(age), audience), Some(&effect.id));
        }
    }
    let changed_at = record.review.as_ref().map(|review| match &review.resolution {
        Some(resolution) => resolution.at,
        None => review.requested_at,
    });
    if let Some(age) = changed_at.and_then(|at| window.age_of_event(at)) {
        sent.count(review::announce(record, &open_for(age), audience), None);
    }
    sent
}

/// When a notification was first sent.
fn sent_at(effect: &Effect) -> Option<Timestamp> {
    match &effect.state {
        _ if effect.kept_since.is_some() => effect.kept_since,
        EffectState::Delivered { at, .. } => Some(*at),
        _ => None,
    }
}
