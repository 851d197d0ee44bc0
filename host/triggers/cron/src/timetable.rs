//! One schedule in the timetable: which of its ticks are due, and which were missed. It has no clock and no store.

use std::collections::VecDeque;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use signalbox_model::{CatchUp, CronExpression, fire_input_id};
use signalbox_store::{Schedule, ScheduleTiming};

use crate::CronConfig;

/// The most due ticks of one schedule that wait; when there are more, the oldest are left out.
const MAX_DUE_TICKS: usize = 100;

/// A schedule that ticks.
pub(super) struct TimetableEntry {
    pub schedule: Schedule,
    timing: Timing,
    /// How long after its nominal time this schedule fires.
    jitter: SignedDuration,
    /// Until when ticks were looked at.
    cursor: Timestamp,
    /// The due ticks, in order.
    pub due: VecDeque<DueTick>,
    /// The newest tick that any host has claimed, as far as this process knows.
    pub claimed: Option<Timestamp>,
    /// Whether a task works on the due ticks.
    pub busy: bool,
    /// The earliest moment at which the due ticks are tried again.
    pub not_before: Option<Timestamp>,
    /// When it was last read from the store.
    pub read_at: Timestamp,
}

enum Timing {
    Once(Timestamp),
    Cron(Box<CronExpression>, TimeZone),
}

/// A tick whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DueTick {
    pub nominal: Timestamp,
    pub action: TickAction,
}

/// What to do with a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TickAction {
    /// The tick's time has come.
    Fire,
    /// The tick was missed and is made up for.
    CatchUpTick,
    /// This tick and those before it, so many in all, are left out.
    Skip(u64),
}

impl TimetableEntry {
    /// The timetable entry of a schedule; an error says why the schedule can have none.
    pub fn new(schedule: Schedule, now: Timestamp) -> Result<Self, String> {
        let definition = &schedule.definition;
        if !definition.is_known() {
            return Err("a newer version of the host has stored it, and only that one knows when it ticks".to_owned());
        }
        let timing = match &definition.timing {
            ScheduleTiming::At(at) => Timing::Once(*at),
            ScheduleTiming::Expression(expression) => {
                let expression = expression.parse().map_err(|error| format!("{error}"))?;
                let zone = signalbox_model::time_zone(&definition.timezone)
                    .ok_or_else(|| format!("there is no time zone `{}`", definition.timezone))?;
                Timing::Cron(Box::new(expression), zone)
            }
            ScheduleTiming::Unknown(timing) => return Err(format!("only a newer version knows the timing {timing}")),
        };
        // Ticks before a change, a pause or a resumption do not belong to the schedule as it is now.
        let cursor = schedule.updated_at.max(schedule.handled_until.unwrap_or(schedule.created_at));
        let jitter = jitter(&schedule);
        let (due, claimed, busy, not_before) = (VecDeque::new(), None, false, None);
        Ok(Self { schedule, timing, jitter, cursor, due, claimed, busy, not_before, read_at: now })
    }

    /// Whether the schedule ticks once and is then removed.
    pub fn is_once(&self) -> bool {
        matches!(self.timing, Timing::Once(_))
    }

    /// When there is something to do next; none when there never will be.
    pub fn wakes_at(&self) -> Option<Timestamp> {
        if self.busy {
            return None;
        }
        if !self.due.is_empty() {
            return Some(self.not_before.unwrap_or(Timestamp::MIN));
        }
        self.upcoming()?.checked_add(self.jitter).ok()
    }

    /// The nominal time of the first tick that was not looked at yet.
    fn upcoming(&self) -> Option<Timestamp> {
        match &self.timing {
            Timing::Once(at) => {
                let over = self.schedule.handled_until.is_some_and(|handled| handled >= *at);
                let is_examined = self.claimed.is_some_and(|claimed| claimed >= *at) || !self.due.is_empty();
                (!over && !is_examined).then_some(*at)
            }
            Timing::Cron(expression, zone) => expression.next_after(self.cursor, zone),
        }
    }

    /// Takes up the ticks whose time has come by `now`.
    pub fn advance(&mut self, now: Timestamp, config: &CronConfig) {
        let Ok(latest) = now.checked_sub(self.jitter) else { return };
        let due = match &self.timing {
            Timing::Once(at) => self.upcoming().filter(|_| *at <= latest).map(|at| self.once(at, latest, config)),
            Timing::Cron(expression, zone) => {
                let (due, cursor) = missed(expression, zone, self.cursor, latest, &self.schedule, config);
                self.cursor = cursor;
                self.due.extend(due);
                None
            }
        };
        self.due.extend(due);
        while self.due.len() > MAX_DUE_TICKS {
            let count = self.due.pop_front().map_or(0, |oldest| oldest.tick_count());
            if let Some(next) = self.due.front_mut() {
                next.action = TickAction::Skip(count + next.tick_count());
            }
        }
    }

    /// A schedule that was made with a moment in the past is not late: it ticks at once.
    fn once(&self, at: Timestamp, latest: Timestamp, config: &CronConfig) -> DueTick {
        let definition = &self.schedule.definition;
        let was_past_when_scheduled = at <= self.schedule.updated_at;
        let late = is_over(at, latest, config.late_after.0);
        let too_old = is_over(at.max(self.schedule.updated_at), latest, config.catch_up_age.0);
        let action = match (late && !was_past_when_scheduled, too_old || definition.catch_up == CatchUp::None) {
            (true, true) => TickAction::Skip(1),
            (true, false) => TickAction::CatchUpTick,
            (false, _) => TickAction::Fire,
        };
        DueTick { nominal: at, action }
    }
}

impl DueTick {
    fn tick_count(&self) -> u64 {
        match self.action {
            TickAction::Skip(count) => count,
            TickAction::Fire | TickAction::CatchUpTick => 1,
        }
    }
}

/// The ticks after `cursor` until `latest` as the catch-up policy wants them, and until when ticks were looked at.
fn missed(
    expression: &CronExpression,
    zone: &TimeZone,
    cursor: Timestamp,
    latest: Timestamp,
    schedule: &Schedule,
    config: &CronConfig,
) -> (Vec<DueTick>, Timestamp) {
    let horizon = latest.checked_sub(duration(config.catch_up_age.0)).unwrap_or(Timestamp::MIN);
    let Some(mut tick) = expression.next_after(cursor, zone).filter(|tick| *tick <= latest) else {
        return (Vec::new(), cursor);
    };
    let keep = match schedule.definition.catch_up {
        CatchUp::None | CatchUp::Unknown(_) => 0,
        CatchUp::Last => 1,
        CatchUp::All { limit } => usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_DUE_TICKS),
    };
    let (mut skipped, mut last_skipped) = (0, None);
    let (mut made_up, mut on_time) = (VecDeque::new(), Vec::new());
    let mut examined_until;
    loop {
        examined_until = tick;
        if !is_over(tick, latest, config.late_after.0) {
            on_time.push(DueTick { nominal: tick, action: TickAction::Fire });
        } else if tick < horizon {
            // Ticks before the horizon are not counted one by one, because their number does not matter.
            (skipped, last_skipped) = (skipped + 1, Some(tick));
            examined_until = horizon;
        } else {
            made_up.push_back(tick);
            if made_up.len() > keep {
                (skipped, last_skipped) = (skipped + 1, made_up.pop_front());
            }
        }
        match expression.next_after(examined_until, zone).filter(|tick| *tick <= latest) {
            Some(next) => tick = next,
            None => break,
        }
    }
    if schedule.definition.catch_up == CatchUp::Last && !on_time.is_empty() {
        // The newest tick is on time, which makes up for the missed ones.
        skipped += made_up.len() as u64;
        last_skipped = made_up.pop_back().or(last_skipped);
        made_up.clear();
    }
    let skipped = last_skipped.map(|nominal| DueTick { nominal, action: TickAction::Skip(skipped) });
    let made_up = made_up.into_iter().map(|nominal| DueTick { nominal, action: TickAction::CatchUpTick });
    (skipped.into_iter().chain(made_up).chain(on_time).collect(), examined_until)
}

fn is_over(tick: Timestamp, latest: Timestamp, age: std::time::Duration) -> bool {
    latest.duration_since(tick) > duration(age)
}

pub(super) fn duration(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// A delay that is the same for a schedule at every tick and in every process, and differs evenly between schedules.
fn jitter(schedule: &Schedule) -> SignedDuration {
    let definition = &schedule.definition;
    let span = duration(definition.jitter.0).as_millis();
    if span <= 0 {
        return SignedDuration::ZERO;
    }
    let id = fire_input_id(&definition.business_id, &definition.name, Timestamp::UNIX_EPOCH);
    let digits = id.rsplit('_').next().and_then(|digits| digits.get(..12)).unwrap_or_default();
    let hash = i128::from_str_radix(digits, 16).unwrap_or_default();
    SignedDuration::from_millis(i64::try_from(hash % (span + 1)).unwrap_or_default())
}
