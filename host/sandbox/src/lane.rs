//! Turns at computing, so many at a time, handed out in rounds: every business that waits gets one before any gets two.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// So many turns at a time, and so many for one business.
pub(crate) struct Lane {
    each: usize,
    state: Mutex<State>,
}

struct State {
    free: usize,
    businesses: HashMap<Arc<str>, Business>,
    /// Businesses in which somebody waits, each once; the first is next.
    round: VecDeque<Arc<str>>,
}

#[derive(Default)]
struct Business {
    computing: usize,
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// The right to compute, until it is dropped.
pub(crate) struct Turn {
    lane: Arc<Lane>,
    business: Arc<str>,
}

impl Lane {
    pub fn new(total: usize, each: usize) -> Arc<Self> {
        let state = State { free: total, businesses: HashMap::new(), round: VecDeque::new() };
        Arc::new(Self { each, state: Mutex::new(state) })
    }

    /// Waits for a turn of a business. Whoever gives up waiting has taken nothing.
    pub async fn turn(self: &Arc<Self>, business: &Arc<str>) -> Turn {
        loop {
            let coming = match self.take(business) {
                Ok(turn) => return turn,
                Err(coming) => coming,
            };
            // A sender is dropped only after its receiver.
            if let Ok(turn) = coming.await {
                return turn;
            }
        }
    }

    /// Turns that nobody has.
    pub fn free(&self) -> usize {
        self.lock().free
    }

    fn take(self: &Arc<Self>, business: &Arc<str>) -> Result<Turn, oneshot::Receiver<Turn>> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let one = state.businesses.entry(business.clone()).or_default();
        if state.free > 0 && one.computing < self.each {
            state.free -= 1;
            one.computing += 1;
            return Ok(self.turn_of(business));
        }
        if one.waiting.is_empty() {
            state.round.push_back(business.clone());
        }
        let (sender, receiver) = oneshot::channel();
        one.waiting.push_back(sender);
        Err(receiver)
    }

    fn turn_of(self: &Arc<Self>, business: &Arc<str>) -> Turn {
        Turn { lane: self.clone(), business: business.clone() }
    }

    fn give_back(self: &Arc<Self>, business: &Arc<str>) {
        let mut state = self.lock();
        state.free += 1;
        if let Some(one) = state.businesses.get_mut(business) {
            one.computing = one.computing.saturating_sub(1);
        }
        let next = state.next(self.each);
        state.forget(business);
        drop(state);
        if let Some((business, sender)) = next {
            // Who has just given up waiting gives the turn back by dropping it.
            drop(sender.send(self.turn_of(&business)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next one whose turn it is, which is taken for it.
    fn next(&mut self, each: usize) -> Option<(Arc<str>, oneshot::Sender<Turn>)> {
        let mut at = 0;
        while let Some(business) = self.round.get(at).cloned() {
            let Some(one) = self.businesses.get_mut(&business) else {
                self.round.remove(at);
                continue;
            };
            one.waiting.retain(|sender| !sender.is_closed());
            if one.waiting.is_empty() {
                self.round.remove(at);
                self.forget(&business);
                continue;
            }
            if one.computing >= each {
                at += 1;
                continue;
            }
            let sender = one.waiting.pop_front()?;
            one.computing += 1;
            self.free -= 1;
            let waits = !one.waiting.is_empty();
            self.round.remove(at);
            if waits {
                self.round.push_back(business.clone());
            }
            return Some((business, sender));
        }
        None
    }

    fn forget(&mut self, business: &Arc<str>) {
        if self.businesses.get(business).is_some_and(|one| one.computing == 0 && one.waiting.is_empty()) {
            self.businesses.remove(business);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.lane.give_back(&self.business);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn now<F: Future>(future: F) -> Option<F::Output> {
        match poll(pin!(future)) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn no_more_turns_are_out_than_there_are_and_none_is_lost() {
        let (lane, one) = (Lane::new(2, 2), Arc::from("one"));
        let first = now(lane.turn(&one)).unwrap();
        let second = now(lane.turn(&one)).unwrap();
        assert!(now(lane.turn(&one)).is_none(), "and whoever gave up takes none");
        drop(first);
        let third = now(lane.turn(&one)).unwrap();
        drop((second, third));
        assert_eq!(lane.free(), 2);
        assert!(lane.lock().businesses.is_empty() && lane.lock().round.is_empty(), "nothing is kept of who has gone");
    }

    #[test]
    fn every_business_that_waits_has_a_turn_before_one_has_two() {
        let (lane, one, other) = (Lane::new(1, 1), Arc::from("one"), Arc::from("other"));
        let turn = now(lane.turn(&one)).unwrap();
        let (mut ones, mut ones_second) = (pin!(lane.turn(&one)), pin!(lane.turn(&one)));
        let mut others = pin!(lane.turn(&other));
        assert!(poll(ones.as_mut()).is_pending() && poll(ones_second.as_mut()).is_pending());
        assert!(poll(others.as_mut()).is_pending());
        drop(turn);
        let Poll::Ready(turn) = poll(ones.as_mut()) else { panic!("it came first") };
        drop(turn);
        assert!(poll(ones_second.as_mut()).is_pending());
        let Poll::Ready(turn) = poll(others.as_mut()) else { panic!("it is the other one's turn") };
        drop(turn);
        assert!(poll(ones_second.as_mut()).is_ready());
    }

    #[test]
    fn one_business_has_no_more_turns_than_it_may_and_others_have_theirs() {
        let (lane, one, other) = (Lane::new(3, 1), Arc::from("one"), Arc::from("other"));
        let turn = now(lane.turn(&one)).unwrap();
        let mut second = pin!(lane.turn(&one));
        assert!(poll(second.as_mut()).is_pending());
        let others = now(lane.turn(&other)).unwrap();
        drop(others);
        assert!(poll(second.as_mut()).is_pending(), "what another gives back is not for it");
        drop(turn);
        assert!(poll(second.as_mut()).is_ready());
    }

    #[test]
    fn a_turn_that_comes_when_nobody_waits_for_it_any_more_goes_on() {
        let (lane, one) = (Lane::new(1, 1), Arc::from("one"));
        let turn = now(lane.turn(&one)).unwrap();
        {
            let mut gone = pin!(lane.turn(&one));
            assert!(poll(gone.as_mut()).is_pending());
            drop(turn);
            // Handed over, and never taken.
        }
        assert!(now(lane.turn(&one)).is_some());
    }
}
