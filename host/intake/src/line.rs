//! Who has room, and who waits for it in which order: counts and queues, without clock, tasks or locks.
//!
//! Whoever finds no room waits in its business's queue, and the queues are served by turns, one waiter each. At rest
//! nobody waits who could go, so a newcomer that finds room takes it from nobody.

mod pace;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use pace::Pace;

/// For whom room is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub business: Arc<str>,
    pub user: Option<Arc<str>>,
}

/// How many may be in, and how many may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub in_flight: usize,
    pub in_flight_per_business: usize,
    pub in_flight_per_user: usize,
    pub waiting: usize,
    pub waiting_per_business: usize,
}

/// Where somebody waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// Among others of its business.
    Business(Arc<str>),
    /// Among inputs that are stored. It has one turn in a round like any business, and no bound of its own: whoever puts
    /// inputs there does so a few at a time.
    Stored,
}

/// `T` is how somebody who waits is told.
#[derive(Debug)]
pub(super) struct Line<T> {
    bounds: Bounds,
    in_flight: usize,
    businesses: HashMap<Arc<str>, usize>,
    users: HashMap<Arc<str>, usize>,
    /// Only queues that somebody stands in.
    queues: HashMap<Lane, VecDeque<Waiter<T>>>,
    /// The same queues, the one whose turn is next first.
    turns: VecDeque<Lane>,
    /// Waiters in the queues of businesses.
    waiting: usize,
    tickets: u64,
    pace: Pace,
    closed: bool,
}

#[derive(Debug)]
struct Waiter<T> {
    number: u64,
    who: Who,
    tell: T,
}

/// A place in the line.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    lane: Lane,
    number: u64,
}

/// Somebody waits from now on.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    pub ticket: Ticket,
    /// Who had to leave the line for it.
    pub displaced: Option<T>,
}

/// Why somebody cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The queue of its business.
    Business,
    /// The line, and no queue is longer than its own.
    Line,
    /// Nobody is let in any more.
    Closed,
}

impl<T> Line<T> {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            in_flight: 0,
            businesses: HashMap::new(),
            users: HashMap::new(),
            queues: HashMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
            tickets: 0,
            pace: Pace::default(),
            closed: false,
        }
    }

    /// Takes room if there is some.
    pub fn take(&mut self, who: &Who) -> bool {
        let free = !self.closed && self.has_room(who);
        if free {
            self.count_in(who);
        }
        free
    }

    /// Gets somebody in line who found no room.
    pub fn wait(&mut self, who: Who, lane: Lane, tell: T) -> Result<Waiting<T>, Full> {
        if self.closed {
            return Err(Full::Closed);
        }
        let mut displaced = None;
        if lane != Lane::Stored {
            let own = self.queues.get(&lane).map_or(0, VecDeque::len);
            if own >= self.bounds.waiting_per_business {
                return Err(Full::Business);
            }
            if self.waiting >= self.bounds.waiting {
                displaced = Some(self.displace(own).ok_or(Full::Line)?);
            }
            self.waiting += 1;
        }
        self.tickets += 1;
        let ticket = Ticket { lane: lane.clone(), number: self.tickets };
        let queue = self.queues.entry(lane.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(lane);
        }
        queue.push_back(Waiter { number: ticket.number, who, tell });
        Ok(Waiting { ticket, displaced })
    }

    /// Leaves the line; false when it is not in it any more.
    pub fn leave(&mut self, ticket: &Ticket) -> bool {
        let Some(queue) = self.queues.get_mut(&ticket.lane) else { return false };
        let Some(index) = queue.iter().position(|waiter| waiter.number == ticket.number) else { return false };
        queue.remove(index);
        self.count_out(&ticket.lane);
        true
    }

    /// Gives room back, and says who has it now.
    pub fn release(&mut self, who: &Who, now: Duration) -> Vec<(Who, T)> {
        self.in_flight = self.in_flight.saturating_sub(1);
        decrement(&mut self.businesses, &who.business);
        if let Some(user) = &who.user {
            decrement(&mut self.users, user);
        }
        let mut served = Vec::new();
        while let Some((lane, index)) = self.next_in_turn() {
            let Some(waiter) = self.queues.get_mut(&lane).and_then(|queue| queue.remove(index)) else { break };
            // Its turn is over; those who could not go keep theirs.
            self.turns.retain(|other| *other != lane);
            self.turns.push_back(lane.clone());
            self.pace.moved(now);
            self.count_out(&lane);
            self.count_in(&waiter.who);
            served.push((waiter.who, waiter.tell));
        }
        served
    }

    /// Lets nobody in any more, and says who waited.
    pub fn close(&mut self) -> Vec<T> {
        self.closed = true;
        self.waiting = 0;
        self.turns.clear();
        self.queues.drain().flat_map(|(_, queue)| queue).map(|waiter| waiter.tell).collect()
    }

    /// How long the line takes to empty at the pace at which it moved lately; none when it never did.
    pub fn empties_in(&self) -> Option<Duration> {
        let waiting = u32::try_from(self.waiting).unwrap_or(u32::MAX);
        Some(self.pace.interval()?.saturating_mul(waiting.saturating_add(1)))
    }

    fn has_room(&self, who: &Who) -> bool {
        let Bounds { in_flight, in_flight_per_business, in_flight_per_user, .. } = self.bounds;
        let of_user = who.user.as_ref().map_or(0, |user| count(&self.users, user));
        self.in_flight < in_flight
            && count(&self.businesses, &who.business) < in_flight_per_business
            && (who.user.is_none() || of_user < in_flight_per_user)
    }

    /// The first waiter who can go, of the first queue that has one.
    fn next_in_turn(&self) -> Option<(Lane, usize)> {
        if self.in_flight >= self.bounds.in_flight {
            return None;
        }
        self.turns.iter().find_map(|lane| {
            let index = self.queues.get(lane)?.iter().position(|waiter| self.has_room(&waiter.who))?;
            Some((lane.clone(), index))
        })
    }

    /// The newest waiter of the longest queue leaves, unless the newcomer, with `own` before it, would be that itself.
    fn displace(&mut self, own: usize) -> Option<T> {
        let businesses = self.queues.iter().filter(|(lane, _)| **lane != Lane::Stored);
        let (longest, queue) = businesses.max_by_key(|(_, queue)| queue.len())?;
        if queue.len() <= own + 1 {
            return None;
        }
        let lane = longest.clone();
        let newest = self.queues.get_mut(&lane)?.pop_back()?;
        self.count_out(&lane);
        Some(newest.tell)
    }

    fn count_in(&mut self, who: &Who) {
        self.in_flight += 1;
        *self.businesses.entry(who.business.clone()).or_default() += 1;
        if let Some(user) = &who.user {
            *self.users.entry(user.clone()).or_default() += 1;
        }
    }

    /// Somebody has left a queue.
    fn count_out(&mut self, lane: &Lane) {
        if *lane != Lane::Stored {
            self.waiting = self.waiting.saturating_sub(1);
        }
        if self.queues.get(lane).is_some_and(VecDeque::is_empty) {
            self.queues.remove(lane);
            self.turns.retain(|other| other != lane);
        }
        if self.queues.is_empty() {
            self.pace.rest();
        }
    }
}

fn count(counts: &HashMap<Arc<str>, usize>, key: &str) -> usize {
    counts.get(key).copied().unwrap_or_default()
}

/// Whoever has nothing in flight costs nothing.
fn decrement(counts: &mut HashMap<Arc<str>, usize>, key: &str) {
    let left = count(counts, key).saturating_sub(1);
    match counts.get_mut(key) {
        Some(count) if left > 0 => *count = left,
        _ => drop(counts.remove(key)),
    }
}
