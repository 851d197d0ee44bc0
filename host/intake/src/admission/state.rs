//! Which inputs have room and which wait, in which order: counts and a queue, without clock, tasks or locks.
//!
//! An input that finds no room waits in the queue of its business, and the queues are served round robin. No input
//! waits while there is room for it, so a new input that finds room never overtakes one that could have had it.

use std::sync::Arc;
use std::time::Duration;

use signalbox_limits::{FairQueue, KeyedCounts, PushedItem, QueueFull, QueueTicket};

use super::service_interval::ServiceInterval;

/// The business and the user that an input needs room for.
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

/// The queue in which an input waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum QueueKey {
    /// The queue of its business.
    Business(Arc<str>),
    /// The queue of the inputs that are stored already. It has one turn in a round like the queue of a business, and no
    /// bound of its own, because recovery adds only a few inputs at a time.
    Stored,
}

/// `T` is the channel by which a waiting input is told its result.
#[derive(Debug)]
pub(super) struct AdmissionState<T> {
    /// The decisions in flight, by business and in all.
    businesses: KeyedCounts<Arc<str>>,
    /// The decisions in flight of each user.
    users: KeyedCounts<Arc<str>>,
    waiters: FairQueue<QueueKey, AdmissionWaiter<T>>,
    interval: ServiceInterval,
    is_closed: bool,
}

#[derive(Debug)]
struct AdmissionWaiter<T> {
    requester: Requester,
    result_sender: T,
}

/// Why an input cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotQueued {
    /// The queue of its business is full.
    BusinessFull,
    /// All queues together are full, and no queue is longer than this one.
    AllFull,
    /// Admission is closed.
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

    /// Takes room if there is any.
    pub fn try_admit(&mut self, requester: &Requester) -> bool {
        !self.is_closed && self.add(requester)
    }

    /// Queues an input that found no room. Stored inputs have a queue of their own.
    pub fn enqueue(
        &mut self,
        requester: Requester,
        is_stored: bool,
        result_sender: T,
    ) -> Result<PushedItem<QueueKey, T>, NotQueued> {
        if self.is_closed {
            return Err(NotQueued::Closed);
        }
        let business = requester.business.clone();
        let waiter = AdmissionWaiter { requester, result_sender };
        if is_stored {
            let ticket = self.waiters.push_exempt(QueueKey::Stored, waiter);
            return Ok(PushedItem { ticket, evicted: None });
        }
        let pushed = self.waiters.try_push(QueueKey::Business(business), waiter).map_err(|full| match full {
            QueueFull::Key => NotQueued::BusinessFull,
            QueueFull::Total => NotQueued::AllFull,
        })?;
        Ok(PushedItem { ticket: pushed.ticket, evicted: pushed.evicted.map(|evicted| evicted.result_sender) })
    }

    /// Takes an input out of the queue; false when it has left the queue already.
    pub fn remove_waiter(&mut self, ticket: &QueueTicket<QueueKey>) -> bool {
        let is_removed = self.waiters.remove(ticket).is_some();
        if is_removed && self.waiters.is_empty() {
            self.interval.pause();
        }
        is_removed
    }

    /// Gives room back, and returns the waiters that get room now. There may be several, for example one that lacked
    /// room for its business and another that lacked room for its user.
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
            admitted.push((waiter.requester, waiter.result_sender));
        }
        admitted
    }

    /// Admits no further input, and returns the inputs that waited.
    pub fn close(&mut self) -> Vec<T> {
        self.is_closed = true;
        self.waiters.drain().map(|(_, waiter)| waiter.result_sender).collect()
    }

    /// The time in which the queue empties at its recent rate; none when no waiter has been served yet.
    pub fn drain_time(&self) -> Option<Duration> {
        let waiting = u32::try_from(self.waiters.bounded_len()).unwrap_or(u32::MAX);
        Some(self.interval.average()?.saturating_mul(waiting.saturating_add(1)))
    }

    /// Counts one more decision in flight, if there is room for it.
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

    /// The first waiter that has room, of the first queue that has such a waiter.
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
