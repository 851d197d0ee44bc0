use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A queue of queues: items of one key leave in the order in which they came, and the keys take turns, one item each. A
/// key that has many items so delays the others by one item per round.
///
/// The queue is bounded: one key has at most `max_per_key` items, and all keys together have `max_total`. An item of a
/// key with a short queue still finds room in a full queue: it evicts the newest item of the longest queue. So a key
/// that floods the queue cannot keep others out of it.
///
/// The queue is plain data: it waits for nothing and has no lock. [`FairSemaphore`](crate::FairSemaphore) keeps its
/// waiters in one.
///
/// # Examples
///
/// ```
/// use signalbox_limits::FairQueue;
///
/// let mut queue = FairQueue::new(10, 5);
/// for item in ["first", "second"] {
///     queue.try_push("flood", item).unwrap();
/// }
/// queue.try_push("other", "third").unwrap();
/// assert_eq!(queue.pop(), Some(("flood", "first")));
/// assert_eq!(queue.pop(), Some(("other", "third")));
/// assert_eq!(queue.pop(), Some(("flood", "second")));
/// ```
#[derive(Debug)]
pub struct FairQueue<K, T> {
    max_total: usize,
    max_per_key: usize,
    /// Only queues that have an item.
    queues: HashMap<K, KeyQueue<T>>,
    /// The keys of these queues, each once; the key whose turn is next comes first.
    rotation: VecDeque<K>,
    /// Items that count against the bounds.
    bounded: usize,
    /// The number of the newest item. Numbers rise, so that an item is found in its queue by binary search.
    newest: u64,
}

#[derive(Debug)]
struct KeyQueue<T> {
    items: VecDeque<QueuedItem<T>>,
    /// Items that count against the bounds.
    bounded: usize,
}

#[derive(Debug)]
struct QueuedItem<T> {
    number: u64,
    is_exempt: bool,
    item: T,
}

/// Names an item of a [`FairQueue`], to take it out before its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueTicket<K> {
    key: K,
    number: u64,
}

/// An item is in the queue from now on.
#[derive(Debug, PartialEq, Eq)]
pub struct PushedItem<K, T> {
    /// Names the item.
    pub ticket: QueueTicket<K>,
    /// The item that had to leave the queue for it.
    pub evicted: Option<T>,
}

/// Why an item is not in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueFull {
    /// The key has as many items as one key may have.
    #[error("the key has as many items in the queue as one key may have")]
    Key,
    /// The queue has as many items as it may, and no other key has a longer queue.
    #[error("the queue is full, and no other key has more items in it")]
    Total,
}

impl<K> QueueTicket<K> {
    /// The key in whose queue the item is.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Clone + Eq + Hash, T> FairQueue<K, T> {
    /// An empty queue with these bounds.
    pub fn new(max_total: usize, max_per_key: usize) -> Self {
        Self { max_total, max_per_key, queues: HashMap::new(), rotation: VecDeque::new(), bounded: 0, newest: 0 }
    }

    /// An empty queue without bounds.
    pub fn unbounded() -> Self {
        Self::new(usize::MAX, usize::MAX)
    }

    /// Puts an item at the end of its key's queue. In a full queue the newest item of the longest queue is evicted,
    /// unless the new item would be that one itself.
    pub fn try_push(&mut self, key: K, item: T) -> Result<PushedItem<K, T>, QueueFull> {
        let own = self.queues.get(&key).map_or(0, |queue| queue.bounded);
        if own >= self.max_per_key {
            return Err(QueueFull::Key);
        }
        let evicted = match self.bounded < self.max_total {
            true => None,
            false => Some(self.evict(own).ok_or(QueueFull::Total)?),
        };
        Ok(PushedItem { ticket: self.push(key, item, false), evicted })
    }

    /// Puts an item at the end of its key's queue that counts against no bound and is never evicted. The caller bounds
    /// such items in another way.
    pub fn push_exempt(&mut self, key: K, item: T) -> QueueTicket<K> {
        self.push(key, item, true)
    }

    /// Takes out the next item: the first one of the key whose turn it is.
    pub fn pop(&mut self) -> Option<(K, T)> {
        self.pop_key_where(|_| true)
    }

    /// Takes out the first item of the first key that is eligible. A key that is passed over keeps its turn.
    pub fn pop_key_where(&mut self, is_eligible: impl FnMut(&K) -> bool) -> Option<(K, T)> {
        let turn = self.rotation.iter().position(is_eligible)?;
        self.pop_at(turn, 0)
    }

    /// Takes out the first item that is eligible, of the first key that has one. Keys and items that are passed over
    /// keep their places.
    pub fn pop_where(&mut self, mut is_eligible: impl FnMut(&K, &T) -> bool) -> Option<(K, T)> {
        let (turn, position) = self.rotation.iter().enumerate().find_map(|(turn, key)| {
            let items = &self.queues.get(key)?.items;
            Some((turn, items.iter().position(|queued| is_eligible(key, &queued.item))?))
        })?;
        self.pop_at(turn, position)
    }

    /// Takes out an item before its turn; none when it is not in the queue any more.
    pub fn remove(&mut self, ticket: &QueueTicket<K>) -> Option<T> {
        let items = &self.queues.get(&ticket.key)?.items;
        let position = items.binary_search_by_key(&ticket.number, |queued| queued.number).ok()?;
        let (item, is_last) = self.take(&ticket.key, position)?;
        if is_last && let Some(turn) = self.rotation.iter().position(|key| *key == ticket.key) {
            self.rotation.remove(turn);
        }
        Some(item)
    }

    /// Takes out everything, in no particular order.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, T)> {
        self.rotation.clear();
        self.bounded = 0;
        let queues = std::mem::take(&mut self.queues).into_iter();
        queues.flat_map(|(key, queue)| queue.items.into_iter().map(move |queued| (key.clone(), queued.item)))
    }

    /// Whether nothing is in the queue.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// How many items count against the bounds.
    pub fn bounded_len(&self) -> usize {
        self.bounded
    }

    /// How many keys have an item, and so take memory.
    pub fn keys(&self) -> usize {
        self.queues.len()
    }

    fn push(&mut self, key: K, item: T, is_exempt: bool) -> QueueTicket<K> {
        self.newest += 1;
        let number = self.newest;
        let queue = self.queues.entry(key.clone()).or_insert_with(|| {
            self.rotation.push_back(key.clone());
            KeyQueue { items: VecDeque::new(), bounded: 0 }
        });
        queue.items.push_back(QueuedItem { number, is_exempt, item });
        queue.bounded += usize::from(!is_exempt);
        self.bounded += usize::from(!is_exempt);
        QueueTicket { key, number }
    }

    /// Takes out an item whose turn it is; its key comes last in the next round.
    fn pop_at(&mut self, turn: usize, position: usize) -> Option<(K, T)> {
        let key = self.rotation.remove(turn)?;
        let (item, is_last) = self.take(&key, position)?;
        if !is_last {
            self.rotation.push_back(key.clone());
        }
        Some((key, item))
    }

    /// The newest bounded item of the longest queue, unless that is not longer than the newcomer's queue, which has
    /// `own` items, would be with it.
    fn evict(&mut self, own: usize) -> Option<T> {
        let (longest, queue) = self.queues.iter().max_by_key(|(_, queue)| queue.bounded)?;
        if queue.bounded <= own + 1 {
            return None;
        }
        let position = queue.items.iter().rposition(|queued| !queued.is_exempt)?;
        let longest = longest.clone();
        // It has another item, so it keeps its turn.
        self.take(&longest, position).map(|(item, _)| item)
    }

    /// Takes an item out of its queue, and says whether it was the last one there; the rotation is the caller's.
    fn take(&mut self, key: &K, position: usize) -> Option<(T, bool)> {
        let queue = self.queues.get_mut(key)?;
        let QueuedItem { is_exempt, item, .. } = queue.items.remove(position)?;
        queue.bounded -= usize::from(!is_exempt);
        self.bounded -= usize::from(!is_exempt);
        let is_last = queue.items.is_empty();
        if is_last {
            self.queues.remove(key);
        }
        Some((item, is_last))
    }
}

#[cfg(test)]
mod tests;
