use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{Close, CloseCode, Encoded, FrameKey};

/// The bytes that one queued frame counts in addition to its own, so that the number of tiny frames is bounded too.
const FRAME_OVERHEAD: usize = 64;

/// How many frames an outbox remembers, so that it takes none of them a second time from [`Outbox::push_once`].
const REMEMBERED: usize = 64;

/// The frames that wait to be written to one connection, bounded in bytes. Many tasks put frames in; the connection's
/// own task takes them out.
#[derive(Debug)]
pub struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    closing: Notify,
    drained: Notify,
    limit: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Encoded>,
    bytes: usize,
    /// The keys of the last frames, the oldest first.
    recent: VecDeque<FrameKey>,
    close: Option<Close>,
}

/// The result of queueing a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It will be written.
    Queued,
    /// It was left out, because it was unimportant and more than half of the room was taken.
    Dropped,
    /// It was left out, because the connection has been sent the same content before.
    Repeated,
    /// The connection is being closed.
    Closed,
}

impl Outbox {
    /// An outbox of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { waiting: Mutex::default(), filled: Notify::new(), closing: Notify::new(), drained: Notify::new(), limit }
    }

    /// Queues a frame. When the outbox is full, the client is too slow and the connection is closed for that reason,
    /// because a client could not tell a frame that was left out from one that was never sent.
    pub fn push(&self, frame: Encoded) -> Pushed {
        let mut waiting = self.lock();
        waiting.remember(&frame);
        let cost = frame.len() + FRAME_OVERHEAD;
        self.queue(waiting, cost, |frames| frames.push_back(frame))
    }

    /// Like [`Outbox::push`], but leaves out a frame whose key one of the last frames had. Several paths may find the
    /// same answer: this host's own decision, a record of another host, and a client's resume.
    pub fn push_once(&self, frame: Encoded) -> Pushed {
        let mut waiting = self.lock();
        if frame.key().is_some_and(|key| waiting.recent.contains(&key)) {
            return Pushed::Repeated;
        }
        waiting.remember(&frame);
        let cost = frame.len() + FRAME_OVERHEAD;
        self.queue(waiting, cost, |frames| frames.push_back(frame))
    }

    /// Queues a frame before all frames that wait.
    pub fn push_first(&self, frame: Encoded) -> Pushed {
        let cost = frame.len() + FRAME_OVERHEAD;
        self.queue(self.lock(), cost, |frames| frames.push_front(frame))
    }

    /// Calls `first` and then queues the frames; no frame can be taken out before `first` has returned. `first` must
    /// not wait, and must not use this outbox. Either all frames are queued or none.
    pub fn push_after(&self, frames: impl IntoIterator<Item = Encoded>, first: impl FnOnce()) -> Pushed {
        // Collected before the lock is taken, because the iterator may encode frames.
        let frames: Vec<Encoded> = frames.into_iter().collect();
        let cost: usize = frames.iter().map(|frame| frame.len() + FRAME_OVERHEAD).sum();
        let mut waiting = self.lock();
        first();
        for frame in &frames {
            waiting.remember(frame);
        }
        self.queue(waiting, cost, |queue| queue.extend(frames))
    }

    fn queue(
        &self,
        mut waiting: MutexGuard<'_, Waiting>,
        cost: usize,
        put: impl FnOnce(&mut VecDeque<Encoded>),
    ) -> Pushed {
        if waiting.close.is_some() {
            return Pushed::Closed;
        }
        if waiting.bytes + cost > self.limit {
            drop(waiting);
            self.close(Close::new(CloseCode::SlowConsumer));
            return Pushed::Closed;
        }
        waiting.bytes += cost;
        put(&mut waiting.frames);
        drop(waiting);
        self.filled.notify_one();
        Pushed::Queued
    }

    /// Queues a frame that the client can do without, while at least half of the room is free.
    pub fn push_unimportant(&self, frame: Encoded) -> Pushed {
        if self.lock().bytes > self.limit / 2 { Pushed::Dropped } else { self.push(frame) }
    }

    /// Asks the connection's task to close. The first reason stays. The queue of a slow consumer is dropped, because
    /// the client would not read it in time; every other close is sent after the queued frames.
    pub fn close(&self, close: Close) {
        let mut waiting = self.lock();
        if waiting.close.is_none() {
            if close.code == CloseCode::SlowConsumer {
                waiting.frames = VecDeque::new();
                waiting.bytes = 0;
            }
            waiting.close = Some(close);
        }
        drop(waiting);
        self.filled.notify_one();
        self.closing.notify_one();
        self.drained.notify_one();
    }

    /// The next frame to write.
    pub fn pop(&self) -> Option<Encoded> {
        let mut waiting = self.lock();
        let frame = waiting.frames.pop_front()?;
        waiting.bytes -= frame.len() + FRAME_OVERHEAD;
        if waiting.frames.is_empty() && waiting.frames.capacity() > 32 {
            // An idle connection must not keep the memory of a burst.
            waiting.frames = VecDeque::new();
        }
        let roomy = waiting.bytes <= self.limit / 2;
        drop(waiting);
        if roomy {
            self.drained.notify_one();
        }
        Some(frame)
    }

    /// Why the connection is to be closed, once its close was requested.
    pub fn close_requested(&self) -> Option<Close> {
        self.lock().close.clone()
    }

    /// The bytes that wait, including the overhead of each frame.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Waits until there may be a frame to pop, or a close. Only the connection's own task may call it.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Waits until the client has turned out to be too slow. Only the connection's own task may call it, while it
    /// writes.
    pub async fn overflowed(&self) {
        while self.lock().close.as_ref().is_none_or(|close| close.code != CloseCode::SlowConsumer) {
            self.closing.notified().await;
        }
    }

    /// Waits until half of the room is free; false when the connection is being closed. Only one task may wait at a
    /// time: the replay of a resume.
    pub async fn room(&self) -> bool {
        loop {
            {
                let waiting = self.lock();
                if waiting.close.is_some() {
                    return false;
                }
                if waiting.bytes <= self.limit / 2 {
                    return true;
                }
            }
            self.drained.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code under the lock can panic in the middle of a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn remember(&mut self, frame: &Encoded) {
        let Some(key) = frame.key() else { return };
        if self.recent.len() >= REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn frame(len: usize) -> Encoded {
        Encoded::text("x".repeat(len))
    }

    #[test]
    fn a_full_outbox_closes_as_slow_consumer_and_frees_its_memory() {
        let outbox = Outbox::new(1_000);
        assert_eq!(outbox.push(frame(800)), Pushed::Queued);
        assert_eq!(outbox.push(frame(800)), Pushed::Closed);
        assert_eq!(outbox.close_requested().unwrap().code, CloseCode::SlowConsumer);
        assert_eq!(outbox.bytes(), 0);
        assert!(outbox.pop().is_none());
        assert_eq!(outbox.push(frame(1)), Pushed::Closed);
    }

    #[test]
    fn tiny_frames_count_their_overhead() {
        let outbox = Outbox::new(FRAME_OVERHEAD * 10);
        let queued = std::iter::repeat_with(|| outbox.push(frame(0))).take_while(|p| *p == Pushed::Queued).count();
        assert_eq!(queued, 10);
    }

    #[test]
    fn unimportant_frames_leave_room_for_important_ones() {
        let outbox = Outbox::new(1_000);
        assert_eq!(outbox.push_unimportant(frame(600)), Pushed::Queued);
        assert_eq!(outbox.push_unimportant(frame(1)), Pushed::Dropped);
        assert_eq!(outbox.push(frame(100)), Pushed::Queued);
    }

    #[test]
    fn a_close_keeps_what_was_queued_before_it_and_its_first_reason() {
        let outbox = Outbox::new(1_000);
        outbox.push(frame(10));
        outbox.close(CloseCode::Restart.into());
        outbox.close(CloseCode::Abuse.into());
        assert_eq!(outbox.pop().unwrap().len(), 10);
        assert_eq!(outbox.close_requested().unwrap().code, CloseCode::Restart);
    }

    #[test]
    fn a_greeting_comes_before_what_others_said_meanwhile() {
        let outbox = Outbox::new(1_000);
        outbox.push(frame(3));
        assert_eq!(outbox.push_first(frame(1)), Pushed::Queued);
        outbox.push(frame(4));
        let lengths: Vec<_> = std::iter::from_fn(|| outbox.pop()).map(|frame| frame.len()).collect();
        assert_eq!(lengths, [1, 3, 4]);
    }

    #[test]
    fn whoever_takes_a_frame_out_finds_done_what_was_to_be_done_before() {
        use std::sync::atomic::{AtomicBool, Ordering};
        for _ in 0..200 {
            let (outbox, done) = (Outbox::new(1_000), AtomicBool::new(false));
            std::thread::scope(|scope| {
                let reader = scope.spawn(|| {
                    while outbox.pop().is_none() {
                        std::hint::spin_loop();
                    }
                    done.load(Ordering::SeqCst)
                });
                let first = || {
                    std::thread::yield_now();
                    done.store(true, Ordering::SeqCst);
                };
                assert_eq!(outbox.push_after([frame(1), frame(2)], first), Pushed::Queued);
                assert!(reader.join().unwrap());
            });
            assert_eq!(outbox.pop().unwrap().len(), 2, "in their order");
        }
    }

    #[tokio::test]
    async fn room_comes_back_when_the_client_reads() {
        let outbox = Arc::new(Outbox::new(1_000));
        outbox.push(frame(700));
        let waiter = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.room().await }
        });
        outbox.pop();
        assert!(waiter.await.unwrap());
        outbox.push(frame(700));
        outbox.close(CloseCode::Restart.into());
        assert!(!outbox.room().await);
    }
}
