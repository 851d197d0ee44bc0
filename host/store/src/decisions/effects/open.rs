//! The open effects of one business, and how many decisions have open effects.

use signalbox_model::Timestamp;

use crate::cursor;
use crate::decisions::{BUSINESS, ID};
use crate::item::text;
use crate::key::{KeyRange, compose, decompose, time_of};
use crate::listing::{PageSource, Queue, checked};
use crate::queue::Lane;
use crate::tables::BY_DUE;
use crate::{DecisionRecord, Effect, EffectState, Page, Store, StoreError};

/// The effects of one business that have not left, and of which something may still leave: those for now or later, held
/// back, waiting, and the dead letters.
#[derive(Clone, Copy, Debug)]
pub struct OpenEffects<'a> {
    /// The business.
    pub business_id: &'a str,
    /// The names of the targets that may hold effects back.
    pub targets: &'a [&'a str],
}

/// How many decisions are in one of the lists of open effects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EffectBacklog {
    /// Decisions; the count stops at what the caller has asked for.
    pub decisions: usize,
    /// The moment of the oldest: when its effect was due, or when it was made where no effect of it is due.
    pub oldest: Option<Timestamp>,
}

/// How many decisions have open effects, by what is left to do for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectBacklogs {
    /// An effect is due.
    pub due: EffectBacklog,
    /// The next attempt of an effect is due later.
    pub later: EffectBacklog,
    /// An operator has to configure something.
    pub waiting: EffectBacklog,
    /// A target does not take the effects at present; in the order of the targets' names that the caller passed.
    pub held_back: Vec<EffectBacklog>,
    /// The effects were given up.
    pub dead_letters: EffectBacklog,
}

impl Store {
    /// The decisions of one business with open effects, page by page: those with effects that leave at their moment,
    /// then those held back by each target, those waiting, and those with dead letters. `limit` is from 1 to 100. Only
    /// the last page may be empty.
    pub async fn open_effects(
        &self,
        of: &OpenEffects<'_>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        let list = ["open-effects", of.business_id];
        let lanes = lanes(of.targets);
        let (first, mut after) = match cursor {
            Some(cursor) => position(&lanes, &cursor::open(&list, cursor)?)?,
            None => (0, None),
        };
        let limit = checked(limit)?;
        let mut page = Page { items: Vec::new(), cursor: None, left_out: 0 };
        for lane in lanes.iter().skip(first) {
            let queue = Queue {
                table: &self.names().decisions,
                index: BY_DUE,
                lane: *lane,
                now: None,
                filter: Some((BUSINESS, of.business_id)),
                keys: [ID, BUSINESS],
            };
            let room = limit.saturating_sub(page.items.len());
            let found = self.decisions_in(PageSource::Queue(queue), after.take(), room, is_open).await?;
            page.left_out += found.left_out;
            page.items.extend(found.items);
            page.cursor = found.cursor.map(|sort| compose(&[&name(*lane), &sort]));
            if page.cursor.is_some() || page.items.len() >= limit {
                // The following lists may have more; the last one has told by itself whether it has.
                let next = || lanes.last().filter(|last| *last != lane).map(|_| compose(&[&name(*lane), LAST]));
                page.cursor = page.cursor.or_else(next);
                break;
            }
        }
        Ok(page.sealed(&list))
    }

    /// Counts the decisions with open effects at `now`, in each list up to `most`.
    pub async fn effect_backlogs(
        &self,
        targets: &[&str],
        now: Timestamp,
        most: usize,
    ) -> Result<EffectBacklogs, StoreError> {
        let mut pending = self.moments(Lane::Pending, most).await?;
        let later = pending.split_off(pending.partition_point(|due| *due <= now));
        let mut held_back = Vec::with_capacity(targets.len());
        for target in targets {
            held_back.push(backlog(&self.moments(Lane::HeldBack(target), most).await?));
        }
        Ok(EffectBacklogs {
            due: backlog(&pending),
            later: backlog(&later),
            waiting: backlog(&self.moments(Lane::Waiting, most).await?),
            held_back,
            dead_letters: backlog(&self.moments(Lane::DeadLetter, most).await?),
        })
    }

    /// The moments by which the decisions of a lane are ordered.
    async fn moments(&self, lane: Lane<'_>, most: usize) -> Result<Vec<Timestamp>, StoreError> {
        let table = &self.names().decisions;
        let found = self.in_lane(table, BY_DUE, lane, KeyRange::default(), None, most).await?;
        Ok(found.iter().filter_map(|item| time_of(text(item, BY_DUE.sort)?)).collect())
    }
}

/// A sort key after every moment.
const LAST: &str = "~";

fn lanes<'a>(targets: &[&'a str]) -> Vec<Lane<'a>> {
    let held_back = targets.iter().map(|target| Lane::HeldBack(target));
    std::iter::once(Lane::Pending).chain(held_back).chain([Lane::Waiting, Lane::DeadLetter]).collect()
}

/// The name of a lane in cursors.
fn name(lane: Lane<'_>) -> String {
    match lane {
        Lane::Pending => "pending".to_owned(),
        Lane::Waiting => "waiting".to_owned(),
        Lane::HeldBack(target) => format!("held-back/{target}"),
        Lane::DeadLetter => "dead-letter".to_owned(),
    }
}

/// The lane that a cursor points into, and the sort key in it.
fn position(lanes: &[Lane<'_>], cursor: &str) -> Result<(usize, Option<String>), StoreError> {
    let unknown = || StoreError::Invalid("the cursor points into a list that this host does not have".to_owned());
    let parts = decompose(cursor).ok_or_else(unknown)?;
    let [lane, sort] = parts.as_slice() else { return Err(unknown()) };
    let index = lanes.iter().position(|known| name(*known) == *lane).ok_or_else(unknown)?;
    Ok((index, Some((*sort).to_owned())))
}

fn backlog(moments: &[Timestamp]) -> EffectBacklog {
    EffectBacklog { decisions: moments.len(), oldest: moments.first().copied() }
}

fn is_open(record: &DecisionRecord) -> bool {
    record.effects.iter().any(Effect::is_open)
}

impl Effect {
    /// Whether the effect has not left and may leave: by itself, or once an operator has acted.
    pub fn is_open(&self) -> bool {
        match self.state {
            EffectState::Pending
            | EffectState::Waiting { .. }
            | EffectState::HeldBack { .. }
            | EffectState::Kept { .. }
            | EffectState::DeadLetter { .. } => true,
            EffectState::Withheld
            | EffectState::Delivered { .. }
            | EffectState::Dropped { .. }
            | EffectState::Unknown(_) => false,
        }
    }
}
