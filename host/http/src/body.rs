//! The bodies of requests and answers: what a handler leaves of a request is read to its end, and the end of an answer
//! is noted.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};

use crate::progress::ConnectionProgress;

/// The most that is read of a request that was answered already, and how long that may take: as much as a request of
/// any use has, so that its connection can take the next.
const REST: u64 = 256 * 1024;
const REST_TIME: Duration = Duration::from_secs(1);

/// A request's body, lent to whoever answers the request.
pub(super) struct Lent<B> {
    /// Taken when this goes.
    body: Option<B>,
    touched: bool,
    back: Rest<B>,
}

/// What the answerer leaves of a body.
pub(super) struct Rest<B>(Arc<Mutex<Option<(B, bool)>>>);

impl<B> Clone for Rest<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Body<Data = Bytes> + Unpin> Lent<B> {
    pub fn new(body: B) -> (Self, Rest<B>) {
        let rest = Rest(Arc::default());
        (Self { body: Some(body), touched: false, back: rest.clone() }, rest)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Rest<B> {
    /// Whether the body was read to its end; what is left of it is read now, unless that is too much. Of a client that
    /// waits to be told that it may send (`Expect: 100-continue`), nothing is asked any more.
    pub async fn is_read(&self, waits_for_continue: bool) -> bool {
        // Nobody has it back: somebody reads on while the answer is being written.
        let Some((mut body, touched)) = self.take() else { return false };
        if body.is_end_stream() {
            return true;
        }
        if (waits_for_continue && !touched) || body.size_hint().lower() > REST {
            return false;
        }
        let reading = async {
            let mut read = 0;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                read += frame.data_ref().map_or(0, |data| data.len() as u64);
                if read > REST {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(REST_TIME, reading).await.unwrap_or(false)
    }

    /// Whether the body was read to its end by whoever answered.
    pub fn was_read(&self) -> bool {
        self.take().is_some_and(|(body, _)| body.is_end_stream())
    }

    fn take(&self) -> Option<(B, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<B> Drop for Lent<B> {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            *self.back.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((body, self.touched));
        }
    }
}

impl<B: Body + Unpin> Body for Lent<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        this.touched = true;
        this.body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(task))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

/// An answer's body; when it goes, the answer has been handed over to be written.
pub(super) struct AnswerBody {
    body: axum::body::Body,
    progress: Option<Arc<ConnectionProgress>>,
}

impl AnswerBody {
    pub fn new(body: axum::body::Body, progress: Option<Arc<ConnectionProgress>>) -> Self {
        Self { body, progress }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            progress.answered();
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(task)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn full(bytes: usize) -> Full<Bytes> {
        Full::new(Bytes::from(vec![0; bytes]))
    }

    #[tokio::test]
    async fn what_nobody_read_of_a_body_is_read_unless_it_is_too_much() {
        for (bytes, waits, read) in [(0, false, true), (1, false, true), (300 * 1024, false, false), (1, true, false)] {
            let (lent, rest) = Lent::new(full(bytes));
            drop(lent);
            assert_eq!(rest.is_read(waits).await, read, "{bytes} {waits}");
        }
        let (lent, rest) = Lent::new(full(5));
        assert_eq!(lent.collect().await.unwrap().to_bytes().len(), 5);
        assert!(rest.was_read(), "the handler read it itself");
        let (_lent, rest) = Lent::new(full(5));
        assert!(!rest.is_read(false).await, "somebody still has it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_or_does_not_end_is_not_waited_for() {
        let piece = || Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![0; 64 * 1024])));
        let (lent, rest) = Lent::new(StreamBody::new(futures_util::stream::repeat_with(piece)));
        drop(lent);
        assert!(!rest.is_read(false).await, "without an end");
        type Never = futures_util::stream::Pending<Result<Frame<Bytes>, std::io::Error>>;
        let never: Never = futures_util::stream::pending();
        let (lent, rest) = Lent::new(StreamBody::new(never));
        drop(lent);
        assert!(!rest.is_read(false).await, "without a byte");
    }
}
