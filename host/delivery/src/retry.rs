//! What an attempt means for its effect: delivered, to be attempted again, held back, or a dead letter.

use std::time::Duration;

use signalbox_model::{RetryPolicy, Timestamp};
use signalbox_store::{Effect, EffectKind, EffectState};

use crate::AttemptResult;

/// No pause is longer, whatever a policy says.
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The state of an effect after an attempt that ended at `now`. `target` is the target's name, `jitter` a random number
/// from 0 to 1 that spreads the retries of many effects apart.
pub(crate) fn state_after(
    effect: &Effect,
    result: AttemptResult,
    target: &str,
    default_policy: &RetryPolicy,
    now: Timestamp,
    jitter: f64,
) -> EffectState {
    match result {
        AttemptResult::Delivered => EffectState::delivered(now),
        AttemptResult::DeliveredTo(to) => EffectState::Delivered { at: now, to: Some(to) },
        AttemptResult::Kept { until } => EffectState::Kept { at: now, until },
        AttemptResult::Refused { reason } => EffectState::DeadLetter { at: now, reason },
        AttemptResult::Unavailable { reason } => EffectState::HeldBack { target: target.to_owned(), reason },
        AttemptResult::Failed { reason, retry_after } => {
            let policy = policy(effect, default_policy);
            let attempt = effect.attempts.saturating_add(1);
            if attempt >= policy.max_attempts {
                let reason = format!("attempt {attempt} of {} failed: {reason}", policy.max_attempts.max(1));
                return EffectState::DeadLetter { at: now, reason };
            }
            let pause = pause(policy, attempt, jitter).max(retry_after.unwrap_or_default()).min(LONGEST_PAUSE);
            EffectState::Waiting { reason, until: Some(now.checked_add(pause).unwrap_or(Timestamp::MAX)) }
        }
    }
}

fn policy<'p>(effect: &'p Effect, default_policy: &'p RetryPolicy) -> &'p RetryPolicy {
    match &effect.kind {
        EffectKind::Action(action) => action.retry_policy.as_ref().unwrap_or(default_policy),
        EffectKind::ChannelNotification { retry_policy, .. } => retry_policy.as_ref().unwrap_or(default_policy),
        _ => default_policy,
    }
}

/// The pause after attempt `attempt`, from 1. Jitter shortens it by up to a half.
fn pause(policy: &RetryPolicy, attempt: u32, jitter: f64) -> Duration {
    let power = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let whole = (policy.initial_interval as f64 * policy.backoff_factor.powi(power)).min(policy.max_interval as f64);
    let part = if policy.jitter { 0.5 + 0.5 * jitter } else { 1.0 };
    // A factor that is no number or negative gives no duration; the longest pause harms nobody.
    Duration::try_from_secs_f64(whole * part / 1_000.0).unwrap_or(Duration::from_millis(policy.max_interval))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn default_policy() -> RetryPolicy {
        crate::RelayConfig::default().retry.policy()
    }

    fn effect(policy: serde_json::Value, attempts: u32) -> Effect {
        let action = json!({
            "id": "act", "type": "external_call", "target": "https://crm.example", "payload": {}, "priority": "medium",
            "retryPolicy": policy,
        });
        let kind = EffectKind::Action(serde_json::from_value(action).unwrap());
        Effect { attempts, ..Effect::pending("e", kind) }
    }

    fn failed(retry_after: Option<u64>) -> AttemptResult {
        AttemptResult::Failed { reason: "503".to_owned(), retry_after: retry_after.map(Duration::from_secs) }
    }

    fn pause_after(effect: &Effect, result: AttemptResult) -> Option<i64> {
        match state_after(effect, result, "http", &default_policy(), NOW, 1.0) {
            EffectState::Waiting { until: Some(until), .. } => Some(until.as_millisecond()),
            EffectState::DeadLetter { .. } => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_effect_is_attempted_as_often_and_as_soon_as_its_own_policy_says() {
        let policy = json!({"maxAttempts": 4, "initialInterval": 100, "backoffFactor": 10.0, "maxInterval": 5_000});
        let pauses: Vec<_> = (0..4).map(|before| pause_after(&effect(policy.clone(), before), failed(None))).collect();
        assert_eq!(pauses, [Some(100), Some(1_000), Some(5_000), None]);
    }

    #[test]
    fn an_effect_without_a_policy_has_the_hosts() {
        let pauses: Vec<_> = (0..12).map(|before| pause_after(&effect(json!(null), before), failed(None))).collect();
        assert_eq!((pauses[0], pauses[1], pauses[10], pauses[11]), (Some(1_000), Some(2_000), Some(1_024_000), None));
    }

    #[test]
    fn a_target_that_asks_for_a_longer_pause_gets_it_within_a_month() {
        assert_eq!(pause_after(&effect(json!(null), 0), failed(Some(120))), Some(120_000));
        assert_eq!(pause_after(&effect(json!(null), 0), failed(Some(u64::MAX))), Some(30 * 86_400_000));
    }

    #[test]
    fn a_policy_that_makes_no_sense_ends_all_the_same() {
        let policy = |factor: f64| json!({"maxAttempts": 0, "initialInterval": u64::MAX, "backoffFactor": factor, "maxInterval": u64::MAX});
        for factor in [-1.0, 0.0, 1e308] {
            assert_eq!(pause_after(&effect(policy(factor), 0), failed(None)), None);
        }
        let endless = json!({"maxAttempts": u32::MAX, "initialInterval": u64::MAX, "backoffFactor": -1e308, "maxInterval": u64::MAX});
        assert_eq!(pause_after(&effect(endless, 7), failed(None)), Some(30 * 86_400_000));
    }

    #[test]
    fn what_says_nothing_about_the_effect_is_no_attempt_of_it() {
        let away = AttemptResult::Unavailable { reason: "connection refused".to_owned() };
        let state = state_after(&effect(json!(null), 11), away, "kafka", &default_policy(), NOW, 0.0);
        assert_eq!(
            state,
            EffectState::HeldBack { target: "kafka".to_owned(), reason: "connection refused".to_owned() }
        );
    }
}
