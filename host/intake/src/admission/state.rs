//! Who has room, and who waits for it in which order: counts and a queue, without clock, tasks or locks.
//!
//! An input that finds no room waits in the queue of its business, and the queues are served round robin. No input
//! waits while there is room for it, so a newcomer that finds room overtakes none.

use std::sync::Arc;
use std::time::Duration;

use signalbox_limits::{FairQueue, KeyedCounts, PushedItem, QueueFull, QueueTicket};

use super::service_interval::ServiceInterval;

/// For whom room is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requester {
    pub business: Arc<str>,
    pub user: Option<Arc<str>>,
}

/// How many may be in flight, and how many may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdmissionLimits {
    pub in_flight: usize,
    pub in_flight_per_business: usize,
    pub in_flight_per_user: usize,
    pub waiting: usize,
    pub waiting_per_business: usize,
}

/// In which queue an input waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum QueueKey {
    /// Among others of its business.
    Business(Arc<str>),
    /// Among inputs that are stored. They have one turn in a round like any business, and no bound of their own:
    /// recovery puts inputs there a few at a time.
    Stored,
}

/// `T` is how an input that waits is told.
#[derive(Debug)]
pub(super) struct AdmissionState<T> {
    /// What is in flight, by business and together.
    businesses: KeyedCounts<Arc<str>>,
    /// What is in flight of each user.
    users: KeyedCounts<Arc<str>>,
    waiters: FairQueue<QueueKey, AdmissionWaiter<T>>,
    interval: ServiceInterval,
    is_closed: bool,
}

#[derive(Debug)]
struct AdmissionWaiter<T> {
    requester: Requester,
    tell: T,
}

/// Why an input cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotQueued {
    /// The queue of its business is full.
    BusinessFull,
    /// All queues together are, and no queue is longer than its own.
    AllFull,
    /// Nothing is admitted any more.
    Closed,
}

impl<T> AdmissionState<T> {
    pub fn new(limits: AdmissionLimits) -> Self {
        Self {
            businesses: KeyedCounts::new(limits.in_flight, limits.in_flight_per_business),
            users: KeyedCounts::new(usize::MAX, limits.in_flight_per_user),
            waiters: FairQueue::new(limits.waiting, limits.waiting_per_business),
            interval: ServiceInterval::default(),
            is_closed: false,
        }
    }

    /// Takes room if there is some.
    pub fn try_admit(&mut self, requester: &Requester) -> bool {
        !self.is_closed && self.add(requester)
    }

    /// Lets an input wait that found no room. What is stored waits in a queue of its own.
    pub fn enqueue(
        &mut self,
        requester: Requester,
        is_stored: bool,
        tell: T,
    ) -> Result<PushedItem<QueueKey, T>, NotQueued> {
        if self.is_closed {
            return Err(NotQueued::Closed);
        }
        let business = requester.business.clone();
        let waiter = AdmissionWaiter { requester, tell };
        if is_stored {
            let ticket = self.waiters.push_exempt(QueueKey::Stored, waiter);
            return Ok(PushedItem { ticket, evicted: None });
        }
        let pushed = self.waiters.try_push(QueueKey::Business(business), waiter).map_err(|full| match full {
            QueueFull::Key => NotQueued::BusinessFull,
            QueueFull::Total => NotQueued::AllFull,
        })?;
        Ok(PushedItem { ticket: pushed.ticket, evicted: pushed.evicted.map(|evicted| evicted.tell) })
    }

    /// Leaves the queue; false when it is not in it any more.
    pub fn leave(&mut self, ticket: &QueueTicket<QueueKey>) -> bool {
        let has_left = self.waiters.remove(ticket).is_some();
        if has_left && self.waiters.is_empty() {
            self.interval.pause();
        }
        has_left
    }

    /// Gives room back, and says who has it now: several, when for one of them its business had no room and for another
    /// its user.
    pub fn release(&mut self, requester: &Requester, now: Duration) -> Vec<(Requester, T)> {
        self.businesses.remove(&requester.business);
        if let Some(user) = &requester.user {
            self.users.remove(user);
        }
        let mut admitted = Vec::new();
        while let Some(waiter) = self.next_waiter() {
            self.interval.record(now);
            if self.waiters.is_empty() {
                self.interval.pause();
            }
            self.add(&waiter.requester);
            admitted.push((waiter.requester, waiter.tell));
        }
        admitted
    }

    /// Admits nothing any more, and gives what waited.
    pub fn close(&mut self) -> Vec<T> {
        self.is_closed = true;
        self.waiters.drain().map(|(_, waiter)| waiter.tell).collect()
    }

    /// How long the queue takes to empty at the rate at which it was served recently; none when it never was.
    pub fn drain_time(&self) -> Option<Duration> {
        let waiting = u32::try_from(self.waiters.bounded_len()).unwrap_or(u32::MAX);
        Some(self.interval.average()?.saturating_mul(waiting.saturating_add(1)))
    }

    /// Counts one more in flight, unless there is no room for it.
    fn add(&mut self, requester: &Requester) -> bool {
        if self.businesses.try_add(&requester.business).is_err() {
            return false;
        }
        if let Some(user) = &requester.user
            && self.users.try_add(user).is_err()
        {
            self.businesses.remove(&requester.business);
            return false;
        }
        true
    }

    /// The first waiter who can go, of the first queue that has one.
    fn next_waiter(&mut self) -> Option<AdmissionWaiter<T>> {
        if self.businesses.is_full() {
            return None;
        }
        let Self { businesses, users, waiters, .. } = self;
        let has_room = |_: &QueueKey, waiter: &AdmissionWaiter<T>| {
            let Requester { business, user } = &waiter.requester;
            businesses.has_room(business) && user.as_ref().is_none_or(|user| users.has_room(user))
        };
        waiters.pop_where(has_room).map(|(_, waiter)| waiter)
    }
}

#[cfg(test)]
mod tests;
