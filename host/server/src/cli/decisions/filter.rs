use anyhow::bail;
use clap::{Args, ValueEnum};
use signalbox_model::{HumanDuration, Outcome, Timestamp};
use signalbox_store::{DecisionRecord, EffectState};

/// Which decisions a command covers. Different options must all match; of an option that is given several times, one
/// value.
#[derive(Debug, Default, Args)]
pub struct Filter {
    /// Only decisions with this code; `booking.` and `booking.*` stand for all codes that begin so. May be repeated.
    #[arg(long, value_name = "CODE")]
    code: Vec<String>,
    /// Only decisions with this outcome. May be repeated.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Vec<ByOutcome>,
    /// Only decisions on inputs of this user. May be repeated.
    #[arg(long, value_name = "ID")]
    user: Vec<String>,
    /// Only decisions with an effect in this state. May be repeated.
    #[arg(long, value_name = "STATE")]
    effects: Vec<ByEffects>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ByOutcome {
    Decided,
    ReviewPending,
    Approved,
    Edited,
    Rejected,
    /// Failed decisions, dead letters included.
    Failed,
    /// Failed decisions whose input the host has given up.
    DeadLetter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ByEffects {
    /// Not handed over yet.
    Pending,
    /// Withheld until a person has reviewed the decision.
    Withheld,
    /// Handed over.
    Delivered,
    /// In the mailbox, until a connection takes it or it goes to the fallback topic.
    Kept,
    /// Tried without success, and tried again; the decision's record says why it failed.
    Waiting,
    /// Held back until its target works again.
    HeldBack,
    /// Given up, until an operator has it attempted again; the decision's record says why.
    DeadLetter,
    /// Never delivered; the decision's record says why.
    Dropped,
}

impl Filter {
    /// Whether the filter lets every decision through.
    pub fn is_everything(&self) -> bool {
        self.code.is_empty() && self.outcome.is_empty() && self.user.is_empty() && self.effects.is_empty()
    }

    /// Whether the filter lets a decision through.
    pub fn matches(&self, record: &DecisionRecord) -> bool {
        let code = |wanted: &String| matches_code(wanted, &record.decision.decision_code);
        let user = record.decision.context.input.user_id.as_ref();
        let state = |wanted: &ByEffects| record.effects.iter().any(|effect| Some(*wanted) == by_effects(&effect.state));
        let outcome = |wanted: &ByOutcome| match wanted {
            ByOutcome::DeadLetter => record.decision.is_dead_letter(),
            other => Some(*other) == by_outcome(record.decision.outcome),
        };
        (self.code.is_empty() || self.code.iter().any(code))
            && (self.outcome.is_empty() || self.outcome.iter().any(outcome))
            && (self.user.is_empty() || user.is_some_and(|user| self.user.contains(user)))
            && (self.effects.is_empty() || self.effects.iter().any(state))
    }
}

fn matches_code(wanted: &str, code: &str) -> bool {
    let beginning = wanted.strip_suffix('*').unwrap_or(wanted);
    if beginning.ends_with('.') || beginning.len() < wanted.len() {
        code.starts_with(beginning)
    } else {
        code == wanted
    }
}

/// None for an outcome of a newer version, for which no filter has a name.
fn by_outcome(outcome: Outcome) -> Option<ByOutcome> {
    Some(match outcome {
        Outcome::Decided => ByOutcome::Decided,
        Outcome::ReviewPending => ByOutcome::ReviewPending,
        Outcome::Approved => ByOutcome::Approved,
        Outcome::Edited => ByOutcome::Edited,
        Outcome::Rejected => ByOutcome::Rejected,
        Outcome::Failed => ByOutcome::Failed,
        Outcome::Unknown(_) => return None,
    })
}

fn by_effects(state: &EffectState) -> Option<ByEffects> {
    Some(match state {
        EffectState::Pending => ByEffects::Pending,
        EffectState::Withheld => ByEffects::Withheld,
        EffectState::Delivered { .. } => ByEffects::Delivered,
        EffectState::Kept { .. } => ByEffects::Kept,
        EffectState::Waiting { .. } => ByEffects::Waiting,
        EffectState::HeldBack { .. } => ByEffects::HeldBack,
        EffectState::DeadLetter { .. } => ByEffects::DeadLetter,
        EffectState::Dropped { .. } => ByEffects::Dropped,
        EffectState::Unknown(_) => return None,
    })
}

/// Reads the value of `--since`: how long ago, a day, or a moment.
pub fn since(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Ok(ago) = text.parse::<HumanDuration>() {
        return Ok(now.checked_sub(ago.0).unwrap_or(Timestamp::MIN));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    match text.parse::<jiff::civil::Date>() {
        Ok(day) => Ok(day.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp()),
        Err(_) => {
            bail!("`{text}` is neither a duration (2h), nor a day (2026-11-30), nor a moment (2026-11-30T18:00:00Z)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_for_itself_or_for_all_that_begin_so() {
        for (wanted, code, matches) in [
            ("booking.confirmed", "booking.confirmed", true),
            ("booking", "booking.confirmed", false),
            ("booking.", "booking.confirmed", true),
            ("book*", "booking.confirmed", true),
            ("booking.*", "menu.shown", false),
        ] {
            assert_eq!(matches_code(wanted, code), matches, "{wanted} and {code}");
        }
    }

    #[test]
    fn since_is_a_duration_a_day_or_a_moment() {
        let now: Timestamp = "2026-11-30T18:00:00Z".parse().unwrap();
        let read = |text: &str| since(text, now).unwrap().to_string();
        assert_eq!(read("2h"), "2026-11-30T16:00:00Z");
        assert_eq!(read("2026-11-29"), "2026-11-29T00:00:00Z");
        assert_eq!(read("2026-11-29T12:00:00+02:00"), "2026-11-29T10:00:00Z");
        assert!(since("yesterday", now).unwrap_err().to_string().contains("2026-11-30"));
    }
}
