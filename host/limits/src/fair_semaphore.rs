use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::{FairQueue, KeyedCounts, LimitReached, QueueTicket};

/// A semaphore whose permits are handed out round robin over keys: every key that waits gets a permit before any key
/// gets two. One key holds at most `permits_per_key` of them.
///
/// [`tokio::sync::Semaphore`] serves waiters in the order in which they came, so a key with a thousand waiters delays
/// another key by a thousand permits; here it delays it by one. Within a key, the waiter that came first is served
/// first.
///
/// A released permit goes directly to the waiter whose turn it is, so a newcomer cannot take it instead, and
/// no waiter waits while a permit is free that it may have. The number of waiters has no bound; use a [`FairQueue`]
/// where one is needed.
///
/// Clones share the same permits.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use signalbox_limits::FairSemaphore;
///
/// let instances = FairSemaphore::new(2, 1);
/// let permit = instances.acquire(&"one").await;
/// assert!(instances.try_acquire(&"one").is_err(), "it holds as many as one key may");
/// let _other = instances.acquire(&"other").await;
/// drop(permit);
/// assert_eq!(instances.available_permits(), 1);
/// # }
/// ```
#[derive(Debug)]
pub struct FairSemaphore<K: Clone + Eq + Hash> {
    state: Arc<Mutex<SemaphoreState<K>>>,
}

#[derive(Debug)]
struct SemaphoreState<K: Clone + Eq + Hash> {
    held: KeyedCounts<K>,
    waiters: FairQueue<K, oneshot::Sender<FairPermit<K>>>,
}

/// A permit of a [`FairSemaphore`]. When it is dropped, the next waiter gets it.
#[derive(Debug)]
pub struct FairPermit<K: Clone + Eq + Hash> {
    semaphore: FairSemaphore<K>,
    key: K,
}

/// A waiter for a permit. When it is dropped it leaves the queue, and a permit that it was just given goes to the next
/// waiter.
struct SemaphoreWaiter<'a, K: Clone + Eq + Hash> {
    semaphore: &'a FairSemaphore<K>,
    ticket: QueueTicket<K>,
    permit: oneshot::Receiver<FairPermit<K>>,
}

impl<K: Clone + Eq + Hash> FairSemaphore<K> {
    /// A semaphore with `permits` permits, of which one key may hold `permits_per_key`.
    pub fn new(permits: usize, permits_per_key: usize) -> Self {
        let held = KeyedCounts::new(permits, permits_per_key);
        Self { state: Arc::new(Mutex::new(SemaphoreState { held, waiters: FairQueue::unbounded() })) }
    }

    /// Waits for a permit. Dropping the future leaves the queue.
    pub async fn acquire(&self, key: &K) -> FairPermit<K> {
        loop {
            let mut waiter = match self.acquire_or_wait(key) {
                Ok(permit) => return permit,
                Err(waiter) => waiter,
            };
            // An error is impossible: a waiter in the queue is only taken out to be given a permit.
            if let Ok(permit) = (&mut waiter.permit).await {
                return permit;
            }
        }
    }

    /// A permit, if one is free for this key now.
    pub fn try_acquire(&self, key: &K) -> Result<FairPermit<K>, LimitReached> {
        self.lock().held.try_add(key)?;
        Ok(self.permit(key.clone()))
    }

    /// How many permits are free.
    pub fn available_permits(&self) -> usize {
        self.lock().held.available()
    }

    fn acquire_or_wait(&self, key: &K) -> Result<FairPermit<K>, SemaphoreWaiter<'_, K>> {
        let mut state = self.lock();
        if state.held.try_add(key).is_ok() {
            return Ok(self.permit(key.clone()));
        }
        let (sender, permit) = oneshot::channel();
        let ticket = state.waiters.push_exempt(key.clone(), sender);
        Err(SemaphoreWaiter { semaphore: self, ticket, permit })
    }

    fn permit(&self, key: K) -> FairPermit<K> {
        FairPermit { semaphore: self.clone(), key }
    }

    fn release(&self, key: &K) {
        let mut state = self.lock();
        state.held.remove(key);
        // One released permit makes room for one waiter at most. Before the release, either no permit was free, or
        // every key that waits held as many permits as it may; of those keys only this one has room now.
        let SemaphoreState { held, waiters } = &mut *state;
        let Some((key, waiter)) = waiters.pop_key_where(|key| held.has_room(key)) else { return };
        let granted = held.try_add(&key);
        drop(state);
        if granted.is_ok() {
            // If the waiter is just being dropped, `send` gives the permit back as the error, and dropping that
            // releases it.
            drop(waiter.send(self.permit(key)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, SemaphoreState<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> Clone for FairSemaphore<K> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone() }
    }
}

impl<K: Clone + Eq + Hash> Drop for FairPermit<K> {
    fn drop(&mut self) {
        self.semaphore.release(&self.key);
    }
}

impl<K: Clone + Eq + Hash> Drop for SemaphoreWaiter<'_, K> {
    fn drop(&mut self) {
        self.semaphore.lock().waiters.remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_waiter_that_gives_up_takes_no_permit_and_nothing_is_kept_of_it() {
        let semaphore = FairSemaphore::new(2, 2);
        let first = semaphore.acquire(&"one").now_or_never().unwrap();
        let second = semaphore.acquire(&"one").now_or_never().unwrap();
        assert!(semaphore.acquire(&"one").now_or_never().is_none());
        assert!(semaphore.lock().waiters.is_empty());
        drop(first);
        let third = semaphore.acquire(&"one").now_or_never().unwrap();
        drop((second, third));
        assert_eq!((semaphore.available_permits(), semaphore.lock().held.keys()), (2, 0));
    }

    #[test]
    fn every_key_that_waits_has_a_permit_before_one_has_two() {
        let semaphore = FairSemaphore::new(1, 1);
        let permit = semaphore.acquire(&"one").now_or_never().unwrap();
        let mut ones = Box::pin(semaphore.acquire(&"one"));
        let mut ones_second = Box::pin(semaphore.acquire(&"one"));
        let mut others = Box::pin(semaphore.acquire(&"other"));
        assert!((&mut ones).now_or_never().is_none() && (&mut ones_second).now_or_never().is_none());
        assert!((&mut others).now_or_never().is_none());
        drop(permit);
        drop(ones.now_or_never().expect("it came first"));
        assert!((&mut ones_second).now_or_never().is_none());
        drop(others.now_or_never().expect("it is the other one's turn"));
        assert!(ones_second.now_or_never().is_some());
    }

    #[test]
    fn one_key_has_no_more_permits_than_it_may_and_others_have_theirs() {
        let semaphore = FairSemaphore::new(3, 1);
        let permit = semaphore.acquire(&"one").now_or_never().unwrap();
        let mut second = Box::pin(semaphore.acquire(&"one"));
        assert!((&mut second).now_or_never().is_none());
        drop(semaphore.acquire(&"other").now_or_never().unwrap());
        assert!((&mut second).now_or_never().is_none(), "what another key gives back is not for it");
        drop(permit);
        assert!(second.now_or_never().is_some());
    }

    #[test]
    fn a_permit_whose_waiter_is_gone_goes_to_the_next_one() {
        let semaphore = FairSemaphore::new(1, 1);
        let permit = semaphore.acquire(&"one").now_or_never().unwrap();
        let mut gone = Box::pin(semaphore.acquire(&"one"));
        let mut next = Box::pin(semaphore.acquire(&"other"));
        assert!((&mut gone).now_or_never().is_none() && (&mut next).now_or_never().is_none());
        drop(permit);
        // This waiter was given the permit and was never polled again.
        drop(gone);
        assert!(next.now_or_never().is_some());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Acquire(u8),
        Poll(prop::sample::Index),
        Drop(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..3_u8).prop_map(Step::Acquire),
            2 => any::<prop::sample::Index>().prop_map(Step::Poll),
            2 => any::<prop::sample::Index>().prop_map(Step::Drop),
        ]
    }

    proptest! {
        #[test]
        fn no_permit_is_lost_and_nobody_waits_who_could_have_one_however_waiters_come_and_go(
            permits in 1..4_usize, permits_per_key in 1..4_usize, steps in prop::collection::vec(step(), 1..80),
        ) {
            let semaphore = FairSemaphore::new(permits, permits_per_key);
            type Acquire = Pin<Box<dyn Future<Output = FairPermit<u8>>>>;
            let mut waiting: Vec<Acquire> = Vec::new();
            let mut held: Vec<FairPermit<u8>> = Vec::new();
            for step in steps {
                match step {
                    Step::Acquire(key) => {
                        let semaphore = semaphore.clone();
                        let mut acquire: Acquire = Box::pin(async move { semaphore.acquire(&key).await });
                        match (&mut acquire).now_or_never() {
                            Some(permit) => held.push(permit),
                            None => waiting.push(acquire),
                        }
                    }
                    Step::Poll(index) if !waiting.is_empty() => {
                        let index = index.index(waiting.len());
                        if let Some(permit) = waiting[index].as_mut().now_or_never() {
                            drop(waiting.swap_remove(index));
                            held.push(permit);
                        }
                    }
                    // Drops a permit or a waiter.
                    Step::Drop(index) if waiting.len() + held.len() > 0 => {
                        let index = index.index(waiting.len() + held.len());
                        if index < waiting.len() {
                            drop(waiting.swap_remove(index));
                        } else {
                            drop(held.swap_remove(index - waiting.len()));
                        }
                    }
                    Step::Poll(_) | Step::Drop(_) => {}
                }
                prop_assert!(held.len() <= permits);
                for key in 0..3_u8 {
                    prop_assert!(held.iter().filter(|permit| permit.key == key).count() <= permits_per_key);
                }
                let SemaphoreState { held, waiters } = &mut *semaphore.lock();
                prop_assert!(waiters.pop_key_where(|key| held.has_room(key)).is_none(), "somebody waits who could go");
            }
            drop((waiting, held));
            prop_assert_eq!(semaphore.available_permits(), permits);
            prop_assert_eq!(semaphore.lock().held.keys(), 0);
            prop_assert!(semaphore.lock().waiters.is_empty());
        }
    }
}
